"""No window ever holds more calls than the limit, whoever asks when, as long as arrivals jitter within the margin."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import assume, given
from hypothesis import strategies as st

from followups.throttle import RateLimit, Widening
from followups.throttle.policy import HORIZON, BucketState, after_refusal, in_force, next_slot, spacing

WIDENING = Widening()
#: Rounding of instants near 1.9e9 seconds in double precision, with room.
ROUNDING = 1e-5
# Queues here stay within the horizon: a longer one is taken for a clock that stepped back.

limits = st.builds(
    RateLimit,
    calls=st.integers(1, 60),
    period_seconds=st.sampled_from([1.0, 5.0, 60.0]),
    headroom=st.sampled_from([0.0, 0.2, 0.5]),
)


@dataclass
class Ask:
    """A process asks for a slot `after` the one before asked; it arrives `jitter` (a share of the margin) late."""

    after: float
    jitter: float
    refused: bool


asks = st.lists(
    st.builds(
        Ask,
        after=st.one_of(st.just(0.0), st.floats(0, 0.3), st.floats(0, 20)),
        jitter=st.one_of(st.just(0.0), st.just(1.0), st.floats(0, 1)),
        refused=st.sampled_from([False] * 9 + [True]),
    ),
    min_size=2,
    max_size=150,
)


def worst_window(arrivals: list[float], period: float) -> int:
    """Return the most arrivals in any half-open window of `period`."""
    ordered, worst, first = sorted(arrivals), 0, 0
    for last, arrival in enumerate(ordered):
        while arrival - ordered[first] >= period - ROUNDING:
            first += 1
        worst = max(worst, last - first + 1)
    return worst


@given(limit=limits, asks=asks)
def test_no_window_holds_more_calls_than_the_limit(limit: RateLimit, asks: list[Ask]) -> None:
    now, state, arrivals = 1_900_000_000.0, BucketState(bucket="normal"), []
    assume((len(asks) + 1) * (spacing(limit, state) + WIDENING.cap) < HORIZON)
    for ask in asks:
        now += ask.after
        slot = next_slot(state.slot_at, now, spacing(limit, state))
        state = replace(state, slot_at=slot, extra=max(0.0, state.extra - WIDENING.shrink))
        arrivals.append(slot + ask.jitter * limit.margin_seconds)
        if ask.refused:
            state = after_refusal(state, limit, now=now, told=None, retry_after=None, widening=WIDENING)
    assert worst_window(arrivals, limit.period_seconds) <= limit.calls


@given(
    limit=limits,
    told=st.tuples(st.integers(1, 60), st.sampled_from([1.0, 5.0])),
    queue=st.integers(0, 80),
    retry_after=st.one_of(st.none(), st.floats(0.1, 60)),
    jitters=st.lists(st.floats(0, 1), min_size=1, max_size=80),
)
def test_after_a_lower_limit_is_told_no_window_holds_more(
    limit: RateLimit, told: tuple[int, float], queue: int, retry_after: float | None, jitters: list[float]
) -> None:
    now = 1_900_000_000.0
    state = BucketState(bucket="normal", slot_at=now + queue * limit.period_seconds / limit.calls)
    after = after_refusal(state, limit, now=now, told=told, retry_after=retry_after, widening=WIDENING)
    calls, period = in_force(limit, after.learned)
    arrivals = []
    backlog = max(queue * limit.period_seconds / limit.calls, period, retry_after or 0.0)
    assume(backlog + (len(jitters) + 1) * spacing(limit, after) < HORIZON)
    for jitter in jitters:
        after = replace(after, slot_at=next_slot(after.slot_at, now, spacing(limit, after)))
        arrivals.append(after.slot_at + jitter * limit.margin_seconds)
    assert worst_window(arrivals, period) <= calls
    if after.learned is not None:
        assert after.series == state.series + 1
        assert min(arrivals) >= now + period - ROUNDING


@given(
    told=st.lists(st.tuples(st.integers(1, 100), st.sampled_from([1.0, 5.0, 60.0])), max_size=12),
    apart=st.floats(0, 10),
)
def test_refusals_never_raise_the_rate(told: list[tuple[int, float]], apart: float) -> None:
    limit, now, state = RateLimit(), 1_900_000_000.0, BucketState(bucket="normal")
    rate = limit.calls / limit.period_seconds
    for one in told:
        state = after_refusal(state, limit, now=now, told=one, retry_after=None, widening=WIDENING)
        calls, period = in_force(limit, state.learned)
        assert calls / period <= rate
        rate, now = calls / period, now + apart


@given(
    steps=st.lists(st.tuples(st.floats(0, 100), st.one_of(st.none(), st.floats(0.1, 900)), st.booleans()), max_size=30)
)
def test_no_slot_given_out_in_a_pause_lies_in_it(steps: list[tuple[float, float | None, bool]]) -> None:
    limit, now, state, until = RateLimit(), 1_900_000_000.0, BucketState(bucket="normal"), 0.0
    for passed, retry_after, takes in steps:
        now += passed
        if takes:
            state = replace(state, slot_at=next_slot(state.slot_at, now, spacing(limit, state)))
            assert state.slot_at >= until - ROUNDING
        else:
            state = after_refusal(state, limit, now=now, told=None, retry_after=retry_after, widening=WIDENING)
            until = max(until, now + min(retry_after or 0.0, 300.0))
