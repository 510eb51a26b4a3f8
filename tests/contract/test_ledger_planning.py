"""Taking rows up: each follow-up is one delivery, in one batch, of one run."""

from __future__ import annotations

from collections import Counter

import pytest
import sqlalchemy as sa

from followups.ledger.preview import PreviewLedger
from followups.model import State
from tests.contract.ledger_kit import (
    REFUSED,
    REJECTED,
    batch_ids,
    counted,
    end,
    make_planner,
    one,
    plan,
    rows_of,
    send,
    states,
)
from tests.support.follow_ups import make_feed, make_row, make_rows


def test_new_rows_are_planned_in_batches_of_50(engine: sa.Engine) -> None:
    plan_id, counts = plan(engine, make_rows(120))
    assert (counts.due, counts.to_send, counts.batches, counts.outcomes) == (120, 120, 3, {"new": 120})
    assert batch_ids(engine, plan_id) == [f"{plan_id}-00000{number}" for number in (1, 2, 3)]
    assert sorted(Counter(row["batch_id"] for row in rows_of(engine)).values()) == [20, 50, 50]
    assert counted(engine) == {"planned": 120}


def test_batches_do_not_end_with_the_chunks_of_the_warehouse(engine: sa.Engine) -> None:
    rows = make_rows(120)
    _, counts = plan(engine, rows[:30], rows[30:70], rows[70:])
    assert (counts.batches, counted(engine)) == (3, {"planned": 120})


def test_same_rows_again_in_the_same_run_are_not_planned_twice(engine: sa.Engine) -> None:
    rows = make_rows(60)
    _, counts = plan(engine, rows, rows[:5], rows[55:])
    assert counts.outcomes == {"new": 60, "repeated row": 10}
    assert counted(engine) == {"planned": 60}


@pytest.mark.parametrize("across_chunks", [False, True])
def test_same_id_with_other_content_is_invalid_beyond_the_first(engine: sa.Engine, across_chunks: bool) -> None:
    first, second, third = (make_row("f-1", subject=subject) for subject in ("one", "two", "three"))
    chunks = ([first], [second], [third]) if across_chunks else ([first, second, third],)
    _, counts = plan(engine, *chunks)
    assert counts.outcomes == {"new": 1, "invalid": 2}
    assert [(row["followup_id"], row["state"]) for row in rows_of(engine)].count(("f-1", "invalid")) == 2
    assert counted(engine) == {"planned": 1, "invalid": 2}
    assert {row["reason"] for row in rows_of(engine) if row["state"] == "invalid"} == {
        "followup_id: another row of this window has the same id and other content; the first was taken"
    }


def test_duplicates_of_rows_that_identity_tells_apart_are_each_written_down(engine: sa.Engine) -> None:
    feed = make_feed(identity=["visit"])
    rows = [make_row("f-1", visit=visit, subject=subject) for visit in (1, 2) for subject in ("one", "two")]
    plan(engine, rows, feed=feed)
    assert counted(engine) == {"planned": 2, "invalid": 2}


def test_second_run_finds_what_the_first_delivered(engine: sa.Engine) -> None:
    first, _ = plan(engine, make_rows(3))
    send(engine, first)
    second, counts = plan(engine, make_rows(4), run="run-2")
    assert counts.outcomes == {"already accepted": 3, "new": 1}
    assert len(batch_ids(engine, second)) == 1


def test_bad_and_cancelled_rows_are_written_down_and_not_sent(engine: sa.Engine) -> None:
    plan_id, counts = plan(engine, [make_row("f-1", subject=None), make_row("f-2", cancelled=True)])
    assert states(engine) == {"f-1": "invalid", "f-2": "cancelled"}
    assert counts.reasons == {
        ("invalid", "subject: missing"): 1,
        ("cancelled", "cancelled in the warehouse before it was sent"): 1,
    }
    assert batch_ids(engine, plan_id) == []
    assert {row["payload"] for row in rows_of(engine)} == {None}


def test_row_without_a_form_in_leadsquared_is_invalid_and_the_others_go_on(engine: sa.Engine) -> None:
    _, counts = plan(engine, [make_row("f-1", subject="unsendable"), make_row("f-2")])
    assert states(engine) == {"f-1": "invalid", "f-2": "planned"}
    assert counts.reasons == {("invalid", "subject: cannot be sent"): 1}


def test_held_row_without_a_form_in_leadsquared_does_not_stop_the_others(engine: sa.Engine) -> None:
    feed = make_feed(past_due="hold")
    past = "2031-01-01T00:00:00Z"
    plan(engine, [make_row("f-1", subject="unsendable", due_at=past), make_row("f-2", due_at=past)], feed=feed)
    assert states(engine) == {"f-1": "invalid", "f-2": "held"}
    assert one(rows_of(engine), "f-2")["payload"] is not None


def test_bad_row_is_sent_once_it_is_mended(engine: sa.Engine) -> None:
    plan(engine, [make_row("f-1", subject=None)])
    _, counts = plan(engine, [make_row("f-1")], run="run-2")
    assert (counts.outcomes, states(engine)) == ({"again": 1}, {"f-1": "planned"})
    assert one(rows_of(engine), "f-1")["reason"] is None


def test_bad_row_that_stays_bad_is_not_written_down_again(engine: sa.Engine) -> None:
    plan(engine, [make_row("f-1", subject=None)])
    assert plan(engine, [make_row("f-1", subject=None)], run="run-2")[1].outcomes == {"already invalid": 1}
    _, counts = plan(engine, [make_row("f-1", subject=None, location=3)], run="run-3")
    assert counts.reasons == {("invalid", "subject: missing; location: not text"): 1}


def test_rejected_row_returns_when_it_changed_or_on_request(engine: sa.Engine) -> None:
    first, _ = plan(engine, make_rows(2))
    send(engine, first, REJECTED)
    assert plan(engine, make_rows(2), run="run-2")[1].outcomes == {"already rejected": 2}
    assert plan(engine, [make_row("f-1", subject="mended")], run="run-3")[1].outcomes == {"again": 1}
    assert plan(engine, [make_row("f-2")], run="run-4", requeue="rejected")[1].outcomes == {"again": 1}
    assert counted(engine) == {"planned": 2}


def test_held_row_is_sent_on_request(engine: sa.Engine) -> None:
    feed = make_feed(past_due="hold")
    rows = [make_row(due_at="2031-01-01T00:00:00Z")]
    assert plan(engine, rows, feed=feed)[1].outcomes == {"held": 1}
    assert plan(engine, rows, feed=feed, run="run-2")[1].outcomes == {"already held": 1}
    _, counts = plan(engine, rows, feed=feed, run="run-3", requeue="held")
    assert (counts.to_send, states(engine)) == (1, {"f-1": "planned"})


def test_limit_ends_the_plan_and_leaves_the_rest_to_others(engine: sa.Engine) -> None:
    _, counts = plan(engine, make_rows(30), make_rows(60), limit=35)
    assert (counts.to_send, counted(engine)) == (35, {"planned": 35})
    _, counts = plan(engine, make_rows(60), run="run-2")
    assert counts.outcomes == {"with another run": 35, "new": 25}


def test_feeds_do_not_share_rows(engine: sa.Engine) -> None:
    plan(engine, make_rows(2))
    _, counts = plan(engine, make_rows(2), run="run-2", feed=make_feed(name="calls"))
    assert (counts.outcomes, counted(engine)) == ({"new": 2}, {"planned": 4})


def test_preview_writes_nothing_and_says_the_same(engine: sa.Engine) -> None:
    dead, _ = plan(engine, make_rows(70))
    send(engine, dead, REFUSED)
    end(engine, dead)
    before = rows_of(engine)
    window = [*make_rows(3), make_row("f-71"), make_row("f-71"), make_row("f-72", subject=None)]
    preview = PreviewLedger(engine, feed="visits", run_key="run-2", actor="run-2")
    preview.open(kind="manual", mode="preview", window=None)
    planner = make_planner(preview)
    planner.add(window)
    planner.add(window)
    planner.add_leftovers()
    previewed = planner.finish()
    assert rows_of(engine) == before
    _, real = plan(engine, window, window, run="run-2", leftovers=True)
    assert previewed.as_json() == real.as_json()
    assert (real.leftovers, real.to_send) == (67, 71)
    assert {row["state"] for row in rows_of(engine)} == {State.PLANNED, State.INVALID}
