"""A batch that is refused as a whole is cut in two until the row is found that spoils it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.contract.ledger_kit import (
    ACCEPTED,
    REJECTED,
    CrashError,
    batch,
    batch_ids,
    counted,
    crash_at_write,
    plan,
    rows_of,
    sender_of,
    take,
)
from tests.support.follow_ups import make_row, make_rows


def deliver(engine: sa.Engine, plan_id: int, spoiler: str) -> int:
    """Send a plan's batches as long as any is open; calls with the spoiler are rejected. Return the calls."""
    ledger, calls = sender_of(engine), 0
    while found := ledger.open_batches(f"{plan_id}-", f"{plan_id}-9"):
        for batch_id in found:
            claim, intent = take(ledger, batch_id)
            calls += 1
            if not any(spoiler in payload for payload in intent.payloads):
                ledger.record(claim, ACCEPTED)
            elif len(intent.payloads) > 1:
                ledger.split(claim, REJECTED)
            else:
                ledger.record(claim, REJECTED)
    return calls


@pytest.mark.parametrize("place", [1, 25, 50])
def test_one_bad_row_of_50_is_found_and_the_others_are_sent_once(engine: sa.Engine, place: int) -> None:
    rows = make_rows(50)
    rows[place - 1]["subject"] = "spoiler"
    plan_id, _ = plan(engine, rows)
    assert deliver(engine, plan_id, "spoiler") <= 13
    assert counted(engine) == {"accepted": 49, "rejected": 1}
    (bad,) = [row for row in rows_of(engine) if row["state"] == "rejected"]
    assert (bad["followup_id"], bad["reason"]) == (f"f-{place}", REJECTED.detail)
    assert all(row["reason"] is None for row in rows_of(engine) if row["state"] == "accepted")


def test_halves_are_open_batches_of_the_same_plan_and_the_whole_is_settled(engine: sa.Engine) -> None:
    plan_id, _ = plan(engine, make_rows(5))
    ledger = sender_of(engine)
    claim, _ = take(ledger, batch_ids(engine, plan_id)[0])
    children = ledger.split(claim, REJECTED)
    assert children == [f"{claim.batch_id}.1", f"{claim.batch_id}.2"]
    assert [batch(engine, child)["rows"] for child in children] == [2, 3]
    assert {batch(engine, child)["state"] for child in children} == {"open"}
    assert batch(engine, claim.batch_id)["state"] == "settled"
    assert ledger.open_batches(claim.batch_id, f"{claim.batch_id}:") == children


def test_only_the_owner_of_the_call_splits(engine: sa.Engine) -> None:
    plan_id, _ = plan(engine, make_rows(4))
    ledger = sender_of(engine)
    claim, _ = take(ledger, batch_ids(engine, plan_id)[0])
    assert ledger.split(claim, REJECTED)
    assert ledger.split(claim, REJECTED) == []
    assert counted(engine) == {"planned": 4}


def test_row_that_a_run_took_up_meanwhile_is_not_taken_back(engine: sa.Engine) -> None:
    plan_id, _ = plan(engine, make_rows(4))
    ledger = sender_of(engine)
    claim, _ = take(ledger, batch_ids(engine, plan_id)[0])
    ledger.record(claim, REJECTED)
    other, _ = plan(engine, [make_row("f-1", subject="mended")], run="run-2")
    assert ledger.split(claim, REJECTED) == []
    assert [row["batch_id"] for row in rows_of(engine) if row["state"] == "planned"] == batch_ids(engine, other)


@pytest.mark.parametrize("nth", range(1, 10))
def test_death_in_a_split_never_leaves_good_rows_rejected(engine: sa.Engine, nth: int) -> None:
    plan_id, _ = plan(engine, make_rows(4))
    ledger = sender_of(engine, lease_seconds=-1)
    claim, _ = take(ledger, batch_ids(engine, plan_id)[0])
    with crash_at_write(engine, nth), pytest.raises(CrashError):
        ledger.split(claim, REJECTED)
    assert counted(engine) == {"sending": 4}
    ledger.expire_leases()
    assert counted(engine) == {"unknown": 4}
