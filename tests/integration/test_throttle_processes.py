"""One limit across real processes, on each store. Bounds are loose: the benchmark measures, these catch breakage."""

from __future__ import annotations

import itertools

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from followups.database import connect
from followups.throttle import Priority, RateLimit, Throttle
from tests.benchmarks.rate_fleet import WINDOWS, LimitServer, SlidingLog, judge, outcome, run_fleet
from tests.benchmarks.rate_worker import Orders

pytestmark = [pytest.mark.slow, pytest.mark.alone]

CALLS, PERIOD = 50, 2.0


def make_orders(url: URL, processes: int, **more: object) -> list[Orders]:
    values = {"calls": CALLS, "period": PERIOD, "seconds": 6.0} | more
    text = url.render_as_string(hide_password=False)
    return [Orders(url=text, number=number, **values) for number in range(processes)]  # type: ignore[arg-type]


@pytest.mark.parametrize("processes", [4, 8])
def test_processes_share_the_limit_evenly_and_keep_to_it(database_url: URL, engine: sa.Engine, processes: int) -> None:
    fleet = run_fleet(make_orders(database_url, processes))
    for window in WINDOWS.values():
        got = outcome(judge(fleet, window(CALLS, PERIOD)), fleet, CALLS, PERIOD)
        assert got.share >= 0.75
        assert got.refused <= 0.02 * got.calls
        assert got.fairness >= 0.9
        assert got.longest_wait <= 10.0  # a slot missed on a busy machine costs a turn
    with Throttle(connect(database_url), "measured", RateLimit()) as throttle:
        assert throttle.status()[0].calls_today >= got.calls


def test_urgent_processes_go_ahead_and_the_limit_is_kept(database_url: URL, engine: sa.Engine) -> None:
    orders = make_orders(database_url, 8, calls=25, period=5.0, seconds=10.0)
    for order in orders[2:]:
        order.priority = Priority.BACKFILL
    fleet = run_fleet(orders)
    got = outcome(judge(fleet, SlidingLog(25, 5.0)), fleet, 25, 5.0)
    assert got.share >= 0.7
    assert got.refused <= 0.04 * got.calls
    urgent, others = (sum(len(seen.sent) for seen in part) for part in (fleet[:2], fleet[2:]))
    assert urgent > 3 * others


def test_lower_limit_of_the_account_is_learned_by_all_processes(database_url: URL, engine: sa.Engine) -> None:
    allowed = 20
    with LimitServer(SlidingLog(allowed, PERIOD), allowed, PERIOD).running() as server:
        run_fleet(make_orders(database_url, 4, port=server.port, seconds=8.0))
    begin = min(when for when, _, _ in server.calls)
    refused = [when - begin for when, _, admitted in server.calls if not admitted]
    assert 1 <= len(refused) <= 4
    assert max(refused) < PERIOD
    with Throttle(connect(database_url), "measured", RateLimit(calls=CALLS, period_seconds=PERIOD)) as throttle:
        shown = throttle.status()[0]
    assert (shown.calls, shown.learned) == (allowed, True)


def test_killed_waiters_cost_only_their_slots(database_url: URL, engine: sa.Engine) -> None:
    with Throttle(connect(database_url), "measured", RateLimit()) as throttle:
        for _ in range(5):
            throttle._store.reserve(throttle._request("normal", 0.0))  # asked for, never used
    (seen,) = run_fleet(make_orders(database_url, 1, calls=25, period=5.0, seconds=3.0))
    assert seen.waits[0] < 6 * 0.202 + 0.5
    assert all(b - a > 0.15 for a, b in itertools.pairwise(seen.sent))
