"""The three window algorithms, buckets, quota and penalty, driven by a clock of the test's own; then over HTTP."""

from __future__ import annotations

import time
from typing import Any

import pytest

from sandbox.limits import RateLimiter
from sandbox.settings import PLANS, Settings, changed
from sandbox.situations import Situation
from tests.sandbox.conftest import Api, assert_refused, row

NOON = 1_900_000_000.0


def limiter(**switches: Any) -> RateLimiter:
    return RateLimiter(changed(Settings(), {"rate.normal": "5/5", **switches}))


def admitted(subject: RateLimiter, times: list[float], bucket: Any = "normal") -> list[bool]:
    return [subject.refuse(bucket, at, NOON + at) is None for at in times]


def test_a_sliding_log_never_lets_more_through_in_any_window() -> None:
    subject = limiter(count_rejected=False)
    times = [index / 10 for index in range(300)]
    passed = [at for at, fits in zip(times, admitted(subject, times), strict=True) if fits]
    assert all(sum(at <= other < at + 5 for other in passed) <= 5 for at in passed)
    assert len(passed) == 30


def test_a_sliding_log_opens_exactly_when_the_oldest_call_leaves() -> None:
    assert admitted(limiter(), [0, 1, 2, 3, 4, 5, 6]) == [True] * 7
    assert admitted(limiter(count_rejected=False), [0, 0, 0, 0, 0, 4.999, 5.0]) == [True] * 5 + [False, True]


def test_a_fixed_window_lets_two_windows_through_at_its_border() -> None:
    subject = limiter(**{"rate.window": "fixed"})
    assert admitted(subject, [4.9] * 5 + [5.1] * 6) == [True] * 10 + [False]


def test_a_sliding_counter_weighs_the_window_before() -> None:
    subject = limiter(**{"rate.window": "counter", "count_rejected": False})
    assert admitted(subject, [4.9] * 5 + [5.0, 6.1, 6.2, 6.3]) == [True] * 5 + [False, True, True, False]


def test_a_sliding_counter_forgets_after_a_quiet_window() -> None:
    subject = limiter(**{"rate.window": "counter"})
    assert admitted(subject, [4.9] * 5 + [10.0] * 6) == [True] * 10 + [False]


@pytest.mark.parametrize("window", ["sliding", "fixed", "counter"])
def test_evenly_spaced_calls_at_the_limit_pass_in_every_algorithm(window: str) -> None:
    subject = limiter(**{"rate.window": window})
    assert all(admitted(subject, [100 + index * 1.01 for index in range(100)]))


def test_refused_calls_count_unless_switched_off() -> None:
    hammering = [index * 0.5 for index in range(40)]
    assert sum(admitted(limiter(), hammering)) == 5
    assert sum(admitted(limiter(count_rejected=False), hammering)) == 20


def test_a_breach_closes_the_bucket_for_the_penalty() -> None:
    subject = limiter(count_rejected=False, penalty_seconds=30)
    assert admitted(subject, [0.0] * 6 + [29.9, 30.0]) == [True] * 5 + [False, False, True]


def test_the_buckets_do_not_share_calls() -> None:
    subject = limiter(**{"rate.bulk": "1/5"})
    assert admitted(subject, [0.0, 0.0], "bulk") == [True, False]
    assert admitted(subject, [0.0] * 5) == [True] * 5


def test_the_daily_quota_returns_at_midnight_of_its_zone() -> None:
    subject = limiter(**{"rate.daily": 2, "rate.daily_reset_tz": "Asia/Kolkata"})
    midnight = 1_900_002_600.0
    refusals = [subject.refuse("normal", at, midnight - 60 + at) for at in (0.0, 10.0, 20.0, 60.0)]
    assert [refusal and refusal.situation for refusal in refusals] == [None, None, Situation.DAILY_RATE, None]
    assert refusals[2] is not None
    assert refusals[2].retry_after == 40


@pytest.mark.parametrize("plan", PLANS)
def test_a_rate_can_be_a_plans_name(plan: str) -> None:
    rate = changed(Settings(), {"rate.normal": plan}).rate.normal
    assert f"{rate.calls}/{rate.seconds:g}" == PLANS[plan]


@pytest.mark.parametrize(
    ("style", "status"), [("http429", 429), ("http200_error_body", 200), ("http500_error_body", 500)]
)
def test_a_refusal_names_the_limit_in_every_style(api: Api, style: str, status: int) -> None:
    api.sandbox.set(rate__normal="2/60", rate_limit_style=style)
    replies = [api.get("Task.svc/RetrieveTaskType") for _ in range(3)]
    assert [reply.status_code for reply in replies] == [200, 200, status]
    words = "API calls exceeded the limit of 2 in 60 second(s)"
    assert_refused(replies[2], status, "MXAPIRateLimitExceededException", words)
    assert "Retry-After" not in replies[2].headers
    audit = api.sandbox.audit()["calls"]
    assert audit["by_outcome"] == {"accepted": 2, "refused": 1}


def test_retry_after_is_a_switch(api: Api) -> None:
    api.sandbox.set(rate__normal="1/60", retry_after="seconds")
    api.get("Task.svc/RetrieveTaskType")
    assert api.get("Task.svc/RetrieveTaskType").headers["Retry-After"] == "60"
    api.sandbox.set(retry_after="date")
    assert api.get("Task.svc/RetrieveTaskType").headers["Retry-After"].endswith("GMT")


def test_bulk_create_is_in_the_normal_bucket_unless_switched(api: Api) -> None:
    assert [api.create_in_bulk(row()).status_code for _ in range(3)] == [200] * 3
    api.sandbox.set(bulk_task_bucket="bulk")
    assert [api.create_in_bulk(row()).status_code for _ in range(2)] == [200, 429]
    assert api.get("Task.svc/RetrieveTaskType").status_code == 200


def test_a_refused_call_was_not_processed(api: Api) -> None:
    api.sandbox.set(rate__normal="1/60", bulk_mode="sync")
    assert [api.create_in_bulk(row()).status_code for _ in range(2)] == [200, 429]
    assert api.sandbox.audit()["tasks"]["created"] == 1


def test_unauthorised_calls_do_not_use_up_the_accounts_limit(api: Api) -> None:
    api.sandbox.set(rate__normal="1/60")
    url = f"{api.sandbox.url}/v2/Task.svc/RetrieveTaskType"
    assert api.session.get(url, headers={"x-LSQ-SecretKey": "no"}, timeout=5).status_code == 401
    assert api.get("Task.svc/RetrieveTaskType").status_code == 200


def test_the_sandboxs_own_endpoints_are_outside_the_limits(api: Api) -> None:
    api.sandbox.set(rate__normal="1/60")
    for _ in range(5):
        api.sandbox.audit()
    assert api.get("Task.svc/RetrieveTaskType").status_code == 200


def test_the_clock_of_a_call_starts_at_its_first_byte_not_at_its_last(api: Api) -> None:
    def slowly() -> Any:
        yield b'{"TaskList": '
        time.sleep(0.3)
        yield b"[]}"

    url = f"{api.sandbox.url}/v2/Task.svc/Bulk/Create"
    api.session.post(url, data=slowly(), headers={"Content-Type": "application/json"}, timeout=5)
    (call,) = api.sandbox.calls()
    assert call["ms"] >= 300
