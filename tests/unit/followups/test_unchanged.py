"""What is left alone unread is exactly what would be left alone after reading."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from followups.directory import Directory
from followups.ledger.planning import Known
from followups.model import State
from followups.planning.decisions import Action, Decision, Requeue, decide
from followups.planning.unchanged import Unchanged
from followups.rows import Candidate, Outline
from tests.support.follow_ups import make_feed, make_reader, make_row

REQUEUES: tuple[Requeue, ...] = ("none", "rejected", "held")
THIS_PLAN, OTHER_PLAN = 1, 2


def known(state: State, row_hash: int | None = 7, plan_id: int = OTHER_PLAN) -> Known:
    return Known(1, state, "content", plan_id, 0, None, row_hash)


def is_left(
    found: Known | None, row_hash: int | None = 7, requeue: Requeue = "none", met: tuple[str, ...] = ()
) -> bool:
    found_by_key = {"k": found} if found else {}
    left, others = Unchanged(THIS_PLAN, requeue).part([({}, Outline("k", row_hash))], found_by_key, met)
    assert len(left) + len(others) == 1
    return bool(left)


@pytest.mark.parametrize(("state", "requeue"), list(product(State, REQUEUES)))
def test_row_that_is_left_would_be_left_whatever_the_checks_say(state: State, requeue: Requeue) -> None:
    if not is_left(known(state), requeue=requeue):
        return
    for now in (State.PLANNED, State.HELD, State.INVALID):
        candidate = Candidate(key="k", followup_id="f", state=now, content_hash="content")
        decision = decide(
            candidate, known(state), plan_id=THIS_PLAN, requeue=requeue, is_live_elsewhere=lambda _: False
        )
        assert decision == Decision(Action.LEAVE, f"already {state}")


@pytest.mark.parametrize("state", [State.SENDING, State.ACCEPTED, State.CREATED, State.UNKNOWN])
def test_delivered_row_is_left_only_if_nothing_moved(state: State) -> None:
    assert is_left(known(state))
    assert not is_left(None)
    assert not is_left(known(state), row_hash=8)
    assert not is_left(known(state), row_hash=None)
    assert not is_left(known(state, row_hash=None), row_hash=None)
    assert not is_left(known(state, plan_id=THIS_PLAN))
    assert not is_left(known(state), met=("k",))


@pytest.mark.parametrize("state", [State.PLANNED, State.INVALID, State.CANCELLED])
def test_row_that_the_checks_may_move_is_read(state: State) -> None:
    assert not is_left(known(state))


def test_second_row_of_a_key_is_read() -> None:
    pairs = [({}, Outline("k", 7)), ({}, Outline("k", 7)), ({}, Outline("other", 7))]
    left, others = Unchanged(THIS_PLAN, "none").part(pairs, {"k": known(State.CREATED)}, ())
    assert (list(left), others) == (["k"], pairs[1:])


@pytest.mark.parametrize(
    "changes",
    [{"subject": "x"}, {"cancelled": True}, {"location": ""}, {"custom_fields": {"mx_Custom_1": 1}},
     {"due_at": datetime(2031, 4, 5, 6, 0, 1, tzinfo=UTC)}, {"duration_minutes": 30}],
    ids=str,
)  # fmt: skip
def test_hash_changes_with_every_column(changes: dict[str, Any]) -> None:
    reader = make_reader()
    assert reader.outline(make_row()).row_hash != reader.outline(make_row(**changes)).row_hash


def test_hash_does_not_change_with_columns_that_are_not_sent_and_does_with_the_feeds_defaults() -> None:
    row = make_row()
    assert make_reader().outline({**row, "loaded_at": 1, "location": None}) == make_reader().outline(row)
    other = make_reader(make_feed(defaults={"location": "Branch"})).outline(row)
    assert other.row_hash != make_reader().outline(row).row_hash


@pytest.mark.parametrize("value", ["\ud800", object()])
def test_row_that_cannot_be_hashed_is_read(value: Any) -> None:
    assert make_reader().outline(make_row(subject=value)).row_hash is None


@pytest.mark.parametrize("followup_id", [" f-7 ", 12, Decimal(12), b"f-7", None, "", "x" * 300, 1.5, "\x1cf"])
def test_outline_has_the_key_of_the_row_that_is_read(followup_id: Any) -> None:
    reader = make_reader(make_feed(identity=["visit"]), Directory())
    row = make_row(followup_id, visit=datetime(2031, 4, 5, tzinfo=UTC))
    candidate = reader.read(row)
    assert candidate.key == reader.outline(row).key
    if candidate.state == State.PLANNED:
        assert reader.outline({**row, "followup_id": candidate.followup_id}).key == candidate.key
