"""The verdict on a case. The sandbox is the witness; what the actors logged or told counts for nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from demo.accounting import compare
from followups.keys import delivery_key, marker
from followups.model import State
from followups.planning.batching import MAX_ROWS_PER_CALL
from followups.schema import deliveries, events
from followups.verdicts import CUT_SHORT, HIDDEN
from tests.chaos.cases import Case
from tests.chaos.faults import FAULTS
from tests.chaos.orders import FEED, SETTLE_SECONDS
from tests.chaos.world import World, expected

#: No fault of the sandbox holds work up for longer than this share of the settle time.
STARVED_SHARE = 0.75
#: Between these a frozen sender cannot know that it was frozen: what it sends once it wakes cannot be called back.
WAKES_UP_TOO_LATE = {"headers sent", "body sent"}


@dataclass(kw_only=True)
class Verdict:
    """What became of a case's rows."""

    states: Counter[str] = field(default_factory=Counter)
    #: living CRM tasks beyond the first of a follow-up
    duplicates: int = 0
    #: the same, and those that were deleted since
    duplicates_ever: int = 0
    #: rows neither created nor kept back with a true reason
    lost: list[str] = field(default_factory=list)
    #: `created` without a CRM task, or a CRM task whose row is not `created`
    mislabelled: list[str] = field(default_factory=list)
    unfinished: int = 0
    #: rows whose outcome stands otherwise in the warehouse than in the ledger
    miswritten: list[str] = field(default_factory=list)
    #: seconds from recovery to the verdict, of rows that were unknown then
    settled_after: list[float] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    unforeseen_double: bool = False

    @property
    def faultless(self) -> bool:
        """Whether nothing is doubled, lost, mislabelled or left open."""
        wrong = (
            self.duplicates, self.lost, self.mislabelled, self.unfinished, self.unforeseen_double, self.miswritten
        )  # fmt: skip
        return not any(wrong)

    def __str__(self) -> str:
        return (
            f"duplicates {self.duplicates} (ever {self.duplicates_ever}), lost {len(self.lost)} {self.lost[:3]}, "
            f"mislabelled {len(self.mislabelled)} {self.mislabelled[:3]}, unfinished {self.unfinished}, "
            f"miswritten {len(self.miswritten)} {self.miswritten[:3]}, "
            f"{dict(self.states)}"
        )


def judge(case: Case, world: World, recovered_at: datetime | None) -> Verdict:
    """Compare the ledger with the sandbox's own record, row by row."""
    world.sandbox.drain()
    audit = world.sandbox.audit()
    tasks = world.sandbox.tasks()
    verdict = Verdict(
        duplicates_ever=audit["duplicates"]["by_marker_ever"],
        calls=Counter({name: sum(counts.values()) for name, counts in audit["calls"]["by_operation"].items()}),
        faults=Counter(audit["faults"]),
    )
    with world.ledger() as engine:
        accounts = compare(engine, tasks)
        verdict.states = accounts.states
        verdict.duplicates = accounts.duplicates
        verdict.unfinished = accounts.unfinished
        hidden = _hidden(engine) if any(FAULTS[fault].hides_rows for fault in case.faults) else set()
        unlabelled = [key for key in accounts.unlabelled if key not in hidden]
        verdict.mislabelled = [*accounts.missing, *unlabelled, *accounts.wrong_id, *accounts.strangers]
        verdict.lost = sorted(_lost(case, world, engine, hidden))
        verdict.miswritten = _miswritten(world, engine)
        verdict.settled_after = _settled_after(engine, recovered_at)
    verdict.unforeseen_double = verdict.duplicates_ever > 0 and not _may_double(case)
    return verdict


def _lost(case: Case, world: World, engine: sa.Engine, hidden: set[str]) -> set[str]:
    """Return valid rows that are neither created nor kept back for a reason that the sandbox confirms."""
    right = expected(case.rows)
    dropped = {drop["marker"] for drop in world.sandbox.drops()}
    spoils = any(FAULTS[fault].spoils_rows for fault in case.faults)
    d = deliveries.c
    with engine.connect() as connection:
        found = {row.followup_id: row for row in connection.execute(sa.select(d.followup_id, d.delivery_key, d.state))}
    lost = {row_id for row_id in right.invalid if row_id not in found or found[row_id].state != State.INVALID}
    lost |= {row_id for row_id in right.cancelled if row_id not in found or found[row_id].state != State.CANCELLED}
    for row_id in right.valid:
        row = found.get(row_id)
        if (
            row is None
            or row.state in {State.INVALID, State.CANCELLED}
            or (row.state == State.HELD and row.delivery_key not in hidden)
        ):
            lost.add(row_id)
        elif row.state == State.REJECTED:
            poisoned = "poison row" in case.faults and row_id == "f-00007"
            if not (spoils and (marker(row.delivery_key) in dropped or poisoned)):
                lost.add(row_id)
    return lost


def _miswritten(world: World, engine: sa.Engine) -> list[str]:
    """Return keys whose outcome is missing in the warehouse, doubled or another than the ledger's."""
    told = ("delivery_key", "feed", "followup_id", "state", "reason", "crm_task_id")
    with engine.connect() as connection:
        rows = connection.execute(sa.select(*(deliveries.c[name] for name in told))).all()
    right = Counter(tuple(row) for row in rows)
    written = Counter(tuple(row[name] for name in told) for row in world.outcomes())
    return sorted({row[0] for row in ((right - written) + (written - right))})


def _hidden(engine: sa.Engine) -> set[str]:
    """Return keys of rows that are held because their absence cannot be proved."""
    d = deliveries.c
    with engine.connect() as connection:
        held = sa.select(d.delivery_key).where(d.state == State.HELD, d.reason.in_((HIDDEN, CUT_SHORT)))
        return set(connection.execute(held).scalars())


def _settled_after(engine: sa.Engine, recovered_at: datetime | None) -> list[float]:
    if recovered_at is None:
        return []
    e = events.c
    query = sa.select(e.at).where(e.from_state == State.UNKNOWN, e.delivery_id.is_not(None), e.at > recovered_at)
    with engine.connect() as connection:
        return [(at - recovered_at).total_seconds() for at in connection.execute(query).scalars()]


def _may_double(case: Case) -> bool:
    """Whether a frozen sender may have sent once it woke: at these points, or anywhere if others of its calls flew."""
    if case.option("heal") == "no":
        return False
    frozen = [point for point, kill in zip(case.points, case.kills, strict=True) if kill == "SIGSTOP"]
    return bool(frozen) and (case.rows > MAX_ROWS_PER_CALL or bool({*frozen} & WAKES_UP_TOO_LATE))


def starved(case: Case, world: World) -> bool:
    """Tell whether a create took longer, from its arrival until look-ups show it, than the settle time allows for.

    Then a look past the settle time may rightly have missed it, and what follows is the machine's doing.
    """
    lag = sum(FAULTS[fault].switches.get("lookup_lag_ms", 0) for fault in case.faults) / 1000
    arrived = {call["request"]: call for call in world.sandbox.calls() if call["request"]}
    for task in world.sandbox.tasks():
        call = arrived.get(task["request"])
        if call is None:
            continue
        since = task["created"] - datetime.fromisoformat(call["arrived_at"]).timestamp()
        if since + lag > SETTLE_SECONDS * STARVED_SHARE:
            return True
    return False


def markers(count: int) -> set[str]:
    """Return the markers of all valid rows."""
    return {marker(delivery_key(FEED, row_id)) for row_id in expected(count).valid}


def judge_client(count: int, tasks: list[dict[str, Any]]) -> Verdict:
    """Return the verdict on a client without a ledger: the rows it was given, held against what is there."""
    found = Counter(task["marker"] for task in tasks if not task["deleted"])
    verdict = Verdict(duplicates=sum(times - 1 for times in found.values()))
    verdict.lost = sorted(markers(count) - set(found))
    return verdict
