"""A slice's batches are sent several at a time, each once."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from followups.model import Outcome, OutcomeKind
from followups.sending import MAX_REFUSALS, START_SPACING_SECONDS, StillRefusedError, UnauthorisedError
from tests.support.senders import (
    ACCEPTED,
    NO_CONNECTION,
    RATE_REFUSED,
    FakeLedger,
    FakePost,
    always,
    names,
    sender,
)

PATIENCE_SECONDS = 20


def test_each_batch_is_claimed_intended_sent_once_and_recorded_in_this_order() -> None:
    ledger, post = FakeLedger(b0=50), always(ACCEPTED)
    report = sender(ledger, post).run(["b0"])
    assert ledger.steps == [("claim", "b0"), ("begin", "b0"), ("record", "b0")]
    assert (report.calls, report.rows, report.skipped) == ({"accepted": 1}, {"accepted": 50}, 0)
    assert post.calls == {"b0": 1}


def test_many_batches_are_each_sent_once_and_each_call_has_a_token_of_its_own() -> None:
    ledger, post = FakeLedger(**dict.fromkeys(names(60), 2)), always(ACCEPTED)
    report = sender(ledger, post).run(names(60))
    assert post.calls == Counter(names(60))
    assert len(set(post.tokens)) == 60
    assert (report.calls, report.rows) == ({"accepted": 60}, {"accepted": 120})


def test_so_many_calls_are_under_way_at_once_as_asked_for() -> None:
    barrier = threading.Barrier(4)

    def meet(_batch: str, _rows: int, _call: int) -> Outcome:
        barrier.wait(PATIENCE_SECONDS)
        return ACCEPTED

    sender(FakeLedger(**dict.fromkeys(names(8), 1)), FakePost(meet), in_flight=4).run(names(8))
    assert not barrier.broken


def test_threads_begin_one_after_the_other() -> None:
    it, delays = sender(FakeLedger(**dict.fromkeys(names(8), 1)), always(ACCEPTED), in_flight=4), []

    class Watched(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            delays.append(timeout)
            return super().wait(timeout)

    it._stopped = Watched()
    it.run(names(8))
    assert sorted(delays) == [number * START_SPACING_SECONDS for number in range(4)]


def test_no_batches_are_no_work() -> None:
    ledger = FakeLedger()
    assert sender(ledger, always(ACCEPTED)).run([]).calls == {}
    assert ledger.steps == []


def test_batch_of_another_owner_is_skipped() -> None:
    ledger = FakeLedger(b0=1, b1=1)
    ledger.taken = {"b0"}
    report = sender(ledger, always(ACCEPTED)).run(["b0", "b1"])
    assert (report.skipped, report.calls) == (1, {"accepted": 1})


def test_batch_that_was_emptied_or_lost_while_it_waited_is_not_sent() -> None:
    ledger, post = FakeLedger(b0=1), always(ACCEPTED)
    ledger.empty = {"b0"}
    report = sender(ledger, post).run(["b0"])
    assert report.calls == post.calls == {}
    assert ledger.steps[-1] == ("release", "b0")


def test_refused_call_is_made_again_at_once_as_the_throttle_keeps_the_pause() -> None:
    pauses: list[float] = []
    post = FakePost(lambda _b, _r, call: ACCEPTED if call == 3 else RATE_REFUSED)
    report = sender(FakeLedger(b0=5), post, pauses=pauses).run(["b0"])
    assert (report.calls, pauses) == ({"refused": 2, "accepted": 1}, [])


def test_lost_connection_is_tried_again_after_growing_pauses() -> None:
    pauses: list[float] = []
    post = FakePost(lambda _b, _r, call: ACCEPTED if call == 8 else NO_CONNECTION)
    sender(FakeLedger(b0=5), post, pauses=pauses).run(["b0"])
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0]


def test_refusals_are_bounded_and_leave_the_batch_free() -> None:
    ledger, post = FakeLedger(b0=5), always(RATE_REFUSED)
    with pytest.raises(StillRefusedError, match="batch b0: refused 20 times; its rows stay planned"):
        sender(ledger, post).run(["b0"])
    assert post.calls == {"b0": MAX_REFUSALS}
    assert ledger.steps[-1] == ("release", "b0")


def test_unknown_outcome_is_recorded_and_never_sent_again() -> None:
    ledger, post = FakeLedger(b0=5), always(Outcome(kind=OutcomeKind.UNKNOWN, detail="timeout"))
    report = sender(ledger, post).run(["b0"])
    assert (report.calls, post.calls) == ({"unknown": 1}, {"b0": 1})
    assert ledger.outcomes == [("b0", OutcomeKind.UNKNOWN)]


def test_wrong_keys_stop_the_run_after_what_is_under_way_was_recorded() -> None:
    ledger, post = (
        FakeLedger(**dict.fromkeys(names(50), 1)),
        always(Outcome(kind=OutcomeKind.UNAUTHORISED, detail="no")),
    )
    with pytest.raises(UnauthorisedError, match="LeadSquared creates nothing by this connection: no"):
        sender(ledger, post, in_flight=2).run(names(50))
    assert len(post.calls) <= 2
    assert len(ledger.outcomes) == len(post.calls)
