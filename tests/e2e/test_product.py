"""The product as its users run it: scheduled, by hand, backfilled, and with things going wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest
import requests
from rich.console import Console

from demo import tables
from demo.accounting import compare
from demo.scenario import Scenario
from tests.e2e.conftest import Product, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]

APPOINTMENTS = "leadsquared_appointments"


@pytest.fixture
def scenario(product: Product) -> Scenario:
    product.airflow.wait_for_dags([APPOINTMENTS, "leadsquared_document_collection"])
    product.airflow.unpause(APPOINTMENTS)
    return Scenario(product.airflow, product.ledger, lambda _: None)


def days(scenario: Scenario, first: int, last: int) -> dict[str, str]:
    return {
        "from": (scenario.now + timedelta(days=first)).isoformat(),
        "to": (scenario.now + timedelta(days=last)).isoformat(),
    }


def test_scheduled_manual_and_backfill_runs_account_for_every_row(product: Product, scenario: Scenario) -> None:
    runs = scenario.play()
    product.sandbox.drain()
    accounts = compare(product.ledger, product.sandbox.tasks())
    console = Console(record=True, width=140, file=None, quiet=False)
    tables.print_runs(console, runs, 5.0)
    tables.print_accounts(console, accounts, product.sandbox.audit())
    assert [run.state for run in runs] == ["success"] * len(runs), console.export_text()
    assert accounts.balanced, console.export_text()
    assert accounts.states["created"] > 500
    assert sum(run.pace.calls for run in runs if run.title == "backfill again") == 0


def test_preview_sends_nothing_and_logs_no_personal_data(product: Product, scenario: Scenario) -> None:
    before = product.sandbox.audit()["tasks"]["created"]
    run_id = product.airflow.trigger(APPOINTMENTS, {**days(scenario, 1, 2), "mode": "preview"})
    assert product.airflow.wait_for_run(APPOINTMENTS, run_id) == "success"
    assert product.sandbox.audit()["tasks"]["created"] == before
    log = product.logs_of(APPOINTMENTS, run_id)
    assert "nothing was sent" in log
    assert "sample 3" in log
    assert "@example.com" in log
    for task in product.sandbox.tasks()[:200]:
        assert task["owner"] not in log


def test_keys_that_stop_working_lose_nothing_and_the_next_run_goes_on(product: Product, scenario: Scenario) -> None:
    product.sandbox.faults("unauthorised from_call=2")
    window = days(scenario, 2, 4)
    run_id = product.airflow.trigger(APPOINTMENTS, window)
    assert product.airflow.wait_for_run(APPOINTMENTS, run_id) == "failed"
    product.sandbox.faults()
    report = product.airflow.report(APPOINTMENTS, run_id)
    assert report["states"]["planned"] > 0
    assert report["calls"]["unauthorised"] < 20
    again = product.airflow.trigger(APPOINTMENTS, window)
    assert product.airflow.wait_for_run(APPOINTMENTS, again) == "success"
    product.sandbox.drain()
    assert compare(product.ledger, product.sandbox.tasks()).balanced


def test_clearing_a_mapped_instance_sends_nothing_twice(product: Product, scenario: Scenario) -> None:
    run_id = product.airflow.trigger(APPOINTMENTS, days(scenario, 4, 5))
    assert product.airflow.wait_for_run(APPOINTMENTS, run_id) == "success"
    before = product.sandbox.audit()["tasks"]["created"]
    product.airflow.clear(APPOINTMENTS, run_id, ["create_tasks"])
    assert product.airflow.wait_for_run(APPOINTMENTS, run_id) == "success"
    assert product.sandbox.audit()["tasks"]["created"] == before


def test_run_tells_people_how_it_went_on_its_note_and_the_page(product: Product, scenario: Scenario) -> None:
    run_id = product.airflow.trigger(APPOINTMENTS, days(scenario, 5, 6))
    assert product.airflow.wait_for_run(APPOINTMENTS, run_id) == "success"
    wait_for_note(product, run_id, "rows created, ended")
    url = product.airflow.url
    page = f"{url}/leadsquared/api/runs/{APPOINTMENTS}/{run_id}"
    assert requests.get(page, timeout=30).status_code == 401
    shown = product.airflow.get(page)
    assert shown["report"]["states"]["created"] > 0
    assert shown["calls_done"] == shown["calls_all"] > 0
    assert product.airflow.get(f"{url}/leadsquared/api/overview")["rates"][0]["buckets"][0]["calls_today"] > 0
    link = product.airflow.call("GET", f"dags/{APPOINTMENTS}/dagRuns/{run_id}/taskInstances/report/links")
    assert f"/leadsquared/page/#/run/{APPOINTMENTS}/" in str(link)


def wait_for_note(product: Product, run_id: str, words: str) -> None:
    """Wait until the note's first line says it; it is written a moment after it was asked for."""

    def says_it() -> bool:
        note = product.airflow.call("GET", f"dags/{APPOINTMENTS}/dagRuns/{run_id}")["note"] or ""
        return words in note.partition("\n")[0]

    wait_until(says_it, f"the note does not say {words!r}", seconds=20)
