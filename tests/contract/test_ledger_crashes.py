"""A run that dies between any two of its steps leaves a ledger from which nothing is sent twice and nothing is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import pytest
import sqlalchemy as sa

from followups.feeds import Feed
from followups.ledger.sending import SendLedger
from followups.ledger.settling import SettleLedger
from followups.model import Outcome, OutcomeKind
from followups.planning import batching
from followups.schema import deliveries
from tests.contract.ledger_kit import (
    ACCEPTED,
    REFUSED,
    REJECTED,
    UNKNOWN,
    CrashError,
    crash_at_write,
    die,
    make_planner,
    open_plan,
    sender_of,
)
from tests.support.follow_ups import make_feed, make_row, make_rows

Answer = Callable[[Sequence[str], int], Outcome]
#: More writes than any of these runs makes.
ENOUGH = 200


class Crm:
    """Counts what it created; `answer(payloads, call)` says what it tells."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.calls = 0
        self.created: Counter[str] = Counter()

    def post(self, payloads: Sequence[str]) -> Outcome:
        self.calls += 1
        outcome = self.answer(payloads, self.calls)
        if outcome.kind in {OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN}:
            self.created.update(payloads)
        return outcome


def accept(_payloads: Sequence[str], _call: int) -> Outcome:
    return ACCEPTED


def lose_every_third_reply(_payloads: Sequence[str], call: int) -> Outcome:
    return UNKNOWN if call % 3 == 0 else ACCEPTED


def refuse_every_other_call(_payloads: Sequence[str], call: int) -> Outcome:
    return REFUSED if call % 2 else ACCEPTED


def refuse_a_row(payloads: Sequence[str], _call: int) -> Outcome:
    return REJECTED if any("spoiler" in payload for payload in payloads) else ACCEPTED


def run_once(engine: sa.Engine, feed: Feed, run: str, crm: Crm) -> None:
    """Plan in two chunks with one bad row, send, look; as the operators do."""
    rows = [*make_rows(4), make_row("spoiler", subject="spoiler"), make_row("bad", subject=None)]
    SendLedger(engine, owner=run).expire_leases()
    plan = open_plan(engine, run, feed)
    planner = make_planner(plan, feed)
    planner.add(rows[:3])
    planner.add(rows[3:])
    planner.add_leftovers()
    plan.close(planner.finish().as_json())
    send_open(engine, plan.plan_id, crm)
    settle = SettleLedger(engine, actor=run, plan_ids=[plan.plan_id])
    open_ids = [each.batch_id for each in settle.open_batches(100)]
    found = [row for rows in settle.open_rows(open_ids).values() for row in rows if row.payload in crm.created]
    settle.created({row.id: f"task-{row.id}" for row in found})
    settle.looked(open_ids, conclusive=True)


def send_open(engine: sa.Engine, plan_id: int, crm: Crm) -> None:
    ledger = sender_of(engine, f"plan {plan_id}", lease_seconds=-1)
    while found := ledger.open_batches(f"{plan_id}-", f"{plan_id}-9"):
        for batch_id in found:
            claim = ledger.claim(batch_id)
            assert claim is not None
            for call in range(9):
                intent = ledger.begin(claim, f"{batch_id}/{claim.token}/{call}")
                if intent is None:
                    break
                outcome = crm.post(intent.payloads)
                if outcome.kind is OutcomeKind.REJECTED and len(intent.payloads) > 1:
                    ledger.split(claim, outcome)
                else:
                    ledger.record(claim, outcome)
                if outcome.kind is not OutcomeKind.REFUSED:
                    break


def states_of(engine: sa.Engine, feed: Feed) -> Counter[str]:
    query = sa.select(deliveries.c.state, sa.func.count()).where(deliveries.c.feed == feed.name)
    with engine.connect() as connection:
        return Counter({row[0]: row[1] for row in connection.execute(query.group_by(deliveries.c.state))})


def plan_ids(engine: sa.Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.execute(sa.text("SELECT id FROM plans")).scalars())


@pytest.mark.parametrize("answer", [accept, lose_every_third_reply, refuse_every_other_call, refuse_a_row])
def test_death_at_any_write_sends_nothing_twice_and_loses_nothing(
    engine: sa.Engine, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "MAX_ROWS_PER_CALL", 4)
    stride = 2 if engine.dialect.name == "sqlite" else 4
    for nth in range(1, ENOUGH, stride):
        feed = make_feed(name=f"feed_{nth}")
        crm = Crm(answer)
        try:
            with crash_at_write(engine, nth):
                run_once(engine, feed, f"{nth}/1", crm)
        except CrashError:
            die(engine, *plan_ids(engine))
            # Airflow's retry, or the next run.
            run_once(engine, feed, f"{nth}/{1 + nth // stride % 2}", crm)
        else:
            break
        assert max(crm.created.values()) == 1, f"sent twice after death at write {nth}"
        found = states_of(engine, feed)
        assert found.total() == 6, f"lost after death at write {nth}: {found}"
        assert found["planned"] == found["sending"] == 0, f"left behind after death at write {nth}: {found}"
        assert found["created"] + found["accepted"] + found["unknown"] >= crm.created.total()
    assert 20 < nth < ENOUGH - stride
