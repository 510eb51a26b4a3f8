"""Send a slice's batches: several requests in flight, each batch claimed, intended, sent once, recorded."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import Protocol

from followups.crash_points import reach
from followups.errors import PermanentError, TransientError
from followups.ledger.sending import Claim, Intent
from followups.model import Outcome, OutcomeKind
from followups.progress import describe
from followups.throttle.errors import DailyQuotaReached

IN_FLIGHT = 16
#: Finding one bad row among 50 takes about a dozen calls; so many rejections without one success are no row's fault.
MAX_REJECTIONS_WITHOUT_SUCCESS = 150
#: A refused call costs a slot, not harm; after so many the batch is left for the task's retry.
MAX_REFUSALS = 20
HEARTBEAT_SECONDS = 30.0
PROGRESS_SECONDS = 10.0
#: Threads that all begin at once, each with a connection to open, make the first calls late, and then the limit is
#: met one period later.
START_SPACING_SECONDS = 0.02

log = logging.getLogger(__name__)


class Ledger(Protocol):
    """What sending asks of the ledger; see `followups.ledger.sending.SendLedger`."""

    lease: timedelta

    def claim(self, batch_id: str) -> Claim | None: ...  # noqa: D102
    def release(self, claim: Claim) -> None: ...  # noqa: D102
    def begin(self, claim: Claim, webhook_token: str) -> Intent | None: ...  # noqa: D102
    def record(self, claim: Claim, outcome: Outcome) -> bool: ...  # noqa: D102
    def split(self, claim: Claim, outcome: Outcome) -> list[str]: ...  # noqa: D102
    def heartbeat(self, plan_id: int) -> None: ...  # noqa: D102


class Post(Protocol):
    """Sends one bulk create when its rate slot is due.

    Calls `intend` shortly before, once the slot is certain; None from it means: send nothing and return None.
    `webhook_token` is the unguessable last part of the address to which LeadSquared may post the outcome.
    """

    def __call__(self, intend: Callable[[], Intent | None], batch_id: str, webhook_token: str) -> Outcome | None:
        """Never raise after `intend` returned an intent: whatever goes wrong then is an outcome."""


class UnauthorisedError(PermanentError):
    """LeadSquared refuses the keys, or the host is wrong. Nothing is lost: the rows stay planned for the next run."""


class AllRejectedError(PermanentError):
    """LeadSquared rejects every row. Something is wrong that no row is to blame for; the rest stays planned."""


class StillRefusedError(TransientError):
    """LeadSquared went on refusing calls; the rows stay planned and the task's retry goes on."""


@dataclass(kw_only=True)
class SendReport:
    """What became of a slice's calls, in calls and in rows."""

    calls: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    #: Batches that another owner had, or that were done before.
    skipped: int = 0
    seconds: float = 0.0


class Sender:
    """Sends batches; `run` returns when every batch is sent, skipped or given up.

    :param plan_id: the plan of the run that sends, which shows signs of life meanwhile. None for what ended runs left:
        whoever sends that must not make them look alive, or nobody would settle it for ten minutes.
    """

    def __init__(
        self,
        ledger: Ledger,
        post: Post,
        *,
        plan_id: int | None = None,
        in_flight: int = IN_FLIGHT,
        sleep: Callable[[float], None] = time.sleep,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        self._ledger = ledger
        self._on_progress = on_progress
        self._post = post
        self._plan_id = plan_id
        self._in_flight = in_flight
        self._sleep = sleep
        self._queue: SimpleQueue[str] = SimpleQueue()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._no_more = threading.Event()
        self._failure: BaseException | None = None
        self.report = SendReport()

    def stop(self) -> None:
        """Let calls under way end and begin no other."""
        self._stopped.set()

    def run(self, batch_ids: Sequence[str]) -> SendReport:
        """Send the batches. Raises the first failure that stopped the run, after all calls under way were recorded."""
        for batch_id in batch_ids:
            self._queue.put(batch_id)
        started = time.monotonic()
        workers = max(1, min(self._in_flight, len(batch_ids)))
        ended = threading.Event()
        watch = threading.Thread(target=self._watch, args=(ended, len(batch_ids), started), daemon=True)
        watch.start()
        try:
            with ThreadPoolExecutor(workers, thread_name_prefix="send") as pool:
                for number in range(workers):
                    pool.submit(self._work, number * START_SPACING_SECONDS)
        except BaseException:  # the task is being killed: its threads must not go on without it
            self._stopped.set()
            raise
        finally:
            ended.set()
            watch.join()
            self.report.seconds = time.monotonic() - started
        if self._failure is not None:
            raise self._failure
        return self.report

    def _work(self, delay: float) -> None:
        self._stopped.wait(delay)
        while not (self._stopped.is_set() or self._no_more.is_set()):
            try:
                batch_id = self._queue.get_nowait()
            except Empty:
                return
            try:
                self._deliver(batch_id)
            except DailyQuotaReached as error:
                self._fail(error, self._no_more)  # others hold slots that the day still had
                return
            except BaseException as error:
                self._fail(error, self._stopped)
                return

    def _deliver(self, batch_id: str) -> None:
        reach("before claim")
        claim = self._ledger.claim(batch_id)
        reach("after claim")
        if claim is None:
            with self._lock:
                self.report.skipped += 1
            return
        for refusals in range(MAX_REFUSALS):
            outcome = self._attempt(claim)
            if outcome is None:
                return
            if outcome.kind is not OutcomeKind.REFUSED:
                self._after(claim, outcome)
                return
            if self._stopped.is_set():
                break
            if outcome.http_status is None:  # no connection: the throttle does not slow that down
                self._sleep(min(0.5 * 2**refusals, 15.0))
        self._ledger.release(claim)
        if not self._stopped.is_set():
            raise StillRefusedError(f"batch {batch_id}: refused {MAX_REFUSALS} times; its rows stay planned")

    def _attempt(self, claim: Claim) -> Outcome | None:
        rows = 0
        webhook_token = secrets.token_urlsafe(24)

        def intend() -> Intent | None:
            nonlocal rows
            began = time.monotonic()
            intent = None if self._stopped.is_set() else self._ledger.begin(claim, webhook_token)
            if intent and time.monotonic() - began > self._ledger.lease.total_seconds() / 2:
                # This process was frozen: others may take the batch for lost by the time a call would arrive.
                self._ledger.record(claim, Outcome(kind=OutcomeKind.REFUSED, detail="not sent: the sender was frozen"))
                return None
            rows = len(intent.payloads) if intent else 0
            return intent

        try:
            outcome = self._post(intend, claim.batch_id, webhook_token)
        except BaseException:
            self._ledger.release(claim)
            raise
        if outcome is None:
            self._ledger.release(claim)
            return None
        if outcome.kind is OutcomeKind.REJECTED and rows > 1:
            for child in self._ledger.split(claim, outcome):
                self._queue.put(child)
        else:
            self._ledger.record(claim, outcome)
        with self._lock:
            self.report.calls[outcome.kind] += 1
            self.report.rows[outcome.kind] += rows
        return outcome

    def _after(self, claim: Claim, outcome: Outcome) -> None:
        if outcome.kind is OutcomeKind.UNAUTHORISED:
            raise UnauthorisedError(f"LeadSquared creates nothing by this connection: {outcome.detail}")
        rejected, accepted = self.report.calls[OutcomeKind.REJECTED], self.report.calls[OutcomeKind.ACCEPTED]
        if rejected >= MAX_REJECTIONS_WITHOUT_SUCCESS and not accepted:
            raise AllRejectedError(f"LeadSquared rejected all of the first {rejected} calls: {outcome.detail}")
        if outcome.kind is OutcomeKind.UNKNOWN:
            log.warning("batch %s: outcome unknown (%s); it is not sent again", claim.batch_id, outcome.detail)

    def _fail(self, error: BaseException, end: threading.Event) -> None:
        with self._lock:
            if self._failure is None or isinstance(self._failure, DailyQuotaReached):
                self._failure = error
        end.set()

    def _watch(self, ended: threading.Event, total: int, started: float) -> None:
        """Show signs of life: to the ledger, and to whoever reads the log."""
        last_heartbeat = last_line = started
        while not ended.wait(1.0):
            now = time.monotonic()
            if now - last_heartbeat >= HEARTBEAT_SECONDS:
                last_heartbeat = now
                self._beat()
            if now - last_line >= PROGRESS_SECONDS:
                last_line = now
                self._log_progress(total, now - started)
                self._on_progress()

    def _beat(self) -> None:
        if self._plan_id is None:
            return
        try:
            self._ledger.heartbeat(self._plan_id)
        except Exception as error:  # the next beat may get through; the calls do not depend on it
            log.warning("the run's sign of life did not reach the ledger: %s", type(error).__name__)

    def _log_progress(self, total: int, seconds: float) -> None:
        done = sum(self.report.calls.values()) - self.report.calls[OutcomeKind.REFUSED] + self.report.skipped
        log.info("%s", describe(done, total, "calls done", seconds))
