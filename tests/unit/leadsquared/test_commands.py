"""`python -m leadsquared`: what people run on the ledger by hand."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from followups.ledger import migrate
from leadsquared.__main__ import main


@pytest.fixture(autouse=True)
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    monkeypatch.setenv("AIRFLOW_CONN_FOLLOWUPS_LEDGER", json.dumps(connection))
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "client")  # what a command sets does not outlive its test


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["leadsquared", *arguments])
    return main()


def test_ledger_is_made_checked_and_purged(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "migrate") == 0
    assert run(monkeypatch, "check") == 0
    assert capsys.readouterr().out.count(f"ledger is at revision {migrate.newest()}") == 2
    assert run(monkeypatch, "purge", "--days", "90") == 0
    assert capsys.readouterr().out.startswith("forgotten: 0 payloads, 0 webhooks, users of 0 accounts")


@pytest.mark.parametrize("command", [["check"], ["purge", "--days", "90"], ["rate"]])
def test_ledger_without_tables_is_refused_with_the_cure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert run(monkeypatch, *command) == 1
    assert "has no tables yet" in capsys.readouterr().err


def test_connection_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "check", "--conn-id", "nowhere") == 1
    assert "nowhere" in capsys.readouterr().err


@pytest.mark.parametrize("days", ["0", "-1", "soon"])
def test_purge_wants_days(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], days: str) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "purge", "--days", days)
    assert "at least 1" in capsys.readouterr().err
