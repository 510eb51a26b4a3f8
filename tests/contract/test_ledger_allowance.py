"""No owner gets more follow-ups for one day than the feed allows; what exceeds it is held and shown."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from followups.schema import owner_days
from tests.contract.ledger_kit import (
    CrashError,
    counted,
    crash_at_write,
    end,
    make_planner,
    one,
    open_plan,
    plan,
    rows_of,
)
from tests.support.follow_ups import make_feed, make_row, make_rows

FEED = make_feed(max_per_owner_per_day=3)
WHY = "more than 3 for this owner on that day"


def used(engine: sa.Engine) -> list[tuple[str, int]]:
    query = sa.select(owner_days.c.day, owner_days.c.planned).order_by(owner_days.c.day, owner_days.c.planned)
    with engine.connect() as connection:
        return [(row[0], row[1]) for row in connection.execute(query)]


def test_what_exceeds_the_allowance_is_held_with_its_payload(engine: sa.Engine) -> None:
    _, counts = plan(engine, make_rows(5), feed=FEED)
    assert (counts.outcomes, counts.reasons) == ({"new": 3, "held": 2}, {("held", WHY): 2})
    assert all(row["payload"] and row["reason"] == WHY for row in rows_of(engine) if row["state"] == "held")


def test_allowance_is_counted_over_chunks_runs_and_unwritten_batches(engine: sa.Engine) -> None:
    plan(engine, make_rows(1), [make_row("f-2")], feed=FEED)
    _, counts = plan(engine, [make_row("f-3")], [make_row("f-4")], feed=FEED, run="run-2")
    assert (counts.outcomes, counted(engine)) == ({"new": 1, "held": 1}, {"planned": 3, "held": 1})


def test_owners_and_local_days_are_counted_apart(engine: sa.Engine) -> None:
    # 18:29 and 18:31 UTC are two days in India.
    rows = [make_row(f"{owner}-{minute}-{number}", owner_email=f"{owner}@example.com",
                     due_at=f"2031-04-05T18:{minute}:00Z")
            for owner in ("ava", "ben") for minute in (29, 31) for number in range(3)]  # fmt: skip
    _, counts = plan(engine, rows, feed=FEED)
    assert counts.outcomes == {"new": 12}
    assert used(engine) == [("2031-04-05", 3)] * 2 + [("2031-04-06", 3)] * 2


def test_owners_are_kept_as_digests(engine: sa.Engine) -> None:
    plan(engine, make_rows(1), feed=FEED)
    with engine.connect() as connection:
        (owner,) = connection.execute(sa.select(owner_days.c.owner)).scalars()
    assert "@" not in owner
    assert "ananya" not in owner


def test_row_that_is_taken_up_again_takes_nothing_twice(engine: sa.Engine) -> None:
    first, _ = plan(engine, make_rows(3), feed=FEED)
    end(engine, first)
    _, counts = plan(engine, make_rows(3), feed=FEED, run="run-2")
    assert (counts.outcomes, used(engine)) == ({"again": 3}, [("2031-04-05", 3)])


def test_bad_row_that_was_mended_needs_an_allowance_too(engine: sa.Engine) -> None:
    plan(engine, [*make_rows(2), make_row("f-3", subject=None), make_row("f-4", subject=None)], feed=FEED)
    _, counts = plan(engine, [make_row("f-3"), make_row("f-4")], feed=FEED, run="run-2")
    assert counts.outcomes == {"again": 1, "held": 1}
    assert one(rows_of(engine), "f-4")["reason"] == WHY


def test_person_may_send_more_than_is_allowed(engine: sa.Engine) -> None:
    plan(engine, make_rows(4), feed=FEED)
    _, counts = plan(engine, make_rows(4), feed=FEED, run="run-2", requeue="held")
    assert counts.outcomes == {"with another run": 3, "again": 1}


@pytest.mark.parametrize("nth", [1, 2, 3, 4])
def test_plan_that_dies_takes_no_allowance_for_rows_that_it_did_not_write(engine: sa.Engine, nth: int) -> None:
    planner = make_planner(open_plan(engine, feed=FEED), FEED)
    planner.add(make_rows(2))
    with crash_at_write(engine, nth), pytest.raises(CrashError):
        planner.finish()
    _, counts = plan(engine, make_rows(3), feed=FEED)
    assert (counts.to_send, counted(engine), used(engine)) == (3, {"planned": 3}, [("2031-04-05", 3)])


def test_no_allowance_is_kept_where_the_feed_sets_none(engine: sa.Engine) -> None:
    plan(engine, make_rows(9))
    assert used(engine) == []
