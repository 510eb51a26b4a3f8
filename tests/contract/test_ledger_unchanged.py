"""What the ledger itself finds to be as it was: compared by the database, row by row, on both kinds."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from followups.ledger.planning import PlanLedger
from followups.ledger.preview import PreviewLedger
from followups.model import State
from followups.planning.unchanged import states_left_alone
from followups.schema import deliveries
from tests.contract.ledger_kit import open_plan, plan, send
from tests.support.follow_ups import make_feed, make_reader, make_rows

STATES = states_left_alone("none")


def hashes(count: int) -> dict[str, int]:
    found = make_reader().outlines(make_rows(count))
    return {key: row_hash for key, row_hash in zip(*found, strict=True) if row_hash is not None}


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
    found = open_plan(delivered, "run-2").unchanged(expected, STATES)
    keys = list(expected)
    assert {state: sorted(found[state]) for state in found} == {
        State.ACCEPTED: sorted([keys[0], keys[2], keys[3]]),
        State.CREATED: [keys[1]],
    }


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"row_hash": 1}, id="another hash"),
        pytest.param({"row_hash": None}, id="no hash"),
        pytest.param({"state": State.PLANNED}, id="to be sent"),
        pytest.param({"withdrawn": True}, id="withdrawn"),
    ],
)
def test_what_is_not_as_it_was_is_left_out(delivered: sa.Engine, values: dict[str, Any]) -> None:
    change(delivered, "f-1", **values)
    expected = hashes(4)
    found = open_plan(delivered, "run-2").unchanged(expected, STATES)
    assert sorted(found[State.ACCEPTED]) == sorted(list(expected)[1:])


def test_rows_of_the_plan_itself_are_left_out(engine: sa.Engine) -> None:
    plan_id, _ = plan(engine, make_rows(2))
    send(engine, plan_id)
    ledger = PlanLedger(engine, feed=make_feed().name, run_key="run-1", actor="a")
    ledger.plan_id = plan_id
    assert ledger.unchanged(hashes(2), STATES) == {}


def test_hashes_of_both_signs_and_all_sizes_are_compared_exactly(delivered: sa.Engine) -> None:
    keys = list(hashes(4))
    numbers = [2**63 - 1, -(2**63), 0, -1]
    for number, row_hash in enumerate(numbers, 1):
        change(delivered, f"f-{number}", row_hash=row_hash)
    ledger = open_plan(delivered, "run-2")
    assert sorted(ledger.unchanged(dict(zip(keys, numbers, strict=True)), STATES)[State.ACCEPTED]) == sorted(keys)
    assert ledger.unchanged({keys[0]: 2**63 - 2, keys[1]: -(2**63) + 1, keys[2]: 1, keys[3]: 1}, STATES) == {}


def test_nothing_is_asked_where_there_is_nothing_to_compare(delivered: sa.Engine) -> None:
    assert open_plan(delivered, "run-2").unchanged({}, STATES) == {}


def test_preview_reads_rows_that_were_kept_back_before_since_it_shows_them(delivered: sa.Engine) -> None:
    change(delivered, "f-1", state=State.REJECTED)
    preview = PreviewLedger(delivered, feed=make_feed().name, run_key="run-2", actor="a")
    preview.open(kind="manual", mode="preview", window=None)
    assert set(preview.unchanged(hashes(4), STATES)) == {State.ACCEPTED}
