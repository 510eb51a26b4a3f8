"""Changes that wait for a person: nobody makes them before a yes, and after a no the next run asks again."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from followups.changes import ChangeKind
from followups.ledger import held_changes
from followups.ledger.asking import NOT_APPROVED, AskedChange, ask, last_changes
from followups.ledger.changing import ChangeLedger
from followups.ledger.clock import store_now
from followups.schema import changes, events
from tests.contract.ledger_kit import end, rows_of
from tests.contract.test_ledger_changing import begun, delivered, ledger_of, request, wanted


def hold(engine: sa.Engine, plan_id: int, *asked: AskedChange) -> int:
    with engine.begin() as connection:
        return ask(connection, asked, plan_id=plan_id, actor="plan", now=store_now(connection), held=True)


@pytest.fixture
def held(engine: sa.Engine) -> int:
    """A plan that would delete both of its CRM tasks."""
    plan_id = delivered(engine)
    assert hold(engine, plan_id, *(wanted(row, ChangeKind.DELETE) for row in rows_of(engine))) == 2
    return plan_id


def all_changes(engine: sa.Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(sa.select(changes).order_by(changes.c.id)).mappings()]


def last(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return len(last_changes(connection, [row["id"] for row in rows_of(engine)]))


def test_nobody_makes_them_not_even_once_the_run_has_ended(engine: sa.Engine, held: int) -> None:
    assert held_changes.waiting(engine, [held]) == {"delete": 2}
    assert ledger_of(engine, held).open_changes(10) == []
    end(engine, held)
    assert ChangeLedger(engine, actor="reconcile", leadsquared_conn_id="leadsquared_default").open_changes(10) == []
    assert ChangeLedger(engine, actor="reconcile", leadsquared_conn_id="leadsquared_default").count_open() == 0


def test_yes_lets_them_be_made(engine: sa.Engine, held: int) -> None:
    held_changes.release(engine, [held])
    assert held_changes.waiting(engine, [held]) == {}
    assert len(ledger_of(engine, held).open_changes(10)) == 2


def test_answer_is_about_that_run_alone(engine: sa.Engine, held: int) -> None:
    held_changes.release(engine, [held + 1])
    assert held_changes.drop(engine, [held + 1], NOT_APPROVED, actor="ava") == 0
    assert held_changes.waiting(engine, [held]) == {"delete": 2}


def test_no_leaves_the_crm_tasks_and_the_next_run_asks_again(engine: sa.Engine, held: int) -> None:
    assert held_changes.drop(engine, [held], f"{NOT_APPROVED} by ava", actor="plan") == 2
    assert {(each["state"], each["reason"], each["payload"]) for each in all_changes(engine)} == {
        ("skipped", "not approved by ava", None)
    }
    assert {row["state"] for row in rows_of(engine)} == {"created"}
    assert last(engine) == 0
    with engine.connect() as connection:
        told = connection.execute(sa.select(events.c.reason).order_by(events.c.id.desc()).limit(1)).scalar_one()
    assert told == "no delete: not approved by ava"


def test_question_that_was_never_asked_is_asked_by_the_next_run(engine: sa.Engine, held: int) -> None:
    assert last(engine) == 0
    assert hold(engine, held, *(wanted(row, ChangeKind.DELETE) for row in rows_of(engine))) == 2
    assert sorted(each["state"] for each in all_changes(engine)) == ["held", "held", "skipped", "skipped"]


def test_change_under_way_is_in_nobodys_way(engine: sa.Engine) -> None:
    plan_id = delivered(engine, 1)
    (row,) = rows_of(engine)
    request(engine, plan_id, wanted(row, ChangeKind.UPDATE))
    begun(ledger_of(engine, plan_id), ledger_of(engine, plan_id).open_changes(10))
    assert hold(engine, plan_id, wanted(row, ChangeKind.DELETE)) == 0
    assert [each["state"] for each in all_changes(engine)] == ["accepted"]
