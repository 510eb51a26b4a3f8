"""What the page shows of the ledger."""

from __future__ import annotations

import sqlalchemy as sa

from followups.keys import delivery_key, marker
from followups.ledger.overview import Overview
from followups.ledger.planning import finish_plans
from followups.ledger.settling import SettleLedger
from followups.schema import deliveries
from tests.contract.ledger_kit import UNKNOWN, batch_ids, explained, plan, rows_of, send, sender_of, take
from tests.support.follow_ups import make_feed, make_row, make_rows

FEED = make_feed().name


def test_run_shows_what_is_done_of_all_and_what_became_of_it(engine: sa.Engine) -> None:
    plan_id, _ = plan(engine, [*make_rows(110), make_row("bad", subject=None)], run="visits/manual__1")
    first, *_ = batch_ids(engine, plan_id)
    claim, _ = take(sender_of(engine), first)
    sender_of(engine).record(claim, UNKNOWN)
    view = Overview(engine).run("visits/manual__1")
    assert view is not None
    assert (view.calls_done, view.calls_all, view.run_id) == (1, 3, "manual__1")
    assert view.report.states == {"unknown": 50, "planned": 60, "invalid": 1}
    assert view.report.reasons[("invalid", "subject: missing")] == 1
    assert view.rate > 0
    assert view.seconds_left is not None
    send(engine, plan_id)
    finish_plans(engine, [plan_id])
    view = Overview(engine).run("visits/manual__1")
    assert view is not None
    assert (view.calls_done, view.seconds_left) == (3, None)
    assert view.ended_at is not None
    assert Overview(engine).run("visits/manual__2") is None
    assert Overview(engine).run_of_plan(plan_id) == ("manual", "visits/manual__1")


def test_feed_shows_what_waits_and_what_was_not_delivered(engine: sa.Engine) -> None:
    plan_id, _ = plan(engine, [*make_rows(10), make_row("bad", subject=None)])
    page = Overview(engine)
    assert [(row["state"], row["rows"]) for row in page.open_rows(FEED)] == [("planned", 10)]
    assert [(row["state"], row["reason"], row["rows"]) for row in page.trouble(FEED)] == [
        ("invalid", "subject: missing", 1)
    ]
    (bad,) = page.rows(FEED, "invalid", "subject: missing")
    assert bad["followup_id"] == "bad"
    assert "payload" not in bad
    assert page.rows(FEED, "invalid", None) == []
    assert [run["id"] for run in page.runs(FEED)] == [plan_id]
    assert page.feeds() == [FEED]


def test_page_that_looks_again_and_again_never_reads_all_rows(engine: sa.Engine) -> None:
    plan(engine, [*make_rows(10), make_row("bad", subject=None)])
    page = Overview(engine)
    with explained(engine, "FROM deliveries") as found:
        page.open_rows(FEED)
        page.trouble(FEED)
        for state in ("held", "invalid"):
            page.rows(FEED, state, None)
    opened, refused = "ix_deliveries_open", "ix_deliveries_refused"
    used = [[name for name in (opened, refused) if name in each] for each in found]
    assert used == [[opened], [opened], [refused], [opened], [refused]]


def test_row_is_found_by_id_marker_crm_task_and_key(engine: sa.Engine) -> None:
    plan(engine, make_rows(3))
    key = delivery_key(FEED, "f-2")
    with engine.begin() as connection:
        chosen = sa.update(deliveries).where(deliveries.c.delivery_key == key)
        connection.execute(chosen.values(crm_task_id="task-2", generation=1))
    page = Overview(engine)
    texts = ["f-2", f" [ref:{marker(key)}] ", f"ref:{marker(key)}", marker(key), marker(key, 1), "task-2", key]
    for text in texts:
        assert [row["delivery_key"] for row in page.search(text, [FEED])] == [key], text
    assert [row["followup_id"] for row in page.search("f-2", [])] == ["f-2"]
    assert page.search("f-9", [FEED]) == []
    assert page.search("zzzzzzzzzzzz", [FEED]) == []


def test_story_tells_everything_but_the_payload(engine: sa.Engine) -> None:
    plan_id, _ = plan(engine, make_rows(1), run="visits/manual__1")
    send(engine, plan_id)
    (row,) = rows_of(engine)
    SettleLedger(engine, actor="verify", plan_ids=[plan_id]).created({row["id"]: "task-1"})
    story = Overview(engine).story(row["delivery_key"])
    assert story is not None
    assert [event["to_state"] for event in story["timeline"]] == ["planned", "sending", "accepted", "created"]
    (call,) = story["calls"]
    assert (call["request_id"], call["outcome"], call["http_status"]) == ("1700000001", "accepted", 200)
    assert story["marker"] == marker(row["delivery_key"])
    assert story["run_key"] == "visits/manual__1"
    assert "payload" not in story["delivery"]
    assert "Explain the offer" not in str(story)
    assert Overview(engine).story("nothing") is None


def test_looking_does_not_wait_for_those_who_write(engine: sa.Engine) -> None:
    plan(engine, make_rows(1))
    with engine.begin() as writing:
        writing.execute(sa.update(deliveries).values(reason="being written"))
        assert Overview(engine).open_rows(FEED)
