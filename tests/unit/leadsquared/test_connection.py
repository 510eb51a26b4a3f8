"""A connection is read as people fill it in, and refused with the field's name and the cure."""

from __future__ import annotations

from typing import Any

import pytest

from leadsquared.connection import ConnectionSettings, RateSettings
from leadsquared.errors import ConfigurationError

ACCESS_KEY = "u$r00000000invented"
SECRET_KEY = "invented-secret-key"


def read(**fields: Any) -> ConnectionSettings:
    given = {"host": "api-in21.leadsquared.com", "login": ACCESS_KEY, "password": SECRET_KEY} | fields
    return ConnectionSettings.from_values(**given)


def test_the_defaults_are_the_documented_ones() -> None:
    settings = read()
    assert (settings.calls, settings.period_seconds, settings.daily_calls, settings.headroom) == (25, 5.0, None, 0.0)
    assert (settings.bulk_calls, settings.backfill_share, settings.status_webhook_base_url) == (None, None, None)
    assert (settings.timeout_seconds, settings.settle_seconds, settings.allow_http) == (60.0, 60.0, False)
    assert settings.base_url == "https://api-in21.leadsquared.com"


@pytest.mark.parametrize(
    ("fields", "base_url"),
    [
        ({"host": "API-in21.leadsquared.com"}, "https://api-in21.leadsquared.com"),
        ({"host": "https://api.leadsquared.com"}, "https://api.leadsquared.com"),
        ({"host": " https://api.leadsquared.com/v2/ "}, "https://api.leadsquared.com"),
        ({"host": "api.leadsquared.com/v2"}, "https://api.leadsquared.com"),
        ({"host": "api.leadsquared.com", "schema": "https", "port": 8443}, "https://api.leadsquared.com:8443"),
        ({"host": "127.0.0.1", "port": 8099}, "http://127.0.0.1:8099"),
        ({"host": "localhost:8099"}, "http://localhost:8099"),
        ({"host": "http://[::1]:8099"}, "http://[::1]:8099"),
        ({"host": "https://localhost:8443"}, "https://localhost:8443"),
        ({"host": "http://sandbox:8099", "extra": {"allow_http": "true"}}, "http://sandbox:8099"),
        ({"host": "sandbox", "schema": "http", "port": 8099, "extra": {"allow_http": True}}, "http://sandbox:8099"),
    ],
)
def test_a_host_may_be_bare_or_a_url(fields: dict[str, Any], base_url: str) -> None:
    assert read(**fields).base_url == base_url


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"host": None}, "Host"),
        ({"host": "  "}, "Host"),
        ({"host": "https://"}, "Host"),
        ({"host": "http://api.leadsquared.com"}, "allow_http"),
        ({"host": "api.leadsquared.com", "schema": "http"}, "allow_http"),
        ({"host": "http://127.0.0.1.evil.example.com"}, "allow_http"),
        ({"host": "ftp://api.leadsquared.com"}, "https"),
        ({"host": "https://key:secret@api.leadsquared.com"}, "keys"),
        ({"host": "https://api.leadsquared.com/v2/?accessKey=a"}, "keys"),
        ({"host": "https://api.leadsquared.com/v1/"}, "path"),
        ({"host": "api.leadsquared.com:99999"}, "port"),
        ({"host": "https://[::1"}, "Host"),
        ({"host": "two words"}, "Host"),
        ({"login": None}, "Access key"),
        ({"login": "with blank"}, "Access key"),
        ({"password": ""}, "Secret key"),
        ({"password": "line\r\nInjected: yes"}, "Secret key"),
        ({"extra": {"calls": "many"}}, "calls"),
        ({"extra": {"calls": 0}}, "calls"),
        ({"extra": {"period_seconds": -1}}, "period_seconds"),
        ({"extra": {"headroom": 1}}, "headroom"),
        ({"extra": {"backfill_share": 1.5}}, "backfill_share"),
        ({"extra": {"timeout_seconds": "nan"}}, "timeout_seconds"),
        ({"extra": {"settle_seconds": "inf"}}, "settle_seconds"),
        ({"extra": {"allow_http": "perhaps"}}, "allow_http"),
        ({"extra": {"status_webhook_base_url": "hooks.example.com"}}, "status_webhook_base_url"),
        ({"extra": {"account": "x" * 201}}, "account"),
    ],
)
def test_what_is_wrong_is_named_and_never_shown(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read(**fields)
    assert named in str(refused.value)
    assert ACCESS_KEY not in str(refused.value)
    assert SECRET_KEY not in str(refused.value)


def test_values_may_come_as_text() -> None:
    settings = read(extra={"calls": "72", "period_seconds": " 5 ", "daily_calls": "100000", "headroom": "0.2"})
    assert (settings.calls, settings.period_seconds, settings.daily_calls, settings.headroom) == (72, 5.0, 100_000, 0.2)


def test_blank_values_mean_the_default() -> None:
    assert read(extra={"calls": "", "daily_calls": None, "account": " "}) == read()


def test_unknown_extras_are_told_by_name_and_are_no_error() -> None:
    settings = read(extra={"webhook_token": SECRET_KEY, "calls": 5})
    assert settings.unknown_extras == ("webhook_token",)
    assert SECRET_KEY not in repr(settings)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("call", "calls"), ("Calls", "calls"), ("dailycalls", "daily_calls"), ("timeout", "timeout_seconds")],
)
def test_unknown_extras_are_told_with_what_was_meant(written: str, meant: str) -> None:
    told = read(extra={written: 5}).doubts
    assert told == f"Unknown in the connection's extra and ignored: '{written}' (did you mean '{meant}'?)."


def test_unknown_extras_that_are_like_nothing_are_told_with_all_that_is_known() -> None:
    told = read(extra={"zzz": 1, "call": 5}).doubts
    assert told is not None
    assert "'call' (did you mean 'calls'?), 'zzz'. Known are account, allow_http, " in told
    assert all(name in told for name in RateSettings.model_fields)
    assert read(extra={"calls": 5}).doubts is None


def test_the_rate_key_is_stable_and_does_not_reveal_the_access_key() -> None:
    settings = read()
    assert settings.account == read(host="https://api-in21.leadsquared.com/v2").account
    assert settings.account.startswith("api-in21.leadsquared.com|")
    assert ACCESS_KEY not in settings.account
    assert settings.account != read(login="u$r00000000another").account


def test_the_rate_key_can_be_named() -> None:
    assert read(extra={"account": "example-org"}).account == "example-org"


def test_the_keys_stay_out_of_the_repr() -> None:
    assert ACCESS_KEY not in repr(read())
    assert SECRET_KEY not in str(read())


@pytest.mark.parametrize(
    ("calls", "seconds", "in_flight"), [(25, 5, 16), (2, 5, 16), (50, 5, 30), (250, 5, 64), (1000, 1, 64)]
)
def test_calls_in_flight_follow_the_rate(calls: int, seconds: int, in_flight: int) -> None:
    assert read(extra={"calls": calls, "period_seconds": seconds}).in_flight == in_flight


def test_zone_of_the_day_is_checked() -> None:
    assert read(extra={"daily_zone": "Asia/Kolkata"}).daily_zone == "Asia/Kolkata"
    assert read(extra={"daily_zone": ""}).daily_zone == "UTC"
    with pytest.raises(ConfigurationError, match=r"daily_zone in the extra is wrong \(no such time zone\)"):
        read(extra={"daily_zone": "Asia/Nowhere"})
