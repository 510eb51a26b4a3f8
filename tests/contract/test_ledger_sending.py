"""Claim, intent, outcome: of any number of owners of a batch one sends it, and only while nothing was sent."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from followups.database import connect
from followups.ledger.sending import Claim, Intent, SendLedger
from followups.model import Outcome, OutcomeKind
from followups.schema import attempts, deliveries, metadata
from tests.contract.ledger_kit import (
    ACCEPTED,
    OUTCOMES,
    REFUSED,
    REJECTED,
    UNAUTHORISED,
    UNKNOWN,
    batch,
    batch_ids,
    counted,
    expire,
    plan,
    rows_of,
    sender_of,
    take,
)
from tests.support.follow_ups import make_feed, make_row, make_rows


@pytest.fixture
def batch_id(engine: sa.Engine) -> str:
    """A batch of three planned rows."""
    plan_id, _ = plan(engine, make_rows(3))
    return batch_ids(engine, plan_id)[0]


def attempts_of(engine: sa.Engine) -> list[tuple[int, str | None, int | None]]:
    query = sa.select(attempts.c.token, attempts.c.outcome, attempts.c.http_status).order_by(attempts.c.id)
    with engine.connect() as connection:
        return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def test_intent_holds_the_payloads_in_their_order_and_is_committed_before_the_call(
    engine: sa.Engine, batch_id: str
) -> None:
    _, intent = take(sender_of(engine), batch_id)
    assert list(intent.payloads) == [row["payload"] for row in rows_of(engine)]
    assert counted(engine) == {"sending": 3}
    assert (batch(engine, batch_id)["state"], attempts_of(engine)) == ("sending", [(1, None, None)])


@pytest.mark.parametrize(
    ("outcome", "state", "batch_state"),
    [
        (ACCEPTED, "accepted", "accepted"),
        (REFUSED, "planned", "claimed"),
        (REJECTED, "rejected", "settled"),
        (UNAUTHORISED, "planned", "open"),
        (UNKNOWN, "unknown", "unknown"),
    ],
)
def test_outcome_is_written_to_rows_batch_and_attempt(
    engine: sa.Engine, batch_id: str, outcome: Outcome, state: str, batch_state: str
) -> None:
    ledger = sender_of(engine)
    claim, _ = take(ledger, batch_id)
    assert ledger.record(claim, outcome)
    assert (counted(engine), batch(engine, batch_id)["state"]) == ({state: 3}, batch_state)
    assert attempts_of(engine) == [(1, str(outcome.kind), outcome.http_status)]
    reasons = {row["reason"] for row in rows_of(engine)}
    assert reasons == {outcome.detail if state in {"rejected", "unknown"} else None}


def test_request_id_is_kept_so_that_a_person_finds_the_call(engine: sa.Engine, batch_id: str) -> None:
    ledger = sender_of(engine)
    ledger.record(take(ledger, batch_id)[0], ACCEPTED)
    assert batch(engine, batch_id)["request_id"] == "1700000001"


def test_single_create_names_its_task_and_is_settled(engine: sa.Engine) -> None:
    plan_id, _ = plan(engine, [make_row()])
    ledger = sender_of(engine)
    claim, _ = take(ledger, batch_ids(engine, plan_id)[0])
    ledger.record(claim, Outcome(kind=OutcomeKind.ACCEPTED, crm_task_id="c001"))
    (row,) = rows_of(engine)
    assert (row["state"], row["crm_task_id"]) == ("created", "c001")
    assert batch(engine, claim.batch_id)["state"] == "settled"


def test_claimed_batch_is_nobody_elses_until_the_lease_runs_out(engine: sa.Engine, batch_id: str) -> None:
    assert sender_of(engine, "a").claim(batch_id)
    assert sender_of(engine, "b").claim(batch_id) is None
    expire(engine, batch_id)
    assert sender_of(engine, "b").claim(batch_id) == Claim(batch_id=batch_id, token=2, owner="b")


def test_of_two_owners_the_later_one_sends(engine: sa.Engine, batch_id: str) -> None:
    early = sender_of(engine, "a", lease_seconds=-1)
    first = early.claim(batch_id)
    later = sender_of(engine, "b")
    second = later.claim(batch_id)
    assert first is not None
    assert second is not None
    assert early.begin(first, "x") is None
    assert later.begin(second, "y") is not None
    assert early.begin(first, "z") is None


def test_claim_that_nobody_took_over_is_good_after_a_long_wait_for_a_slot(engine: sa.Engine, batch_id: str) -> None:
    ledger = sender_of(engine, lease_seconds=-1)
    claim = ledger.claim(batch_id)
    assert claim is not None
    assert ledger.begin(claim, "x") is not None


@pytest.mark.parametrize("kind", list(OutcomeKind))
def test_batch_that_was_sent_is_never_free_again_but_by_its_own_reply(
    engine: sa.Engine, batch_id: str, kind: OutcomeKind
) -> None:
    """Only a refusal frees it: nothing was processed."""
    ledger = sender_of(engine, "a")
    claim, _ = take(ledger, batch_id)
    expire(engine, batch_id)
    assert sender_of(engine, "b").claim(batch_id) is None
    ledger.record(claim, OUTCOMES[kind])
    expire(engine, batch_id)
    again = sender_of(engine, "b").claim(batch_id)
    assert (again is not None) is (kind in {OutcomeKind.REFUSED, OutcomeKind.UNAUTHORISED})


def test_owner_that_died_after_its_intent_leaves_the_batch_unknown(engine: sa.Engine, batch_id: str) -> None:
    take(sender_of(engine, "a", lease_seconds=-1), batch_id)
    other = sender_of(engine, "b")
    assert other.expire_leases() == 1
    assert other.expire_leases() == 0
    assert counted(engine) == {"unknown": 3}
    assert {row["reason"] for row in rows_of(engine)} == {
        "the sender died, or lost the ledger, after it may have sent the batch"
    }
    assert other.claim(batch_id) is None


def test_owner_that_is_within_its_lease_is_not_given_up(engine: sa.Engine, batch_id: str) -> None:
    take(sender_of(engine, "a"), batch_id)
    assert sender_of(engine, "b").expire_leases() == 0


@pytest.mark.parametrize(("outcome", "state"), [(ACCEPTED, "accepted"), (REJECTED, "rejected"), (REFUSED, "planned")])
def test_late_reply_settles_what_was_given_up(engine: sa.Engine, batch_id: str, outcome: Outcome, state: str) -> None:
    ledger = sender_of(engine, "a", lease_seconds=-1)
    claim, _ = take(ledger, batch_id)
    sender_of(engine, "b").expire_leases()
    assert ledger.record(claim, outcome)
    assert counted(engine) == {state: 3}


def test_late_reply_of_an_earlier_owner_changes_nothing(engine: sa.Engine, batch_id: str) -> None:
    early = sender_of(engine, "a", lease_seconds=-1)
    first, _ = take(early, batch_id)
    early.record(first, REFUSED)
    later = sender_of(engine, "b")
    second, _ = take(later, batch_id)
    assert early.record(first, ACCEPTED) is False
    assert counted(engine) == {"sending": 3}
    assert later.record(second, UNKNOWN)
    assert counted(engine) == {"unknown": 3}


def test_refused_batch_is_sent_again_under_the_same_claim_with_a_call_of_its_own(
    engine: sa.Engine, batch_id: str
) -> None:
    ledger = sender_of(engine)
    claim, first = take(ledger, batch_id)
    ledger.record(claim, REFUSED)
    second = ledger.begin(claim, "another token")
    assert second is not None
    assert second.payloads == first.payloads
    ledger.record(claim, ACCEPTED)
    assert attempts_of(engine) == [(1, "refused", 429), (1, "accepted", 200)]


def test_batch_that_was_emptied_is_not_sent_and_settled(engine: sa.Engine, batch_id: str) -> None:
    claim = sender_of(engine).claim(batch_id)
    assert claim is not None
    plan(engine, make_rows(3, cancelled=True), run="run-2")
    assert sender_of(engine).begin(claim, "x") is None
    assert (batch(engine, batch_id)["state"], counted(engine)) == ("settled", {"cancelled": 3})
    assert sender_of(engine).claim(batch_id) is None
    assert attempts_of(engine) == []


def test_claim_is_given_back_only_by_its_owner_and_only_before_the_intent(engine: sa.Engine, batch_id: str) -> None:
    ledger = sender_of(engine, lease_seconds=-1)
    first = ledger.claim(batch_id)
    second = ledger.claim(batch_id)
    assert first is not None
    assert second is not None
    ledger.release(first)
    assert batch(engine, batch_id)["state"] == "claimed"
    ledger.begin(second, "x")
    ledger.release(second)
    assert batch(engine, batch_id)["state"] == "sending"


def test_many_owners_at_once_send_a_batch_once(engine: sa.Engine, batch_id: str) -> None:
    start = threading.Barrier(6)

    def own(name: str) -> Intent | None:
        ledger = sender_of(engine, name, lease_seconds=-1)
        start.wait(20)
        claim = ledger.claim(batch_id)
        return ledger.begin(claim, name) if claim else None

    with ThreadPoolExecutor(6) as pool:
        intents = list(pool.map(own, "abcdef"))
    assert len([intent for intent in intents if intent]) == 1
    assert len(attempts_of(engine)) == 1


def test_slice_finds_its_own_plans_batches_alone(engine: sa.Engine) -> None:
    plans = [plan(engine, [make_row(f"{number}")], run=f"run-{number}")[0] for number in range(12)]
    assert plans[10] == 11
    assert sender_of(engine).open_batches("1-000001", "1-000010") == ["1-000001"]
    assert sender_of(engine).open_batches("11-000001", "11-000002") == ["11-000001"]
    sender_of(engine).claim("1-000001")
    assert sender_of(engine).open_batches("1-000001", "1-000002") == ["1-000001"]


def test_slice_finds_its_own_plans_batches_even_where_the_collation_passes_over_hyphens(postgres_url: URL) -> None:
    engine = connect(postgres_url)
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE COLLATION shifted (provider = icu, locale = 'und-u-ka-shifted')")
        connection.exec_driver_sql('ALTER TABLE batches ALTER COLUMN batch_id TYPE text COLLATE "shifted"')
    plans = [
        plan(engine, make_rows(51), run=f"run-{number}", feed=make_feed(name=f"f{number}"))[0] for number in range(10)
    ]
    last = [*batch_ids(engine, plans[-1])]
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE batches SET batch_id = '10-000010' WHERE batch_id = '10-000002'")
    assert last == ["10-000001", "10-000002"]
    assert sender_of(engine).open_batches("1-000001", "1-000003") == ["1-000001", "1-000002"]
    engine.dispose()


def test_next_try_takes_what_the_one_before_claimed_and_did_not_begin(engine: sa.Engine, batch_id: str) -> None:
    first = sender_of(engine, "task try 1")
    claim = first.claim(batch_id)
    assert claim is not None
    assert sender_of(engine, "other task try 2").claim(batch_id) is None
    second = SendLedger(engine, owner="task try 2", replaces=["task try 1"])
    take(second, batch_id)
    assert first.begin(claim, "late") is None  # the one before was not dead after all
    assert attempts_of(engine) == [(2, None, None)]


def test_what_the_try_before_began_is_nobodys_to_send(engine: sa.Engine, batch_id: str) -> None:
    take(sender_of(engine, "task try 1"), batch_id)
    assert SendLedger(engine, owner="task try 2", replaces=["task try 1"]).claim(batch_id) is None


def test_rows_are_locked_in_one_order_so_that_nobody_waits_in_a_circle(postgres_url: URL) -> None:
    engine, other = connect(postgres_url), connect(postgres_url)
    metadata.create_all(engine)
    plan_id, _ = plan(engine, make_rows(2))
    first, second = (row["id"] for row in rows_of(engine))
    rows = sa.select(deliveries.c.id).with_for_update(nowait=True)
    with engine.begin() as connection:  # the first lies behind the second from now on
        moved = sa.update(deliveries).where(deliveries.c.id == first)
        connection.execute(moved.values(batch_id="another"))
        connection.execute(moved.values(batch_id=batch_ids(engine, plan_id)[0]))
    sender = sender_of(other)
    claim = sender.claim(batch_ids(engine, plan_id)[0])
    assert claim is not None
    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as connection:
            connection.execute(rows.where(deliveries.c.id == first))
            waiting = pool.submit(sender.begin, claim, "token")
            locks = sa.text("SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
                            "WHERE NOT l.granted AND a.datname = current_database()")  # fmt: skip
            while not connection.execute(locks).scalar_one():
                assert not waiting.done()
            connection.execute(rows.where(deliveries.c.id == second))
        assert waiting.result() is not None
    engine.dispose()
    other.dispose()
