"""What is left alone unread is exactly what would be left alone after reading."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from followups.directory import Directory, TaskType, User
from followups.follow_up import (
    COLUMNS,
    GUID_PATTERN,
    MAX_DESCRIPTION,
    MAX_LOCATION,
    MAX_MINUTES,
    MAX_NAME,
    MAX_SUBJECT,
)
from followups.keys import RowHasher, content_hash
from followups.ledger.rows import Known
from followups.model import State
from followups.planning.decisions import Action, Decision, Requeue, decide
from followups.planning.related import refuse_strangers
from followups.planning.unchanged import comparable, states_left_alone
from followups.row_checks import CHECKS_EDITION, TEXT_PATTERN
from followups.rows import Candidate, Outlines
from tests.support.follow_ups import LEAD, OWNER, make_feed, make_reader, make_row, outline_of, read_one

REQUEUES: tuple[Requeue, ...] = ("none", "rejected", "held")
THIS_PLAN, OTHER_PLAN = 1, 2


@pytest.mark.parametrize(("state", "requeue"), list(product(State, REQUEUES)))
def test_row_that_is_left_would_be_left_whatever_the_checks_say(state: State, requeue: Requeue) -> None:
    if state not in states_left_alone(requeue):
        return
    known = Known(1, state, "content", OTHER_PLAN, 0, None, 7)
    by_the_row = state in {State.INVALID, State.CANCELLED}
    for now in (state,) if by_the_row else (State.PLANNED, State.HELD, State.INVALID):
        candidate = Candidate(key="k", followup_id="f", state=now, content_hash="content")
        decision = decide(candidate, known, plan_id=THIS_PLAN, requeue=requeue, is_live_elsewhere=lambda _: False)
        assert decision == Decision(Action.LEAVE, f"already {state}")


@pytest.mark.parametrize("requeue", REQUEUES)
def test_rows_that_a_run_or_a_person_may_move_are_read(requeue: Requeue) -> None:
    left = states_left_alone(requeue)
    assert left >= {State.SENDING, State.ACCEPTED, State.CREATED, State.UNKNOWN}
    assert not left & {State.PLANNED, requeue}


@pytest.mark.parametrize("changes", [
    {"subject": None}, {"owner_email": "asha"}, {"end_at": datetime(2031, 4, 5, tzinfo=UTC)}, {"cancelled": True},
    {"related_to": "lead"}, {"custom_fields": "{"},
], ids=str)  # fmt: skip
def test_verdict_that_the_row_alone_decides_is_kept_with_its_hash(changes: dict[str, Any]) -> None:
    reader, row = make_reader(), make_row(**changes)
    candidate = read_one(reader, row)
    assert candidate.state in {State.INVALID, State.CANCELLED}
    assert candidate.row_hash == outline_of(reader, row).row_hash


NAIVE = datetime(2031, 4, 5)  # noqa: DTZ001 - in the feed's zone


@pytest.mark.parametrize(("changes", "feed"), [
    ({"task_type": "Visit"}, {}),
    ({"owner_email": "nobody@example.com"}, {}),
    ({"owner_email": None, "owner_id": LEAD}, {}),
    ({"end_at": NAIVE}, {}),
    ({"due_at": datetime(9999, 12, 31, 23, tzinfo=UTC), "duration_minutes": 120}, {}),
    ({}, {"marker": {"place": "custom_field", "custom_field": "mx_Ref"}}),
], ids=str)  # fmt: skip
def test_verdict_that_something_else_may_change_is_kept_without_a_hash(
    changes: dict[str, Any], feed: dict[str, Any]
) -> None:
    user, task_type = User(id="u", email=OWNER, active=True), TaskType(name="Meeting", category=0, fields={})
    candidate = read_one(make_reader(make_feed(**feed), Directory.of([user], [task_type])), make_row(**changes))
    assert (candidate.state, candidate.row_hash) == (State.INVALID, None)


def test_lead_that_is_not_found_may_be_there_tomorrow() -> None:
    candidate = read_one(make_reader(), make_row(related_to="lead", related_id=LEAD))
    (refused,) = refuse_strangers([candidate], {}, lambda _kind, _ids: set())
    assert (refused.state, refused.row_hash) == (State.INVALID, None)


def test_checks_of_another_edition_know_no_row() -> None:
    hashes = {edition: RowHasher(["subject"], {}, edition=edition)([["Visit"]])[0] for edition in (1, 2)}
    assert hashes[1] != hashes[2]


def test_edition_of_the_checks_is_raised_with_their_limits() -> None:
    """Where this fails: raise `CHECKS_EDITION` if rows may pass that were refused, and note the new digest here."""
    limits = (MAX_NAME, MAX_SUBJECT, MAX_LOCATION, MAX_DESCRIPTION, MAX_MINUTES, GUID_PATTERN, TEXT_PATTERN)
    digest = content_hash(repr((limits, COLUMNS)))
    assert (CHECKS_EDITION, digest) == (1, "qb3hxb7lbzigsb3nwycog6bxbq")


def test_of_rows_without_a_hash_and_of_a_key_that_comes_twice_no_hash_is_compared() -> None:
    outlines = Outlines(["a", "b", "c", "c", "d"], [1, None, 3, 3, 4])
    assert comparable(outlines) == {"a": 1, "b": None, "c": None, "d": 4}


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
