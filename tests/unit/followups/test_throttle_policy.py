"""The rules of pacing, one by one."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from followups.throttle import DailyQuotaReached, Priority, RateLimit, SlotsMissed, ThrottleUnavailable, Widening
from followups.throttle.days import day_of, next_reset, utc_offset
from followups.throttle.policy import (
    GUARD,
    MAX_PAUSE,
    BucketState,
    after_refusal,
    blamed,
    in_force,
    next_slot,
    rewound,
    spacing,
    told_limit,
)

NOW = 1_900_000_000.0
LIMIT = RateLimit()


def refuse(state: BucketState, **changes: Any) -> BucketState:
    values: dict[str, Any] = {"now": NOW, "told": None, "retry_after": None, "widening": Widening()}
    return after_refusal(state, LIMIT, **values | changes)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("calls", 0),
        ("calls", 2.5),
        ("calls", True),
        ("calls", "25"),
        ("period_seconds", 0),
        ("period_seconds", float("inf")),
        ("period_seconds", None),
        ("daily_calls", 0),
        ("daily_calls", "many"),
        ("headroom", 1),
        ("headroom", -0.1),
        ("headroom", float("nan")),
        ("backfill_share", 0),
        ("backfill_share", 1.5),
        ("backfill_share", "half"),
        ("margin_seconds", -1),
        ("daily_zone", "Asia/Nowhere"),
        ("daily_zone", "../etc"),
        ("daily_zone", 5),
    ],
)
def test_wrong_setting_is_refused_by_name_and_value(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=field) as error:
        RateLimit(**{field: value})
    assert repr(value) in str(error.value)


def test_whole_numbers_may_stand_for_seconds() -> None:
    assert RateLimit(period_seconds=5, headroom=0).share == 1.0


def test_headroom_leaves_at_least_one_call_a_day() -> None:
    assert RateLimit(daily_calls=1, headroom=0.9).daily_share == 1
    assert RateLimit(daily_calls=100, headroom=0.1).daily_share == 90
    assert RateLimit().daily_share is None


def test_lower_learned_limit_is_in_force_and_a_higher_one_is_not() -> None:
    assert in_force(LIMIT, (10, 5.0)) == (10, 5.0)
    assert in_force(LIMIT, (100, 60.0)) == (100, 60.0)
    assert in_force(LIMIT, (72, 5.0)) == (25, 5.0)
    assert in_force(LIMIT, None) == (25, 5.0)


def test_spacing_adds_margin_and_extra_to_the_window() -> None:
    assert spacing(LIMIT, BucketState(bucket="normal", extra=0.2)) == pytest.approx(5.25 / 25)
    assert spacing(RateLimit(headroom=0.5), BucketState(bucket="normal")) == pytest.approx(5.05 / 12.5)


def queue(last: float, scheduled: float = 0.0) -> BucketState:
    return BucketState(bucket="normal", asked_at=NOW, slot_at=last, scheduled_at=scheduled, manual_at=scheduled)


def test_next_slot_is_spaced_and_led() -> None:
    assert next_slot(queue(NOW + 3, NOW + 3), NOW, 0.2) == NOW + 3.2
    assert next_slot(queue(NOW - 9), NOW, 0.2) == NOW + 0.02


def test_urgent_call_takes_the_first_place_that_it_may() -> None:
    backfills = queue(NOW + 10)
    assert next_slot(backfills, NOW, 0.2) == pytest.approx(NOW + 0.2)
    assert next_slot(backfills, NOW, 0.2, priority=Priority.MANUAL) == pytest.approx(NOW + 0.2)
    assert next_slot(backfills, NOW, 0.2, priority=Priority.BACKFILL) == pytest.approx(NOW + 10.2)
    assert next_slot(queue(NOW + 10, NOW + 4), NOW, 0.2) == pytest.approx(NOW + 4.2)
    assert next_slot(backfills, NOW, 0.03) == pytest.approx(NOW + 0.13)


def test_place_that_is_certain_is_taken_from_nobody() -> None:
    assert next_slot(queue(NOW + GUARD - 0.001), NOW, 0.2) == pytest.approx(NOW + GUARD - 0.001 + 0.2)


def test_row_steps_back_with_the_clock() -> None:
    before = BucketState(bucket="normal", asked_at=NOW, slot_at=NOW + 3, manual_at=NOW + 1, paused_until=NOW + 2)
    after = rewound(before, NOW - 1000)
    assert (after.asked_at, after.slot_at, after.manual_at) == (NOW - 1000, NOW - 997, NOW - 999)
    assert after.paused_until == NOW - 998
    assert rewound(before, NOW + 1000) == before


def test_share_of_backfills_is_a_part_of_our_part() -> None:
    assert RateLimit(daily_calls=100, headroom=0.2, backfill_share=0.25).backfill_calls == 20
    assert RateLimit(daily_calls=2, backfill_share=0.1).backfill_calls == 1
    assert RateLimit(backfill_share=0.5).backfill_calls is None
    assert RateLimit(daily_calls=2).backfill_calls is None


@pytest.mark.parametrize(
    ("bucket", "told", "bulk_limited", "wanted"),
    [
        ("normal", None, True, ["normal"]),
        ("normal", (5, 5.0), True, ["normal"]),
        ("bulk", (5, 5.0), False, ["bulk"]),
        ("bulk", (25, 5.0), True, ["normal"]),
        ("bulk", (72, 5.0), True, ["normal"]),
        ("bulk", None, True, ["normal", "bulk"]),
        ("bulk", None, False, ["normal"]),
    ],
)
def test_refusal_is_laid_to_the_bucket_whose_limit_it_names(
    bucket: str, told: tuple[int, float] | None, bulk_limited: bool, wanted: list[str]
) -> None:
    assert blamed(bucket, told, (25, 5.0), bulk_limited) == wanted


def test_limit_learned_drops_the_extra_and_begins_a_series() -> None:
    after = refuse(BucketState(bucket="normal", extra=0.3, series=4), told=(10, 5.0))
    assert (after.learned, after.extra, after.series) == ((10, 5.0), 0.0, 5)
    assert next_slot(after, NOW, spacing(LIMIT, after)) == pytest.approx(NOW + 5.05)


def test_refusal_at_the_limit_in_force_widens_and_pauses_nobody() -> None:
    before = BucketState(bucket="normal", slot_at=NOW + 2, learned_calls=10, learned_period=5.0)
    after = refuse(before, told=(10, 5.0))
    assert (after.extra, after.slot_at, after.series) == (0.05, NOW + 2, 0)


def test_extra_is_capped() -> None:
    assert refuse(BucketState(bucket="normal", extra=0.49)).extra == 0.5


def test_lower_limit_learned_in_a_pause_keeps_the_pause() -> None:
    paused = refuse(BucketState(bucket="normal"), retry_after=60.0)
    after = refuse(paused, told=(10, 5.0))
    assert (after.paused_until, after.series) == (NOW + 60, 2)
    assert next_slot(after, NOW, spacing(LIMIT, after)) == pytest.approx(NOW + 60)


def test_pause_of_a_clock_that_stepped_back_is_not_prolonged() -> None:
    after = refuse(BucketState(bucket="normal", asked_at=NOW + 900, paused_until=NOW + 901), retry_after=2.0)
    assert after.paused_until == NOW + 2


def test_nobody_jumps_a_pause() -> None:
    after = refuse(queue(NOW + 90, NOW + 80), retry_after=30.0)
    for priority in Priority:
        assert next_slot(after, NOW, spacing(LIMIT, after), priority=priority) == pytest.approx(NOW + 30)


def test_pause_has_an_upper_bound() -> None:
    assert refuse(BucketState(bucket="normal"), retry_after=1e9).slot_at < NOW + MAX_PAUSE


def test_limit_told_must_make_sense() -> None:
    assert told_limit((10, 5)) == (10, 5.0)
    assert told_limit(None) is None
    assert told_limit((0, 5.0)) is None
    assert told_limit((10, 0.0)) is None


def test_day_ends_at_midnight_of_its_zone() -> None:
    evening = datetime(2031, 4, 5, 20, 0, tzinfo=UTC)
    assert next_reset(evening.timestamp(), "UTC") == datetime(2031, 4, 6, tzinfo=UTC)
    assert next_reset(evening.timestamp(), "Asia/Kolkata") == datetime(2031, 4, 6, 18, 30, tzinfo=UTC)
    assert day_of(evening.timestamp(), utc_offset("Asia/Kolkata")) == day_of(evening.timestamp(), 0.0) + 1


def test_day_with_a_change_of_clocks_ends_at_its_own_midnight() -> None:
    before_change = datetime(2031, 3, 9, 6, 0, tzinfo=UTC)
    assert next_reset(before_change.timestamp(), "America/New_York") == datetime(2031, 3, 10, 4, 0, tzinfo=UTC)
    assert utc_offset("America/New_York", before_change) == -5 * 3600


@pytest.mark.parametrize(
    "error",
    [
        DailyQuotaReached(datetime(2031, 4, 6, tzinfo=UTC), 100),
        DailyQuotaReached(datetime(2031, 4, 6, tzinfo=UTC)),
        DailyQuotaReached(datetime(2031, 4, 6, tzinfo=UTC), 20, backfills_only=True),
        SlotsMissed("late"),
        ThrottleUnavailable("down"),
    ],
)
def test_errors_survive_pickling(error: Exception) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


def test_quota_error_tells_when_it_resets() -> None:
    text = str(DailyQuotaReached(datetime(2031, 4, 6, tzinfo=UTC), 100))
    assert "100 calls" in text
    assert "2031-04-06 00:00 UTC" in text
