"""Rows that a run left behind are taken up by the next; those of a living run are its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from followups.ledger.planning import PlanLedger
from followups.ledger.rows import Standing
from followups.planning import chunks
from followups.planning.batching import MAX_BYTES_PER_CALL
from followups.planning.planner import Planner
from tests.contract.ledger_kit import (
    REFUSED,
    batch,
    batch_ids,
    counted,
    die,
    end,
    make_planner,
    one,
    open_plan,
    plan,
    rows_of,
    send,
    sender_of,
    states,
    take,
)
from tests.support.follow_ups import make_feed, make_reader, make_row, make_rows


def sizes(engine: sa.Engine, plan_id: int) -> list[int]:
    """How many deliveries stand in each batch of a plan."""
    found = Counter(row["batch_id"] for row in rows_of(engine))
    return [found[batch_id] for batch_id in batch_ids(engine, plan_id)]


def test_rows_of_a_living_run_are_left_to_it(engine: sa.Engine) -> None:
    first, _ = plan(engine, make_rows(3))
    _, counts = plan(engine, make_rows(3), run="run-2", leftovers=True)
    assert (counts.outcomes, counts.leftovers) == ({"with another run": 3}, 0)
    assert sizes(engine, first) == [3]


@pytest.mark.parametrize("gone", [die, end])
def test_rows_of_a_run_that_died_or_ended_are_taken_up_with_or_without_their_window(
    engine: sa.Engine, gone: Callable[..., None]
) -> None:
    first, _ = plan(engine, make_rows(3))
    gone(engine, first)
    second, counts = plan(engine, [make_row("f-2")], run="run-2", leftovers=True)
    assert (counts.outcomes, counts.leftovers, counts.to_send) == ({"again": 1}, 2, 3)
    assert (sizes(engine, first), sizes(engine, second)) == ([0], [3])


def test_retry_of_a_plan_takes_over_its_own_rows_at_once(engine: sa.Engine) -> None:
    first, _ = plan(engine, make_rows(60), closed=False)
    second, counts = plan(engine, make_rows(60))
    assert counts.outcomes == {"again": 60}
    assert (sizes(engine, first), sizes(engine, second)) == ([0, 0], [50, 10])


def test_row_that_is_taken_up_follows_the_warehouse(engine: sa.Engine) -> None:
    first, _ = plan(engine, make_rows(2))
    end(engine, first)
    plan(engine, [make_row("f-1", subject="New subject"), make_row("f-2", cancelled=True)], run="run-2")
    assert states(engine) == {"f-1": "planned", "f-2": "cancelled"}
    assert "New subject" in one(rows_of(engine), "f-1")["payload"]


@pytest.mark.parametrize(("changes", "state"), [({"cancelled": True}, "cancelled"), ({"subject": None}, "invalid")])
def test_row_that_is_withdrawn_leaves_even_a_living_runs_batch(
    engine: sa.Engine, changes: dict[str, object], state: str
) -> None:
    first, _ = plan(engine, make_rows(2))
    plan(engine, [make_row("f-1", **changes)], run="run-2")
    _, intent = take(sender_of(engine), batch_ids(engine, first)[0])
    assert len(intent.payloads) == 1
    assert states(engine) == {"f-1": state, "f-2": "sending"}


def test_what_was_sent_before_the_run_died_is_not_taken_up(engine: sa.Engine) -> None:
    first, _ = plan(engine, make_rows(2))
    send(engine, first)
    die(engine, first)
    _, counts = plan(engine, make_rows(2), run="run-2", leftovers=True)
    assert (counts.outcomes, counts.leftovers) == ({"already accepted": 2}, 0)


def test_leftovers_fill_up_after_the_rows_of_the_window_in_any_number(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 60)
    first, _ = plan(engine, make_rows(200))
    end(engine, first)
    window = [*make_rows(10), *(make_row(f"g-{number}") for number in range(20))]
    second, counts = plan(engine, window, run="run-2", leftovers=True)
    assert (counts.leftovers, counts.to_send, counted(engine)) == (190, 220, {"planned": 220})
    assert {row["plan_id"] for row in rows_of(engine)} == {second}
    assert sum(sizes(engine, second)) == 220
    assert max(sizes(engine, second)) <= 50
    assert sizes(engine, second) == [batch(engine, each)["rows"] for each in batch_ids(engine, second)]


def test_leftovers_heed_the_limit_and_the_earliest_due_come_first(engine: sa.Engine) -> None:
    rows = [make_row(f"f-{day}", due_at=f"2031-04-{day:02}T06:00:00Z") for day in (9, 7, 8)]
    first, _ = plan(engine, rows)
    end(engine, first)
    second, counts = plan(engine, run="run-2", leftovers=True, limit=2)
    assert counts.to_send == 2
    assert {row["followup_id"] for row in rows_of(engine) if row["plan_id"] == second} == {"f-7", "f-8"}


def test_leftovers_of_other_feeds_are_theirs(engine: sa.Engine) -> None:
    first, _ = plan(engine, make_rows(2), feed=make_feed(name="calls"))
    end(engine, first)
    assert plan(engine, run="run-2", leftovers=True)[1].leftovers == 0


@pytest.mark.parametrize(
    ("kind", "account", "taken"),
    [("inline", "one", 2), ("inline", "other", 0), ("single", "one", 0), ("manual", "other", 2)],
)
def test_leftovers_are_what_bulk_creates_of_this_account_can_send(
    engine: sa.Engine, kind: str, account: str, taken: int
) -> None:
    dead = PlanLedger(engine, feed="visits", run_key="run-1", actor="run-1", leadsquared_conn_id=account)
    dead.open(kind=kind, mode="send", window=None)
    planner = make_planner(dead)
    planner.add(make_rows(2))
    planner.finish()
    die(engine, dead.plan_id)
    next_one = PlanLedger(engine, feed="visits", run_key="run-2", actor="run-2", leadsquared_conn_id="one")
    next_one.open(kind="inline", mode="send", window=None)
    assert len(next_one.leftovers(10)) == taken


def test_batches_keep_the_size_of_a_body_also_when_they_are_taken_up(engine: sa.Engine) -> None:
    text = "é" * 40_000

    def planned(run: str, rows: list[dict[str, object]]) -> int:
        ledger = open_plan(engine, run)
        planner = Planner(make_feed(), ledger, make_reader(), lambda *_: text)
        planner.add(rows)
        planner.add_leftovers()
        planner.finish()
        assert sum(sizes(engine, ledger.plan_id)) == 30
        assert max(sizes(engine, ledger.plan_id)) * len(text.encode()) <= MAX_BYTES_PER_CALL
        return ledger.plan_id

    end(engine, planned("run-1", make_rows(30)))
    planned("run-2", [])


def test_two_planners_of_the_same_rows_share_them_without_a_conflict(engine: sa.Engine) -> None:
    """Both look before either writes: the second finds the rows taken and sends none of them."""
    ledgers = [open_plan(engine, run) for run in ("run-1", "run-2")]
    planners = [make_planner(ledger) for ledger in ledgers]
    for planner, ledger in zip(planners, ledgers, strict=True):
        ledger.standing = lambda *_: Standing({}, {})  # type: ignore[method-assign]
        planner.add(make_rows(60))
        planner.finish()
    assert counted(engine) == {"planned": 60}
    assert sum(sizes(engine, ledgers[0].plan_id)) == 60
    assert send(engine, ledgers[0].plan_id) == 2
    for batch_id in batch_ids(engine, ledgers[1].plan_id):
        claim = sender_of(engine).claim(batch_id)
        assert claim is not None
        assert sender_of(engine).begin(claim, "x") is None
    assert counted(engine) == {"accepted": 60}


def test_two_planners_that_take_up_the_same_dead_run_do_not_take_from_each_other(engine: sa.Engine) -> None:
    dead, _ = plan(engine, make_rows(60))
    end(engine, dead)
    ledgers = [open_plan(engine, run) for run in ("run-2", "run-3")]
    found = [ledger.leftovers(1000) for ledger in ledgers]
    assert found[0] == found[1]
    for ledger in ledgers:
        planner = make_planner(ledger)
        answers = iter([found[0], []])
        ledger.leftovers = lambda _, answers=answers: next(answers)  # type: ignore[method-assign, misc]
        planner.add_leftovers()
        planner.finish()
    assert sum(sizes(engine, ledgers[0].plan_id)) == 60
    assert sum(sizes(engine, ledgers[1].plan_id)) == 0


def test_refused_batch_that_nobody_sent_again_is_taken_up(engine: sa.Engine) -> None:
    first, _ = plan(engine, make_rows(2))
    send(engine, first, REFUSED)
    end(engine, first)
    second, _ = plan(engine, run="run-2", leftovers=True)
    assert send(engine, second) == 1
    assert counted(engine) == {"accepted": 2}
