"""What an actor process does: the product's own steps, one after another, as its operators call them."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

from followups import crash_points
from followups.ledger.settling import SettleLedger
from followups.planning.batching import Slice
from followups.report import ThresholdError
from followups.sending import Sender
from leadsquared.databases import open_ledger
from leadsquared.names import DEFAULT_LEADSQUARED, DEFAULT_LEDGER
from leadsquared.work.plan import plan_feed
from leadsquared.work.report import report_run
from leadsquared.work.send import SendWork
from leadsquared.work.verify import reconcile, verify_run
from tests.chaos import mutants, scale
from tests.chaos.losing import LOST, LosesLedger
from tests.chaos.orders import ESCALATION_SECONDS, FEED, LEASE_SECONDS, STEP_SECONDS, Order

Tell = Callable[[str, Any], None]
LOOK_PAUSE_SECONDS = 0.12
IN_FLIGHT = 3


def work(order: Order, tell: Tell) -> None:
    """Carry an order out; tells `slices` once planned, `failed` with the error that ended it."""
    logging.disable(logging.CRITICAL)
    os.environ.update(order.environment)
    scale.shorten(order.folder)
    mutants.apply(order.mutant)
    actor = _Actor(order, tell)
    signal.signal(signal.SIGTERM, actor.terminate)
    _arm(order)
    try:
        if order.run_id is not None:
            actor.run(order.run_id)
        if order.reconcile:
            actor.reconcile()
    except Exception as error:  # as Airflow does: the task failed, and somebody else goes on
        tell("failed", f"{type(error).__name__}: {str(error)[:200]}")


def rehearse(order: Order) -> None:
    """Carry an order out in this process, to load all that it needs."""
    logging.disable(logging.CRITICAL)
    scale.shorten(order.folder)
    actor = _Actor(order, lambda *_: None)
    actor.run(order.run_id or "")
    actor.reconcile()


def _arm(order: Order) -> None:
    if order.armed and order.arm_after:
        crash_points._armed = _ArmsLater(order.armed, order.arm_after)  # type: ignore[assignment]
    else:
        arm(order.armed)


def arm(text: str) -> None:
    """Arm one point of this process; an empty text disarms."""
    if text.endswith(LOST):
        crash_points._armed = LosesLedger(text)  # type: ignore[assignment]
    else:
        crash_points.arm(text or None)


class _ArmsLater:
    """Arms a point when another one is passed for the first time."""

    def __init__(self, text: str, after: str) -> None:
        self.text = text
        self.after = after

    def reach(self, point: str) -> None:
        if point == self.after and crash_points._armed is self:  # type: ignore[comparison-overlap]
            arm(self.text)


class _Actor:
    def __init__(self, order: Order, tell: Tell) -> None:
        self._order = order
        self._tell = tell
        self._sender: Sender | None = None

    def terminate(self, *_: object) -> None:
        """Do as Airflow does: `on_kill` of the task that runs, then the supervisor's SIGKILL."""
        if self._sender is not None:
            self._sender.stop()
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        signal.setitimer(signal.ITIMER_REAL, ESCALATION_SECONDS)

    def run(self, run_id: str) -> None:
        """Plan, send, verify, report."""
        slices = self._order.slices
        if slices is None:
            slices = self._try(partial(plan_feed, FEED, DEFAULT_LEDGER, self._context(run_id, "plan")))
            self._tell("slices", slices)
        for number, each in enumerate(slices):
            self._try(partial(self._send, run_id, number, each))
        self._verify(run_id)
        self._try(partial(self._report, run_id))

    def reconcile(self) -> None:
        """Rounds of reconcile until nothing is left to settle or to audit."""
        deadline = time.monotonic() + STEP_SECONDS
        while time.monotonic() < deadline:
            context = self._context("reconcile", "reconcile")
            counts = self._try(partial(reconcile, DEFAULT_LEADSQUARED, DEFAULT_LEDGER, context))
            left = counts["still waiting"] + counts["sent again"] + counts["duplicates"]
            if not left and not self._unaudited():
                return
            time.sleep(LOOK_PAUSE_SECONDS)

    def _send(self, run_id: str, number: int, plan_slice: dict[str, Any]) -> None:
        def remember(sender: Sender) -> None:
            self._sender = sender

        context = self._context(run_id, "create_tasks", number)
        sending = SendWork(
            context,
            leadsquared_conn_id=DEFAULT_LEADSQUARED,
            ledger_conn_id=DEFAULT_LEDGER,
            in_flight=IN_FLIGHT,
            on_start=remember,
        )
        sending.send(Slice.from_json(plan_slice))

    def _verify(self, run_id: str) -> None:
        deadline = time.monotonic() + self._order.verify_seconds
        while time.monotonic() < deadline:
            context = self._context(run_id, "verify")
            result = self._try(partial(verify_run, FEED, DEFAULT_LEDGER, context))
            if result.wait is None:
                return
            time.sleep(LOOK_PAUSE_SECONDS)

    def _report(self, run_id: str) -> None:
        try:
            report_run(FEED, DEFAULT_LEDGER, self._context(run_id, "report"))
        except ThresholdError:
            return

    def _unaudited(self) -> bool:
        ledger = SettleLedger(open_ledger(), actor="chaos", leadsquared_conn_id=DEFAULT_LEADSQUARED)
        return bool(ledger.unaudited_batches(timedelta(0), 1))

    def _try(self, step: Callable[[], Any]) -> Any:
        for attempt in range(self._order.attempts):
            try:
                return step()
            except Exception:
                if attempt + 1 == self._order.attempts:
                    raise
                time.sleep(LEASE_SECONDS / 4)
        raise AssertionError

    def _context(self, run_id: str, task_id: str, map_index: int = -1) -> dict[str, Any]:
        ti = SimpleNamespace(
            dag_id=f"leadsquared_{FEED}",
            run_id=run_id,
            task_id=task_id,
            map_index=map_index,
            try_number=self._order.try_number,
            log_url="",
            xcom_push=lambda **_: None,
        )
        params = {"from": None, "to": None, "mode": "send", "limit": None, "requeue": "none"}
        run = SimpleNamespace(run_id=run_id, run_type="manual", run_after=None)
        return {"ti": ti, "dag_run": run, "params": params}
