"""Hold the ledger against the sandbox's own record, row by row. The sandbox is the judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from followups.keys import marker
from followups.ledger.reading import LedgerReader
from followups.model import State
from followups.report import RunReport, build_report
from followups.schema import attempts, batches, deliveries, plans


@dataclass(kw_only=True)
class Accounts:
    """Differences between ledger and sandbox; all empty when every row is accounted for."""

    rows: int = 0
    crm_tasks: int = 0
    states: Counter[str] = field(default_factory=Counter)
    #: CRM tasks beyond the first for one marker
    duplicates: int = 0
    #: `created` in the ledger, not in the sandbox
    missing: list[str] = field(default_factory=list)
    #: in the sandbox, not `created` in the ledger
    unlabelled: list[str] = field(default_factory=list)
    #: the ledger names another CRM task than the one with the row's marker
    wrong_id: list[str] = field(default_factory=list)
    #: CRM tasks that the ledger knows nothing of
    strangers: list[str] = field(default_factory=list)

    @property
    def unfinished(self) -> int:
        """Rows that still wait for something."""
        return sum(self.states[state] for state in (State.PLANNED, State.SENDING, State.ACCEPTED, State.UNKNOWN))

    @property
    def balanced(self) -> bool:
        """Whether each row is accounted for and none is duplicated, lost or mislabelled."""
        faults = (self.missing, self.unlabelled, self.wrong_id, self.strangers)
        return not any(faults) and self.duplicates == 0 and self.unfinished == 0


def compare(engine: sa.Engine, crm_tasks: Iterable[Mapping[str, Any]]) -> Accounts:
    """Compare every delivery with every CRM task."""
    accounts = Accounts()
    by_marker: dict[str, list[str]] = {}
    for task in crm_tasks:
        if not task["deleted"]:
            accounts.crm_tasks += 1
            by_marker.setdefault(task["marker"] or "", []).append(task["id"])
    accounts.duplicates = sum(len(ids) - 1 for ids in by_marker.values())
    d = deliveries.c
    with engine.connect() as connection:
        for key, generation, state, crm_task_id in connection.execute(
            sa.select(d.delivery_key, d.generation, d.state, d.crm_task_id)
        ):
            accounts.rows += 1
            accounts.states[state] += 1
            found = by_marker.pop(marker(key, generation), [])
            if state == State.CREATED and not found:
                accounts.missing.append(key)
            elif state == State.CREATED and crm_task_id not in found:
                accounts.wrong_id.append(key)
            elif state != State.CREATED and found:
                accounts.unlabelled.append(key)
    accounts.strangers = [task_id for ids in by_marker.values() for task_id in ids]
    return accounts


def last_report(engine: sa.Engine, run_key: str) -> RunReport:
    """Return what the run's last plan came to; empty where nothing was planned."""
    reader = LedgerReader(engine)
    newest = reader.plan_ids(run_key)[-1:]
    counts = [counts for plan_id in newest if (counts := reader.plan(plan_id)["counts"])]
    return build_report(counts, reader.sent_counts(newest), reader.call_counts(newest))


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Bulk calls of one run, and the seconds from the first to the last."""

    calls: int
    seconds: float

    def share(self, calls_per_second: float) -> float | None:
        """Return the share of the rate limit that was used; None for too few calls to tell."""
        return (self.calls - 1) / self.seconds / calls_per_second if self.calls > 5 and self.seconds else None


def pace_of(engine: sa.Engine, run_key: str) -> Pace:
    """Return the pace of a run's bulk calls; of its last plan, if it was planned again."""
    a, b, p = attempts.c, batches.c, plans.c
    newest = sa.select(sa.func.max(p.id)).where(p.run_key == run_key).scalar_subquery()
    query = (
        sa.select(sa.func.count(), sa.func.min(a.started_at), sa.func.max(a.started_at))
        .select_from(attempts.join(batches, a.batch_id == b.batch_id))
        .where(b.plan_id == newest)
    )
    with engine.connect() as connection:
        calls, first, last = connection.execute(query).one()
    return Pace(calls=calls, seconds=(last - first).total_seconds() if calls else 0.0)
