"""What the ledger holds of rows, and which of them are as they were: told by the database, on both kinds."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from followups.ledger.planning import PlanLedger
from followups.ledger.preview import PreviewLedger
from followups.ledger.rows import Known
from followups.model import State
from followups.planning.unchanged import states_left_alone
from followups.schema import deliveries
from tests.contract.ledger_kit import explained, open_plan, plan, rows_of, send
from tests.support.follow_ups import make_feed, make_reader, make_row, make_rows

STATES = states_left_alone("none")


def hashes(count: int) -> dict[str, int | None]:
    return dict(zip(*make_reader().outlines(make_rows(count)), strict=True))


def ids(engine: sa.Engine) -> dict[str, int]:
    return {row["delivery_key"]: row["id"] for row in rows_of(engine)}


def change(engine: sa.Engine, followup_id: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(sa.update(deliveries).where(deliveries.c.followup_id == followup_id).values(values))


@pytest.fixture
def delivered(engine: sa.Engine) -> sa.Engine:
    plan_id, _ = plan(engine, make_rows(4))
    send(engine, plan_id)
    return engine


def test_delivered_rows_are_found_by_state(delivered: sa.Engine) -> None:
    change(delivered, "f-2", state=State.CREATED)
    expected = hashes(4)
    unchanged, known = open_plan(delivered, "run-2").standing(expected, STATES)
    keys = list(expected)
    assert {state: sorted(unchanged[state]) for state in unchanged} == {
        State.ACCEPTED: sorted([keys[0], keys[2], keys[3]]),
        State.CREATED: [keys[1]],
    }
    assert known == {}


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"row_hash": 1}, id="another hash"),
        pytest.param({"row_hash": None}, id="no hash"),
        pytest.param({"state": State.PLANNED}, id="to be sent"),
        pytest.param({"withdrawn": True}, id="withdrawn"),
    ],
)
def test_what_is_not_as_it_was_is_known(delivered: sa.Engine, values: dict[str, Any]) -> None:
    change(delivered, "f-1", **values)
    first, *others = hashes(4)
    unchanged, known = open_plan(delivered, "run-2").standing(hashes(4), STATES)
    assert sorted(unchanged[State.ACCEPTED]) == sorted(others)
    (row,) = (row for row in rows_of(delivered) if row["delivery_key"] == first)
    assert known == {first: Known(**{name: row[name] for name in Known._fields})}
    assert isinstance(known[first].state, State)
    assert isinstance(known[first].withdrawn, bool)


def test_new_rows_are_not_among_them(delivered: sa.Engine) -> None:
    unchanged, known = open_plan(delivered, "run-2").standing(hashes(9), STATES)
    assert sorted(unchanged[State.ACCEPTED]) == sorted(hashes(4))
    assert known == {}


def test_row_without_a_hash_is_known(delivered: sa.Engine) -> None:
    found = ids(delivered)
    unchanged, known = open_plan(delivered, "run-2").standing(dict.fromkeys(hashes(4)), STATES)
    assert unchanged == {}
    assert {key: each.id for key, each in known.items()} == found


def test_rows_are_known_where_every_row_is_to_be_read(delivered: sa.Engine) -> None:
    unchanged, known = open_plan(delivered, "run-2").standing(hashes(4), frozenset())
    assert unchanged == {}
    assert known.keys() == hashes(4).keys()


def test_rows_of_the_plan_itself_are_known(engine: sa.Engine) -> None:
    plan_id, _ = plan(engine, make_rows(2))
    send(engine, plan_id)
    ledger = PlanLedger(engine, feed=make_feed().name, run_key="run-1", actor="a")
    ledger.plan_id = plan_id
    unchanged, known = ledger.standing(hashes(2), STATES)
    assert unchanged == {}
    assert {each.plan_id for each in known.values()} == {plan_id}


def test_hashes_of_both_signs_and_all_sizes_are_compared_exactly(delivered: sa.Engine) -> None:
    keys = list(hashes(4))
    numbers = [2**63 - 1, -(2**63), 0, -1]
    for number, row_hash in enumerate(numbers, 1):
        change(delivered, f"f-{number}", row_hash=row_hash)
    ledger = open_plan(delivered, "run-2")
    unchanged, _ = ledger.standing(dict(zip(keys, numbers, strict=True)), STATES)
    assert sorted(unchanged[State.ACCEPTED]) == sorted(keys)
    others = {keys[0]: 2**63 - 2, keys[1]: -(2**63) + 1, keys[2]: 1, keys[3]: 1}
    unchanged, known = ledger.standing(others, STATES)
    assert unchanged == {}
    assert {key: each.row_hash for key, each in known.items()} == dict(zip(keys, numbers, strict=True))


def test_of_nothing_nothing_is_known(delivered: sa.Engine) -> None:
    assert open_plan(delivered, "run-2").standing({}, STATES) == ({}, {})


def test_preview_reads_rows_that_were_kept_back_before_since_it_shows_them(delivered: sa.Engine) -> None:
    change(delivered, "f-1", state=State.REJECTED)
    preview = PreviewLedger(delivered, feed=make_feed().name, run_key="run-2", actor="a")
    preview.open(kind="manual", mode="preview", window=None)
    unchanged, known = preview.standing(hashes(4), STATES)
    assert set(unchanged) == {State.ACCEPTED}
    assert [each.state for each in known.values()] == [State.REJECTED]


def test_sqlite_finds_a_plans_rows_by_their_keys(engine: sa.Engine) -> None:
    if engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL chooses by what the tables hold")
    with explained(engine, "json_each", "deliveries") as found:
        plan(engine, [*make_rows(3), make_row("bad", subject=None)])
    assert found
    assert [each for each in found if "(delivery_key=?)" not in each] == []
