"""Random warehouses, runs, deaths and outcomes: nothing that may exist is sent again, and nothing is lost.

The model is a warehouse and the set of ids whose CRM task may exist. The planner and the ledger are the real ones.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy.engine import URL

from followups.database import connect
from followups.ledger.planning import finish_plans
from followups.ledger.sending import SendLedger
from followups.model import Outcome, OutcomeKind
from followups.planning import batching
from followups.schema import metadata, plans
from tests.contract.ledger_kit import OUTCOMES, CrashError, crash_at_write, die, plan, states
from tests.support.follow_ups import make_row

IDS = [f"f-{number}" for number in range(9)]
KINDS = st.lists(st.sampled_from(OutcomeKind), min_size=1, max_size=6)
VALID, CANCELLED, INVALID = "valid", "cancelled", "invalid"


class Runs(RuleBasedStateMachine):
    """A warehouse that changes, runs over parts of it, and a CRM that answers as it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="followups-runs-"))
        self.engine = connect(URL.create("sqlite", database=str(self.folder / "ledger.db")))
        sa.event.listen(self.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        metadata.create_all(self.engine)
        self.rows_per_call, batching.MAX_ROWS_PER_CALL = batching.MAX_ROWS_PER_CALL, 3
        self.warehouse = dict.fromkeys(IDS, (VALID, 0))
        self.may_exist: set[str] = set()
        self.runs = 0

    @rule(
        followup_id=st.sampled_from(IDS),
        kind=st.sampled_from([VALID, VALID, CANCELLED, INVALID]),
        version=st.integers(0, 2),
    )
    def change_the_warehouse(self, followup_id: str, kind: str, version: int) -> None:
        self.warehouse[followup_id] = (kind, version)

    @rule(
        window=st.permutations(IDS).flatmap(lambda ids: st.integers(1, 9).map(lambda count: [*ids[:count], ids[0]])),
        limit=st.none() | st.integers(1, 4),
        requeue=st.sampled_from(["none", "none", "rejected", "held"]),
        kinds=KINDS,
        dies_at=st.none() | st.integers(1, 40),
        same_run=st.booleans(),
    )
    def run(
        self, window: list[str], limit: int | None, requeue: Any, kinds: list[OutcomeKind], dies_at: int | None,
        same_run: bool,
    ) -> None:  # fmt: skip
        """One run over some rows, in any order and number, that may die at any of its writes."""
        self.runs += not same_run or self.runs == 0
        try:
            with crash_at_write(self.engine, dies_at or 0):
                self.go(window, limit, requeue, kinds)
        except CrashError:
            return

    @rule()
    def others_fall_silent(self) -> None:
        die(self.engine, *self.plan_ids())

    @rule()
    def others_end(self) -> None:
        finish_plans(self.engine, self.plan_ids())

    @invariant()
    def ledger_knows_what_may_exist(self) -> None:
        found = states(self.engine)
        assert self.may_exist <= {followup_id for followup_id, state in found.items() if state != "planned"}

    def teardown(self) -> None:
        """Let runs go on undisturbed: what is valid is sent in the end, and everything is in the ledger."""
        try:
            self.others_end()
            self.runs += 1
            self.go(IDS, None, "rejected", [OutcomeKind.ACCEPTED])
            SendLedger(self.engine, owner="last").expire_leases()
            found = states(self.engine)
            assert set(self.warehouse) <= set(found), "a row is lost"
            assert not {"planned", "sending"} & set(found.values()), f"rows are left behind: {found}"
            valid = {followup_id for followup_id, (kind, _) in self.warehouse.items() if kind == VALID}
            # A row whose sender died in the call is unknown, whatever the CRM made of it.
            assert {found[each] for each in valid - self.may_exist} <= {"unknown"}, "a valid row was never sent"
            for followup_id in self.may_exist:
                assert found[followup_id] in {"accepted", "unknown"}
        finally:
            batching.MAX_ROWS_PER_CALL = self.rows_per_call
            self.engine.dispose()
            shutil.rmtree(self.folder)

    def go(self, window: Sequence[str], limit: int | None, requeue: Any, kinds: list[OutcomeKind]) -> None:
        run = f"run-{self.runs}"
        SendLedger(self.engine, owner=run).expire_leases()
        rows = [self.row(followup_id) for followup_id in window]
        half = len(rows) // 2
        plan_id, _ = plan(self.engine, rows[:half], rows[half:], run=run, limit=limit, requeue=requeue, leftovers=True)
        self.send(plan_id, kinds)

    def send(self, plan_id: int, kinds: list[OutcomeKind]) -> None:
        ledger = SendLedger(self.engine, owner=f"plan {plan_id}", lease=timedelta(seconds=-1))
        calls = 0
        while found := ledger.open_batches(f"{plan_id}-", f"{plan_id}-9"):
            for batch_id in found:
                claim = ledger.claim(batch_id)
                intent = ledger.begin(claim, f"{batch_id}/{calls}") if claim else None
                if claim is None or intent is None:
                    continue
                outcome = self.post(intent.payloads, kinds[calls % len(kinds)])
                calls += 1
                if outcome.kind is OutcomeKind.REJECTED and len(intent.payloads) > 1:
                    ledger.split(claim, outcome)
                else:
                    ledger.record(claim, outcome)
                if outcome.kind is OutcomeKind.UNAUTHORISED or calls > 30:
                    return

    def post(self, payloads: Sequence[str], kind: OutcomeKind) -> Outcome:
        sent = {json.loads(payload)["Name"].partition("|")[0] for payload in payloads}
        assert len(sent) == len(payloads), "twice in one call"
        assert not sent & self.may_exist, f"sent again: {sorted(sent & self.may_exist)}"
        if kind in {OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN}:
            self.may_exist |= sent
        return OUTCOMES[kind]

    def row(self, followup_id: str) -> dict[str, Any]:
        kind, version = self.warehouse[followup_id]
        subject = None if kind == INVALID else f"{followup_id}|{version}"
        return make_row(followup_id, subject=subject, cancelled=kind == CANCELLED)

    def plan_ids(self) -> list[int]:
        with self.engine.connect() as connection:
            return list(connection.execute(sa.select(plans.c.id)).scalars())


TestRuns = Runs.TestCase
TestRuns.settings = settings(
    max_examples=25, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
)
