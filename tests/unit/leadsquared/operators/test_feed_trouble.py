"""What a run says, and leaves alone, when something it needs is wrong or away."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from followups.errors import PermanentError
from followups.feeds import FeedError, files
from followups.ledger.migrate import VERSION_TABLE, LedgerSchemaError
from followups.rows import ColumnError
from followups.sql import QueryError
from followups.window import WindowError
from leadsquared.errors import ConfigurationError
from leadsquared.operators.plan import PlanFollowUpsOperator
from leadsquared.params import ParamError
from leadsquared.warehouse_errors import QueryRefusedError, WarehouseError
from tests.unit.leadsquared.operators.conftest import Stack, follow_up


def plan(stack: Stack, feed: str = "appointments", **context: Any) -> list[dict[str, Any]]:
    return PlanFollowUpsOperator(task_id="plan", feed=feed).execute(stack.context("plan", **context))


@pytest.fixture
def feed(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put another feed beside the shipped ones."""
    from leadsquared.work import plan as work

    def write(text: str, query: str = "SELECT * FROM followups") -> None:
        (tmp_path / "visits.yaml").write_text(text, encoding="utf-8")
        (tmp_path / "visits.sql").write_text(query, encoding="utf-8")
        monkeypatch.setattr(work, "feeds_dir", lambda: tmp_path)
        monkeypatch.setattr(files, "sql_dir", lambda: tmp_path)

    return write


GOOD = "start_date: 2031-01-01\nsql: visits.sql\n"


def nothing_happened(stack: Stack) -> bool:
    kept = {VERSION_TABLE, "rate_slots", "directories"}
    return not any(rows for name, rows in stack.tables().items() if name not in kept)


def test_query_that_lacks_a_column_is_named_and_nothing_is_planned(stack: Stack) -> None:
    stack.warehouse([follow_up()], without=["subject"])
    told = r"feed appointments: include/sql/appointments\.sql, by connection warehouse_default: .* wrong: .*subject"
    with pytest.raises(QueryRefusedError, match=told):
        plan(stack)
    assert nothing_happened(stack)


def test_column_that_the_query_does_not_select_is_named(stack: Stack, feed: Any) -> None:
    feed(GOOD, "SELECT followup_id, task_type, due_at, owner_email FROM followups")
    with pytest.raises(ColumnError, match=r"include/sql/visits.sql returns no column subject: select it"):
        plan(stack, "visits")
    assert nothing_happened(stack)


def test_column_that_is_misspelt_is_named_and_nothing_is_planned(stack: Stack, feed: Any) -> None:
    feed(GOOD, "SELECT f.* EXCLUDE (location), location AS loction FROM followups AS f")
    told = r"include/sql/visits.sql returns a column loction; did you mean location\? Name it so, or leave it out"
    with pytest.raises(ColumnError, match=told):
        plan(stack, "visits")
    assert nothing_happened(stack)


def test_columns_that_no_follow_up_has_are_told_once(stack: Stack, feed: Any, caplog: pytest.LogCaptureFixture) -> None:
    feed(GOOD, "SELECT *, 1 AS priority FROM followups")
    stack.warehouse([follow_up("f-1"), follow_up("f-2")])
    with caplog.at_level(logging.INFO):
        assert len(plan(stack, "visits")) == 1
    assert caplog.text.count("no follow-up has are ignored: feed, priority") == 1


def test_parameter_that_there_is_not_is_named(stack: Stack, feed: Any) -> None:
    feed(GOOD, "SELECT * FROM followups WHERE due_at > :window_begin")
    with pytest.raises(QueryError, match="asks for :window_begin; it may use :window_start, :window_end"):
        plan(stack, "visits")


@pytest.mark.parametrize(("where", "warnings"), [("", 1), (" WHERE due_at < :window_end", 0)])
def test_query_that_reads_all_rows_every_time_is_warned_of(
    stack: Stack, feed: Any, caplog: pytest.LogCaptureFixture, where: str, warnings: int
) -> None:
    feed(GOOD, f"SELECT * FROM followups{where}")
    plan(stack, "visits")
    assert caplog.text.count("visits.sql uses neither :window_start nor :window_end") == warnings


def test_wrong_feed_fails_with_file_field_and_cure(stack: Stack, feed: Any) -> None:
    feed(GOOD + "past_due: drop\n")
    with pytest.raises(FeedError, match=r"visits\.yaml, line 3: `past_due`"):
        plan(stack, "visits")


def test_feed_that_there_is_not_fails_with_its_name(stack: Stack) -> None:
    with pytest.raises(FeedError, match=r"visitz\.yaml: no such feed file"):
        plan(stack, "visitz")


@pytest.mark.parametrize("params", [{"from": "tomorrow"}, {"from": "2031-05-02", "to": "2031-05-01"}])
def test_params_that_make_no_window_fail_before_anything_is_asked(stack: Stack, params: dict[str, str]) -> None:
    with pytest.raises(WindowError, match="`from`"):
        plan(stack, **params)
    assert stack.sandbox.calls() == []


def test_param_that_there_is_not_fails_before_anything_is_asked(stack: Stack) -> None:
    context = stack.context("plan")
    context["dag_run"].conf = {"form": "2031-04-01"}
    with pytest.raises(ParamError, match=r"no such param: form \(did you mean from\?\)"):
        PlanFollowUpsOperator(task_id="plan", feed="appointments").execute(context)
    assert stack.sandbox.calls() == []
    assert nothing_happened(stack)


def test_ledger_that_was_not_migrated_fails_with_the_cure_and_nothing_is_sent(stack: Stack) -> None:
    stack.connection("followups_ledger", conn_type="sqlite", host=str(stack.folder / "empty.db"))
    with pytest.raises(LedgerSchemaError, match=r"has no tables yet; .* Run `make setup`"):
        plan(stack)
    assert stack.sandbox.calls() == []


def test_ledger_out_of_reach_may_heal_and_nothing_is_sent(stack: Stack) -> None:
    stack.connection("followups_ledger", conn_type="sqlite", host=str(stack.folder / "no" / "such" / "folder.db"))
    with pytest.raises(Exception, match="unable to open database file") as caught:
        plan(stack)
    assert not isinstance(caught.value, PermanentError)
    assert stack.sandbox.calls() == []


def test_connection_that_cannot_hold_the_ledger_is_refused(stack: Stack) -> None:
    stack.connection("followups_ledger", conn_type="mysql", host="db")
    with pytest.raises(ConfigurationError, match="type 'mysql' cannot hold the ledger"):
        plan(stack)


def test_warehouse_that_is_down_leaves_no_trace(stack: Stack) -> None:
    stack.connection("warehouse_default", conn_type="duckdb", host=str(stack.folder / "gone.duckdb"))
    told = r"feed appointments: include/sql/appointments\.sql: connection warehouse_default .*gone\.duckdb"
    with pytest.raises(WarehouseError, match=told):
        plan(stack)
    assert nothing_happened(stack)


def test_warehouse_that_is_no_database_is_refused(stack: Stack) -> None:
    stack.connection("warehouse_default", conn_type="http", host="example.com")
    with pytest.raises(ConfigurationError, match="type 'http' is no database that Airflow can query"):
        plan(stack)


def test_run_goes_on_without_checks_while_leadsquared_cannot_be_asked(stack: Stack) -> None:
    stack.leadsquared(host="http://127.0.0.1:9", timeout_seconds=1)
    stack.monkeypatch.setattr("leadsquared.hook.base.READ_ATTEMPTS", 1)
    stack.warehouse([follow_up("f-1"), follow_up("f-2", task_type="Meating")])
    assert len(plan(stack)) == 1
    assert stack.states() == {"f-1": "planned", "f-2": "planned"}


def test_limit_and_requeue_of_the_form_steer_the_plan(stack: Stack) -> None:
    stack.warehouse([follow_up(f"f-{number}") for number in range(5)])
    plan(stack, limit=2)
    assert stack.pushed["plan"]["to_send"] == 2
    assert len(stack.states()) == 2
