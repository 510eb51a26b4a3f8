"""No window ever holds more calls than the limit, whoever asks when, as long as arrivals jitter within the margin."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from followups.throttle import Priority, RateLimit, Widening
from followups.throttle.policy import GUARD, LOOK_AHEAD, BucketState, after_refusal, in_force, next_slot, spacing
from followups.throttle.priority import QUEUES
from followups.throttle.turn import OVERTAKEN
from tests.support.slots import given_out

WIDENING = Widening()
#: Rounding of instants near 1.9e9 seconds in double precision, with room.
ROUNDING = 1e-5

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
    for ask in asks:
        now += ask.after
        slot = next_slot(state, now, spacing(limit, state))
        state = given_out(state, now, slot, Priority.SCHEDULED)
        state = replace(state, extra=max(0.0, state.extra - WIDENING.shrink))
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
    backlog = now + queue * limit.period_seconds / limit.calls
    state = given_out(BucketState(bucket="normal"), now, backlog, Priority.SCHEDULED)
    after = after_refusal(state, limit, now=now, told=told, retry_after=retry_after, widening=WIDENING)
    calls, period = in_force(limit, after.learned)
    arrivals = []
    for jitter in jitters:
        slot = next_slot(after, now, spacing(limit, after))
        after = given_out(after, now, slot, Priority.SCHEDULED)
        arrivals.append(slot + jitter * limit.margin_seconds)
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
            slot = next_slot(state, now, spacing(limit, state))
            state = given_out(state, now, slot, Priority.SCHEDULED)
            assert state.slot_at >= until - ROUNDING
        else:
            state = after_refusal(state, limit, now=now, told=None, retry_after=retry_after, widening=WIDENING)
            until = max(until, now + min(retry_after or 0.0, 300.0))


@dataclass
class Crowd:
    """Calls as they wait, look and go, in the order of time; what a process does, without a process."""

    limit: RateLimit
    state: BucketState
    events: list[tuple[float, int, str, Priority, float]]
    sent: list[tuple[float, Priority]]
    retaken: int = 0

    def play(self) -> None:
        while self.events:
            now, number, what, priority, slot = heapq.heappop(self.events)
            between = spacing(self.limit, self.state)
            if what == "send":
                self.sent.append((slot, priority))
                continue
            urgent = getattr(self.state, QUEUES[priority - 1] or "") if priority else 0.0
            if what == "look" and urgent <= slot - OVERTAKEN * between:
                heapq.heappush(self.events, (slot, number, "send", priority, slot))
                continue
            self.retaken += what == "look"
            slot = next_slot(self.state, now, between, priority=priority)
            self.state = given_out(self.state, now, slot, priority)
            at, then = (slot - LOOK_AHEAD, "look") if slot - now > GUARD else (slot, "send")
            heapq.heappush(self.events, (at, number, then, priority, slot))


crowds = st.lists(st.tuples(st.floats(0, 8), st.sampled_from(Priority)), min_size=2, max_size=120)


@given(limit=limits, crowd=crowds, jitters=st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_no_window_holds_more_whoever_overtakes_whom(
    limit: RateLimit, crowd: list[tuple[float, Priority]], jitters: list[float]
) -> None:
    start = 1_900_000_000.0
    events = [(start + after, number, "ask", priority, 0.0) for number, (after, priority) in enumerate(crowd)]
    heapq.heapify(events)
    play = Crowd(limit, BucketState(bucket="normal"), events, [])
    play.play()
    assert sorted(priority for _, priority in play.sent) == sorted(priority for _, priority in crowd)
    arrivals = [
        slot + jitters[number % len(jitters)] * limit.margin_seconds for number, (slot, _) in enumerate(play.sent)
    ]
    assert worst_window(arrivals, limit.period_seconds) <= limit.calls


@given(limit=limits, urgent=st.integers(1, 30), others=st.integers(1, 60), kind=st.sampled_from(list(Priority)[1:]))
def test_calls_that_come_later_go_first_if_they_are_more_urgent(
    limit: RateLimit, urgent: int, others: int, kind: Priority
) -> None:
    start = 1_900_000_000.0
    events = [(start, number, "ask", kind, 0.0) for number in range(others)]
    events += [(start + 0.001, others + number, "ask", Priority.SCHEDULED, 0.0) for number in range(urgent)]
    play = Crowd(limit, BucketState(bucket="normal"), events, [])
    heapq.heapify(play.events)
    play.play()
    last = max(slot for slot, priority in play.sent if priority is Priority.SCHEDULED)
    between = spacing(limit, BucketState(bucket="normal"))
    assert last <= start + GUARD + (urgent + 1) * between + ROUNDING
    assert max(slot for slot, _ in play.sent) <= start + GUARD + (urgent + others + 2) * between + ROUNDING
