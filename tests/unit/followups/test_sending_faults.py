"""Whatever goes wrong while sending is recorded before it is raised."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from followups.ledger.planning import RUN_SILENT_AFTER
from followups.ledger.sending import Intent
from followups.model import Outcome, OutcomeKind
from followups.sending import (
    HEARTBEAT_SECONDS,
    MAX_REJECTIONS_WITHOUT_SUCCESS,
    AllRejectedError,
    Sender,
    UnauthorisedError,
)
from followups.throttle import DailyQuotaReached
from tests.support.senders import (
    ACCEPTED,
    RATE_REFUSED,
    REJECTED,
    FakeLedger,
    FakePost,
    always,
    names,
    sender,
)

PATIENCE_SECONDS = 20


def test_poisoned_batch_is_split_down_to_the_one_row() -> None:
    ledger = FakeLedger(b0=50)
    poisoned = "b0.2.1.1.2.1.1"  # 50 -> 25 -> 12 -> 6 -> 3 -> 1 row
    post = FakePost(lambda batch, _rows, _call: REJECTED if poisoned.startswith(batch) else ACCEPTED)
    sender(ledger, post).run(["b0"])
    ends = {batch: kind for batch, kind in ledger.outcomes if ("split", batch) not in ledger.steps}
    rejected = [batch for batch, kind in ends.items() if kind is OutcomeKind.REJECTED]
    assert sum(ledger.rows[batch] for batch, kind in ends.items() if kind is OutcomeKind.ACCEPTED) == 49
    assert [ledger.rows[batch] for batch in rejected] == [1]
    assert max(post.calls.values()) == 1


def test_single_row_that_is_rejected_is_recorded_and_not_split() -> None:
    ledger = FakeLedger(b0=1)
    report = sender(ledger, always(REJECTED)).run(["b0"])
    assert ("record", "b0") in ledger.steps
    assert report.rows == {"rejected": 1}


def test_nothing_is_begun_after_a_stop_and_the_call_under_way_is_recorded() -> None:
    ledger = FakeLedger(**dict.fromkeys(names(5), 1))

    def stop(_batch: str, _rows: int, _call: int) -> Outcome:
        it.stop()
        return ACCEPTED

    it = sender(ledger, FakePost(stop), in_flight=1)
    report = it.run(names(5))
    assert report.calls == {"accepted": 1}
    assert ledger.outcomes == [("b0", OutcomeKind.ACCEPTED)]


def test_claim_that_waits_for_a_slot_when_the_run_stops_is_given_back() -> None:
    ledger = FakeLedger(b0=1)

    def post(intend: Callable[[], Intent | None], _batch: str, webhook_token: str) -> Outcome | None:
        it.stop()
        assert intend() is None
        return None

    it = Sender(ledger, post, plan_id=1, in_flight=1)
    it.run(["b0"])
    assert ledger.steps == [("claim", "b0"), ("release", "b0")]


def test_refusal_after_a_stop_gives_the_batch_back_without_an_error() -> None:
    ledger = FakeLedger(b0=1)

    def refuse(_batch: str, _rows: int, _call: int) -> Outcome:
        it.stop()
        return RATE_REFUSED

    it = sender(ledger, FakePost(refuse), in_flight=1)
    assert it.run(["b0"]).calls == {"refused": 1}
    assert ledger.steps[-1] == ("release", "b0")


@pytest.mark.parametrize("step", ["claim", "begin", "record"])
def test_failure_of_the_ledger_stops_the_run_and_is_raised(step: str) -> None:
    ledger, post = FakeLedger(**dict.fromkeys(names(20), 1)), always(ACCEPTED)
    ledger.fail_at = (step, ConnectionError("the ledger is gone"))
    with pytest.raises(ConnectionError):
        sender(ledger, post, in_flight=1).run(names(20))
    assert post.calls.total() == (1 if step == "record" else 0)
    assert (("release", "b0") in ledger.steps) is (step == "begin")


def test_first_failure_is_raised_only_after_the_other_calls_were_recorded() -> None:
    under_way, failed = threading.Barrier(2), threading.Event()

    def answer(batch: str, _rows: int, _call: int) -> Outcome:
        under_way.wait(PATIENCE_SECONDS)
        if batch == "b0":
            failed.set()
            return Outcome(kind=OutcomeKind.UNAUTHORISED)
        assert failed.wait(PATIENCE_SECONDS)
        return ACCEPTED

    ledger = FakeLedger(b0=1, b1=1, b2=1)
    with pytest.raises(UnauthorisedError):
        sender(ledger, FakePost(answer), in_flight=2).run(["b0", "b1", "b2"])
    assert sorted(ledger.outcomes) == [("b0", OutcomeKind.UNAUTHORISED), ("b1", OutcomeKind.ACCEPTED)]


def test_sign_of_life_that_fails_does_not_end_the_next_ones() -> None:
    ledger = FakeLedger(b0=1)
    ledger.fail_at = ("heartbeat", ConnectionError("gone"))
    it = sender(ledger, always(ACCEPTED))
    it._beat()
    it._beat()
    assert ledger.beats == 2


def test_run_shows_life_often_enough_to_keep_its_rows() -> None:
    assert timedelta(seconds=HEARTBEAT_SECONDS) * 3 < RUN_SILENT_AFTER


def test_sender_that_was_frozen_after_its_intent_does_not_send() -> None:
    ledger = FakeLedger(b0=3)
    ledger.lease = timedelta(0)  # any time at all is too long
    post = always(ACCEPTED)
    sender(ledger, post).run(["b0"])
    assert post.calls == {}
    assert ledger.outcomes == [("b0", OutcomeKind.REFUSED)]
    assert ("release", "b0") in ledger.steps


def test_run_in_which_everything_is_rejected_stops_and_leaves_the_rest_planned() -> None:
    batches = dict.fromkeys(names(MAX_REJECTIONS_WITHOUT_SUCCESS + 50), 1)
    ledger = FakeLedger(**batches)
    with pytest.raises(AllRejectedError, match="MX: no"):
        sender(ledger, always(REJECTED), in_flight=1).run(list(batches))
    assert len(ledger.outcomes) == MAX_REJECTIONS_WITHOUT_SUCCESS


def test_used_up_day_ends_the_run_but_not_the_calls_that_it_still_had() -> None:
    ledger = FakeLedger(**dict.fromkeys(names(20), 1))
    refused = threading.Event()
    resets_at = datetime(2031, 4, 6, tzinfo=UTC)

    def post(intend: Callable[[], Intent | None], batch_id: str, webhook_token: str) -> Outcome | None:
        if batch_id != "b0":
            refused.set()
            raise DailyQuotaReached(resets_at, 1)
        assert refused.wait(PATIENCE_SECONDS)
        assert intend() is not None
        return ACCEPTED

    it = Sender(ledger, post, plan_id=1, in_flight=2)
    with pytest.raises(DailyQuotaReached):
        it.run(names(20))
    assert it.report.calls == {"accepted": 1}
    assert [step for step in ledger.steps if step[0] == "claim"] == [("claim", "b0"), ("claim", "b1")]
    assert ("release", "b1") in ledger.steps
