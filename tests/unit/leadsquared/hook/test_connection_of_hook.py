"""The hook's connection: tested with two calls, masked, and told apart from what an HTTP connection is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from followups.throttle import FOREIGN_TRAFFIC, Priority
from leadsquared.errors import ConfigurationError
from leadsquared.hook import LeadSquaredHook, base
from tests.support.scripted_server import ScriptedServer, answer
from tests.unit.leadsquared.hook.conftest import ACCESS_KEY, SECRET_KEY, RecordingThrottle

ACCOUNT = {
    "Name": "Ava Example",
    "Role": "Administrator",
    "TimeZone": "Asia/Kolkata",
    "OrgShortCode": "90001",
    "OrgDisplayName": "Example Org",
    "LSQCommonServiceURLs": {"api": "https://api-in21.leadsquared.com"},
}


def test_a_good_connection_says_what_was_found(hook: LeadSquaredHook, server: ScriptedServer) -> None:
    server.script = [answer(200, ACCOUNT), answer(200, [{"Name": "Visit"}, {"Name": "Meeting"}])]
    assert hook.test_connection() == (
        True,
        "Connected to Example Org (90001) as Ava Example, Administrator, Asia/Kolkata; 2 task types.",
    )
    assert [request.path for request in server.requests] == [
        "/v2/Authentication.svc/UserByAccessKey.Get",
        "/v2/Task.svc/RetrieveTaskType",
    ]


def test_a_good_connection_with_a_misspelt_extra_names_it(
    server: ScriptedServer, throttle: RecordingThrottle, connect: Callable[..., None]
) -> None:
    connect(host=server.url, extra={"call": 10})
    server.script = [answer(200, ACCOUNT), answer(200, [])]
    good, message = LeadSquaredHook(throttle=throttle).test_connection()
    assert good
    assert "; 0 task types. Unknown in the connection's extra" in message
    assert message.endswith("'call' (did you mean 'calls'?).")


def test_keys_of_another_region_are_told_with_the_right_host(
    hook: LeadSquaredHook, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadsquared.hook.is_loopback", lambda _: False)
    server.script = [answer(200, ACCOUNT)]
    good, message = hook.test_connection()
    assert not good
    assert "api-in21.leadsquared.com" in message
    assert len(server.requests) == 1


def test_keys_that_work_nowhere_are_told(hook: LeadSquaredHook, server: ScriptedServer) -> None:
    server.script = [
        answer(401, {"ExceptionType": "MXInvalidAccessDetailsException", "ExceptionMessage": "Invalid access details"})
    ]
    good, message = hook.test_connection()
    assert not good
    assert "Invalid access details" in message
    assert ACCESS_KEY not in message


def test_task_types_that_cannot_be_read_fail_the_test(hook: LeadSquaredHook, server: ScriptedServer) -> None:
    server.script = [answer(200, ACCOUNT), answer(401)]
    assert not hook.test_connection()[0]


def test_a_test_that_cannot_be_made_says_why(hook: LeadSquaredHook, throttle: RecordingThrottle) -> None:
    throttle.failure = RuntimeError("the ledger cannot be reached")
    assert hook.test_connection() == (False, "The test could not be made: the ledger cannot be reached")


def test_an_incomplete_connection_is_a_failed_test(connect: Callable[..., None], throttle: RecordingThrottle) -> None:
    connect(host="")
    good, message = LeadSquaredHook(throttle=throttle).test_connection()
    assert not good
    assert "Host is empty" in message


def test_a_missing_key_is_named_before_anything_is_sent(
    connect: Callable[..., None], throttle: RecordingThrottle
) -> None:
    connect(host="127.0.0.1", password="")
    with pytest.raises(ConfigurationError, match="Secret key"):
        LeadSquaredHook(throttle=throttle).get_users()
    assert throttle.waits == []


def test_both_keys_are_masked_in_every_form(hook: LeadSquaredHook, monkeypatch: pytest.MonkeyPatch) -> None:
    masked: list[str] = []
    monkeypatch.setattr(base, "mask_secret", masked.append)
    assert hook.settings.access_key == ACCESS_KEY
    for key in (ACCESS_KEY, SECRET_KEY):
        assert {key, quote(key), quote(key, safe=""), quote_plus(key)} <= set(masked)


def test_extras_do_not_become_headers_and_unknown_ones_are_told_once(
    server: ScriptedServer,
    throttle: RecordingThrottle,
    connect: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(base, "_warned", set())
    connect(host=server.url, extra={"calls": 10, "webhook_token": SECRET_KEY})
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            LeadSquaredHook(throttle=throttle).get_users()
    assert not {"calls", "webhook_token"} & {name.lower() for name in server.requests[0].headers}
    assert caplog.text.count("webhook_token") == 1
    assert SECRET_KEY not in caplog.text


def test_the_shared_throttle_has_the_connections_limits(
    sqlite_url: URL, connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from leadsquared import rate

    made: list[tuple[Any, ...]] = []

    def throttle(
        engine: sa.Engine, account: str, limit: Any, *, priority: Any, bucket_limits: Any, widening: Any
    ) -> RecordingThrottle:
        made.append((engine.url.database, account, limit, bucket_limits, priority, widening))
        return RecordingThrottle()

    monkeypatch.setattr(rate, "Throttle", throttle)
    monkeypatch.setenv("AIRFLOW_CONN_FOLLOWUPS_LEDGER", f'{{"conn_type":"sqlite","host":"{sqlite_url.database}"}}')
    extra = {
        "calls": 10,
        "period_seconds": 4,
        "bulk_calls": 1,
        "daily_calls": 900,
        "headroom": 0.1,
        "account": "example",
        "daily_zone": "Asia/Kolkata",
        "backfill_share": 0.5,
    }
    connect(host="127.0.0.1", extra=extra)
    hook = LeadSquaredHook(priority=Priority.BACKFILL)
    assert hook._get_throttle() is hook._get_throttle()
    ((database, account, limit, buckets, priority, widening),) = made
    assert widening is FOREIGN_TRAFFIC
    assert (database, account, priority) == (sqlite_url.database, "example", Priority.BACKFILL)
    assert (limit.daily_zone, limit.backfill_calls) == ("Asia/Kolkata", 405)
    assert (limit.calls, limit.period_seconds, limit.daily_calls, limit.headroom) == (10, 4.0, 900, 0.1)
    assert (buckets["bulk"].calls, buckets["bulk"].period_seconds, buckets["bulk"].daily_calls) == (1, 4.0, None)


@pytest.mark.parametrize(("extra", "told"), [({}, True), ({"daily_calls": 1000}, False)])
def test_a_backfill_share_of_nothing_is_told(
    connect: Callable[..., None],
    sqlite_url: URL,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    extra: dict[str, Any],
    told: bool,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FOLLOWUPS_LEDGER", f'{{"conn_type":"sqlite","host":"{sqlite_url.database}"}}')
    connect(host="127.0.0.1", extra={"backfill_share": 0.5, **extra})
    with caplog.at_level("WARNING"):
        LeadSquaredHook()._get_throttle()
    assert ("backfill_share is a share of daily_calls" in caplog.text) is told


def test_a_with_statement_closes_the_pool_at_its_end(hook: LeadSquaredHook) -> None:
    with hook as entered:
        first = entered._get_transport()
    assert entered is hook
    assert hook._get_transport() is not first
