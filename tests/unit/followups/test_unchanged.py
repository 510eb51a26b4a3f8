"""What is left alone unread is exactly what would be left alone after reading."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from followups.directory import Directory
from followups.ledger.rows import Known
from followups.model import State
from followups.planning.decisions import Action, Decision, Requeue, decide
from followups.planning.unchanged import comparable, states_left_alone
from followups.rows import Candidate, Outline
from tests.support.follow_ups import make_feed, make_reader, make_row, outline_of, read_one

REQUEUES: tuple[Requeue, ...] = ("none", "rejected", "held")
THIS_PLAN, OTHER_PLAN = 1, 2


@pytest.mark.parametrize(("state", "requeue"), list(product(State, REQUEUES)))
def test_row_that_is_left_would_be_left_whatever_the_checks_say(state: State, requeue: Requeue) -> None:
    if state not in states_left_alone(requeue):
        return
    known = Known(1, state, "content", OTHER_PLAN, 0, None, 7)
    for now in (State.PLANNED, State.HELD, State.INVALID):
        candidate = Candidate(key="k", followup_id="f", state=now, content_hash="content")
        decision = decide(candidate, known, plan_id=THIS_PLAN, requeue=requeue, is_live_elsewhere=lambda _: False)
        assert decision == Decision(Action.LEAVE, f"already {state}")


@pytest.mark.parametrize("requeue", REQUEUES)
def test_rows_that_the_checks_or_a_person_may_move_are_read(requeue: Requeue) -> None:
    left = states_left_alone(requeue)
    assert left >= {State.SENDING, State.ACCEPTED, State.CREATED, State.UNKNOWN}
    assert not left & {State.PLANNED, State.INVALID, State.CANCELLED, requeue}


def test_rows_without_a_hash_and_all_rows_of_a_key_that_comes_twice_are_read() -> None:
    outlines = [Outline("a", 1), Outline("b", None), Outline("c", 3), Outline("c", 3), Outline("d", 4)]
    assert comparable(outlines) == {"a": 1, "d": 4}


@pytest.mark.parametrize(
    "changes",
    [{"subject": "x"}, {"cancelled": True}, {"location": ""}, {"custom_fields": {"mx_Custom_1": 1}},
     {"due_at": datetime(2031, 4, 5, 6, 0, 1, tzinfo=UTC)}, {"duration_minutes": 30}],
    ids=str,
)  # fmt: skip
def test_hash_changes_with_every_column(changes: dict[str, Any]) -> None:
    reader = make_reader()
    assert outline_of(reader, make_row()).row_hash != outline_of(reader, make_row(**changes)).row_hash


def test_hash_does_not_change_with_columns_that_are_not_sent_and_does_with_the_feeds_defaults() -> None:
    row = make_row()
    assert outline_of(make_reader(), {**row, "loaded_at": 1, "location": None}) == outline_of(make_reader(), row)
    other = outline_of(make_reader(make_feed(defaults={"location": "Branch"})), row)
    assert other.row_hash != outline_of(make_reader(), row).row_hash


@pytest.mark.parametrize("value", ["\ud800", object()])
def test_row_that_cannot_be_hashed_is_read(value: Any) -> None:
    assert outline_of(make_reader(), make_row(subject=value)).row_hash is None


@pytest.mark.parametrize("followup_id", [" f-7 ", 12, Decimal(12), b"f-7", None, "", "x" * 300, 1.5, "\x1cf"])
def test_outline_has_the_key_of_the_row_that_is_read(followup_id: Any) -> None:
    reader = make_reader(make_feed(identity=["visit"]), Directory())
    row = make_row(followup_id, visit=datetime(2031, 4, 5, tzinfo=UTC))
    candidate = read_one(reader, row)
    assert candidate.key == outline_of(reader, row).key
    if candidate.state == State.PLANNED:
        assert outline_of(reader, {**row, "followup_id": candidate.followup_id}).key == candidate.key
