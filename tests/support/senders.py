"""A ledger and a bulk create for the sender, both in memory."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from followups.ledger.sending import Claim, Intent
from followups.model import Outcome, OutcomeKind
from followups.sending import Sender

ACCEPTED = Outcome(kind=OutcomeKind.ACCEPTED, request_id="1700000001")
RATE_REFUSED = Outcome(kind=OutcomeKind.REFUSED, http_status=429)
NO_CONNECTION = Outcome(kind=OutcomeKind.REFUSED)
REJECTED = Outcome(kind=OutcomeKind.REJECTED, detail="MX: no")


class FakeLedger:
    """Batches of some rows; remembers every step in order."""

    lease = timedelta(minutes=5)

    def __init__(self, **rows: int) -> None:
        self.rows = rows
        self.taken: set[str] = set()
        self.empty: set[str] = set()
        self.steps: list[tuple[str, str]] = []
        self.outcomes: list[tuple[str, OutcomeKind]] = []
        self.fail_at: tuple[str, Exception] | None = None
        self.beats = 0
        self._lock = threading.Lock()

    def _step(self, name: str, batch_id: str) -> None:
        with self._lock:
            self.steps.append((name, batch_id))
        if self.fail_at and self.fail_at[0] == name:
            raise self.fail_at[1]

    def claim(self, batch_id: str) -> Claim | None:
        self._step("claim", batch_id)
        return None if batch_id in self.taken else Claim(batch_id=batch_id, token=1, owner="me")

    def release(self, claim: Claim) -> None:
        self._step("release", claim.batch_id)

    def begin(self, claim: Claim, webhook_token: str) -> Intent | None:
        self._step("begin", claim.batch_id)
        if claim.batch_id in self.empty:
            return None
        ids = range(self.rows[claim.batch_id])
        return Intent(delivery_ids=list(ids), payloads=[f"{claim.batch_id}/{each}/{webhook_token}" for each in ids])

    def record(self, claim: Claim, outcome: Outcome) -> bool:
        self._step("record", claim.batch_id)
        self.outcomes.append((claim.batch_id, outcome.kind))
        return True

    def split(self, claim: Claim, outcome: Outcome) -> list[str]:
        self._step("split", claim.batch_id)
        self.outcomes.append((claim.batch_id, outcome.kind))
        size = self.rows[claim.batch_id]
        children = {f"{claim.batch_id}.1": size // 2, f"{claim.batch_id}.2": size - size // 2}
        self.rows |= children
        return list(children)

    def heartbeat(self, plan_id: int) -> None:
        self.beats += 1
        self._step("heartbeat", str(plan_id))


class FakePost:
    """Answers each call by `answer(batch id, rows, nth call of the batch)`."""

    def __init__(self, answer: Callable[[str, int, int], Outcome]) -> None:
        self.answer = answer
        self.calls: Counter[str] = Counter()
        self.tokens: list[str] = []

    def __call__(self, intend: Callable[[], Intent | None], batch: str, webhook_token: str) -> Outcome | None:
        intent = intend()
        if intent is None:
            return None
        batch_id, _, token = intent.payloads[0].split("/")
        assert batch_id == batch
        assert token == webhook_token
        self.tokens.append(webhook_token)
        self.calls[batch_id] += 1
        return self.answer(batch_id, len(intent.payloads), self.calls[batch_id])


def always(outcome: Outcome) -> FakePost:
    return FakePost(lambda _batch, _rows, _call: outcome)


def names(count: int) -> list[str]:
    return [f"b{number}" for number in range(count)]


def sender(ledger: FakeLedger, post: FakePost, in_flight: int = 4, pauses: list[float] | None = None) -> Sender:
    sleep = (pauses if pauses is not None else []).append
    return Sender(ledger, post, plan_id=1, in_flight=in_flight, sleep=sleep)
