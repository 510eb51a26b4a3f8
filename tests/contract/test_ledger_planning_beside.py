"""Planning with looks ahead and writes behind comes to the same as planning step by step."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from followups.ledger.rows import Changes
from followups.planning.beside import Beside
from followups.planning.planner import Planner
from tests.contract.ledger_kit import counted, make_planner, open_plan, plan, rows_of, send
from tests.support.follow_ups import build_payload, make_feed, make_reader, make_row, make_rows

Chunks = list[list[dict[str, Any]]]
COLUMNS = ("followup_id", "state", "reason", "content_hash", "row_hash", "batch_id")


def beside(engine: sa.Engine) -> Beside:
    return Beside(looks=True, writes=engine.dialect.name != "sqlite")


def pipelined(engine: sa.Engine, chunks: Chunks, feed_name: str = "visits", run: str = "run-2") -> Planner:
    feed = make_feed(name=feed_name)
    with beside(engine) as threads:
        planner = make_planner(open_plan(engine, run, feed), feed, beside=threads)
        assert list(planner.add_all(chunks)) == [len(chunk) for chunk in chunks]
        planner.finish()
    return planner


def random_chunks(seed: int, *, ids: int = 40, count: int = 12) -> Chunks:
    """Chunks of few ids and fewer contents, so that most rows come several times, near and far apart."""
    choose = random.Random(seed)
    return [
        [
            make_row(
                f"f-{choose.randrange(ids)}",
                subject=choose.choice(["offer", "offer", "offer", "other", ""]),
                cancelled=choose.random() < 0.1,
            )
            for _ in range(choose.randrange(0, 25))
        ]
        for _ in range(count)
    ]


class WatchedLedger:
    """Passes everything on, and runs `before` with the number of each write."""

    def __init__(self, ledger: Any, before: Callable[[int], None]) -> None:
        self._ledger = ledger
        self._before = before
        self._writes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def write(self, changes: Changes) -> None:
        self._writes += 1
        self._before(self._writes)
        self._ledger.write(changes)


def written(engine: sa.Engine, feed: str) -> list[tuple[Any, ...]]:
    """The feed's rows, without the number of the plan that took them up."""
    rows = [row for row in rows_of(engine) if row["feed"] == feed]
    return sorted(
        (*(str(row[name]) for name in COLUMNS[:-1]), (row["batch_id"] or "-").partition("-")[2]) for row in rows
    )


@pytest.mark.parametrize("seed", range(8))
def test_pipelined_plan_comes_to_the_same_as_one_step_by_step(engine: sa.Engine, seed: int) -> None:
    before, chunks = random_chunks(1000 + seed)[:4], random_chunks(seed)
    for feed in ("visits", "calls"):
        plan_id, _ = plan(engine, *before, feed=make_feed(name=feed), run=f"before-{feed}")
        send(engine, plan_id)
    planner = pipelined(engine, chunks, "visits")
    _, counts = plan(engine, *chunks, feed=make_feed(name="calls"), run="run-3")
    assert planner.counts == counts
    assert written(engine, "visits") == written(engine, "calls")


@pytest.mark.parametrize("seed", range(4))
def test_batches_that_stay_open_for_many_chunks_and_slow_writes_change_nothing(engine: sa.Engine, seed: int) -> None:
    chunks = random_chunks(seed, ids=250, count=50)
    feed = make_feed(name="visits")
    with beside(engine) as threads:
        ledger: Any = WatchedLedger(open_plan(engine, "run-2", feed), lambda _: time.sleep(0.02))
        planner = Planner(feed, ledger, make_reader(feed), build_payload, beside=threads)
        for _ in planner.add_all(chunks):
            pass
        planner.finish()
    _, counts = plan(engine, *chunks, feed=make_feed(name="calls"), run="run-3")
    assert planner.counts == counts
    assert written(engine, "visits") == written(engine, "calls")


def test_batch_that_is_closed_by_the_chunk_before_is_remembered(engine: sa.Engine) -> None:
    sizes, numbers = (1, 10, 10, 10, 30), iter(range(1000))
    chunks = [[make_row(f"f-{next(numbers)}") for _ in range(size)] for size in sizes]
    planner = pipelined(engine, [*chunks, [make_row("f-0", subject="other"), make_row("new")]])
    assert planner.counts.outcomes == {"new": 62, "invalid": 1}


def test_row_that_comes_again_in_the_next_chunks_is_sent_once(engine: sa.Engine) -> None:
    chunks = [make_rows(60), make_rows(60), [make_row("f-3")], [make_row("f-60", subject="other")]]
    planner = pipelined(engine, chunks)
    assert planner.counts.outcomes == {"new": 60, "repeated row": 61, "invalid": 1}
    assert counted(engine) == {"planned": 60, "invalid": 1}


@pytest.mark.parametrize("at_once", [1, 3, 500])
def test_rows_unlike_the_first_of_their_id_are_recorded_once_however_many_are_asked_about_at_a_time(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("followups.planning.planner.CONFLICTS_AT_ONCE", at_once)
    others = [[make_row(f"f-{number}", subject="other")] for number in range(1, 6)]
    chunks = [make_rows(5), *others[:2], *others, [make_row("f-1", subject="third")]]
    first = pipelined(engine, chunks)
    assert first.counts.outcomes["invalid"] == 6
    assert counted(engine) == {"planned": 5, "invalid": 6}
    send(engine, rows_of(engine)[0]["plan_id"])
    pipelined(engine, [make_rows(5) + [row for chunk in chunks for row in chunk]], run="run-3")
    assert counted(engine) == {"accepted": 5, "invalid": 6}


def test_limit_stops_reading_where_it_is_reached(engine: sa.Engine) -> None:
    with beside(engine) as threads:
        planner = make_planner(open_plan(engine), limit=5, beside=threads)
        read = 0
        for count in planner.add_all(make_rows(100)[start : start + 2] for start in range(0, 100, 2)):
            read += count
            if planner.is_full:
                break
        counts = planner.finish()
    assert (counts.to_send, counts.due, read) == (5, 5, 6)
    assert counted(engine) == {"planned": 5}


def test_failed_write_ends_the_plan_and_nothing_after_it_is_written(engine: sa.Engine) -> None:
    def fail_at_second(number: int) -> None:
        if number == 2:
            raise OSError("the ledger is gone")

    feed = make_feed()
    ledger: Any = WatchedLedger(open_plan(engine), fail_at_second)
    chunks = [make_rows(400)[start : start + 100] for start in range(0, 400, 100)]
    with pytest.raises(OSError, match="the ledger is gone"), Beside(looks=True, writes=True) as threads:  # noqa: PT012
        planner = Planner(feed, ledger, make_reader(feed), build_payload, beside=threads)
        for _ in planner.add_all(chunks):
            pass
        planner.finish()
    assert counted(engine) == {"planned": 50}  # the batch that was being filled went with the second write
    plan(engine, make_rows(400), run="run-2")
    assert counted(engine) == {"planned": 400}
