"""A feed's outcomes are in its table by the run's end; a table that is out of reach costs nothing but a red run."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import duckdb
import pytest

from followups.feeds import feeds_dir
from followups.write_back import WriteBackError
from leadsquared import deliveries_table
from leadsquared.deliveries_table import COLUMNS as TABLE
from leadsquared.work import plan as plan_work
from leadsquared.work import report as report_work
from leadsquared.work import verify as verify_work
from leadsquared.work.plan import plan_feed
from leadsquared.work.report import report_run
from leadsquared.work.verify import reconcile, verify_run
from tests.unit.leadsquared.operators.conftest import Stack, follow_up
from tests.unit.leadsquared.operators.test_feed_run import create

LEDGER = "followups_ledger"
FEED = "appointments"
ROWS = [*(follow_up(f"f-{number}") for number in range(3)), follow_up("bad", subject=None)]


@pytest.fixture
def feed(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The shipped feed, with a table in another file."""
    text = (feeds_dir() / f"{FEED}.yaml").read_text()
    wanted = f"{text}\nwrite_back: {{table: followup_outcomes, conn_id: outcomes}}\n"
    (tmp_path / f"{FEED}.yaml").write_text(wanted)
    for module in (plan_work, report_work, verify_work):
        monkeypatch.setattr(module, "feeds_dir", lambda: tmp_path)
    monkeypatch.setattr(deliveries_table, "LOCKED_SECONDS", 0.1)
    stack.connection("outcomes", conn_type="duckdb", host=str(tmp_path / "outcomes.duckdb"))
    stack.warehouse(ROWS)
    return stack


def run(stack: Stack) -> Any:
    (only,) = plan_feed(FEED, LEDGER, stack.context("plan"))
    create(stack, only)
    verify_run(FEED, LEDGER, stack.context("verify"))
    return report_run(FEED, LEDGER, stack.context("report"))


def written(stack: Stack) -> dict[str, str]:
    with duckdb.connect(str(stack.folder / "outcomes.duckdb")) as connection:
        return dict(connection.execute("SELECT followup_id, state FROM followup_outcomes").fetchall())


def test_outcomes_are_in_the_table_by_the_runs_end(feed: Stack) -> None:
    assert run(feed)["states"] == {"created": 3, "invalid": 1}
    assert written(feed) == feed.states()


def test_table_out_of_reach_reddens_the_run_after_all_was_recorded_and_reconcile_catches_up(feed: Stack) -> None:
    feed.connection("outcomes", conn_type="duckdb", host=str(feed.folder / "nowhere" / "outcomes.duckdb"))
    with pytest.raises(WriteBackError, match=r"table followup_outcomes \(connection outcomes\) is behind the ledger"):
        run(feed)
    assert feed.pushed["report"]["states"] == {"created": 3, "invalid": 1}
    feed.connection("outcomes", conn_type="duckdb", host=str(feed.folder / "outcomes.duckdb"))
    counts = reconcile("leadsquared_default", LEDGER, feed.context("reconcile"))
    assert counts["written back"] == 4
    assert written(feed) == feed.states()
    assert reconcile("leadsquared_default", LEDGER, feed.context("reconcile"))["written back"] == 0


def test_table_that_refuses_values_is_told_of_without_them(feed: Stack) -> None:
    columns = ", ".join(f"{name} {'INTEGER' if name == 'followup_id' else kind}" for name, kind in TABLE.items())
    with duckdb.connect(str(feed.folder / "outcomes.duckdb")) as connection:
        connection.execute(f"CREATE TABLE followup_outcomes ({columns})")
    with pytest.raises(WriteBackError, match=r"is behind the ledger: ConversionException\. Nothing is lost") as caught:
        run(feed)
    shown = "".join(traceback.format_exception(caught.value))
    assert not any(row["followup_id"] in shown for row in ROWS)


def test_reconcile_goes_on_with_other_feeds_before_it_tells_of_one_that_failed(feed: Stack) -> None:
    run(feed)
    other = (feed.folder / f"{FEED}.yaml").read_text().replace("conn_id: outcomes", "conn_id: not_there")
    (feed.folder / "a_first.yaml").write_text(other)
    with feed.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM write_backs")
    with pytest.raises(WriteBackError, match="feed a_first"):
        reconcile("leadsquared_default", LEDGER, feed.context("reconcile"))
    assert written(feed) == feed.states()
