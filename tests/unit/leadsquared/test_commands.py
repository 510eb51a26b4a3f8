"""`python -m leadsquared`: what people run on the ledger by hand."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from followups.ledger import migrate
from leadsquared.__main__ import main
from leadsquared.command_errors import one_line
from sandbox.testing import running


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


@pytest.mark.parametrize("command", [["check"], ["purge", "--days", "90"], ["rate"], ["test"]])
def test_ledger_without_tables_is_refused_with_the_cure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert run(monkeypatch, *command) == 1
    assert "has no tables yet" in capsys.readouterr().err


def refusal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that fails and return the one line that it says."""
    capsys.readouterr()
    assert run(monkeypatch, *arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


COMMANDS = [["migrate"], ["check"], ["purge", "--days", "90"], ["rate"], ["test"]]


@pytest.mark.parametrize("command", COMMANDS)
def test_connection_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    line = refusal(monkeypatch, capsys, *command, "--conn-id", "nowhere")
    assert "`nowhere`" in line
    assert "AIRFLOW_CONN_" in line


@pytest.mark.parametrize("command", COMMANDS)
def test_database_out_of_reach_is_named_with_the_cure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FOLLOWUPS_LEDGER", "postgres://someone:hidden-word@127.0.0.1:1/ledger_of_ours")
    line = refusal(monkeypatch, capsys, *command)
    assert "connection followups_ledger, 127.0.0.1:1/ledger_of_ours" in line
    assert "refused" in line
    assert "Check that the database is there" in line
    assert "hidden-word" not in line


def test_file_that_cannot_be_opened_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = {"conn_type": "sqlite", "host": "/no/such/folder/ledger.db"}
    monkeypatch.setenv("AIRFLOW_CONN_FOLLOWUPS_LEDGER", json.dumps(connection))
    line = refusal(monkeypatch, capsys, "migrate")
    assert "connection followups_ledger, /no/such/folder/ledger.db) gave an error: unable to open" in line


def test_connection_that_cannot_hold_the_ledger_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FOLLOWUPS_LEDGER", '{"conn_type": "mysql", "host": "db"}')
    assert "connection followups_ledger: type 'mysql'" in refusal(monkeypatch, capsys, "migrate")


@pytest.mark.parametrize("command", ["rate", "test"])
def test_account_whose_connection_is_wrong_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LEADSQUARED_DEFAULT", '{"conn_type": "leadsquared", "host": ""}')
    run(monkeypatch, "migrate")
    assert refusal(monkeypatch, capsys, command).startswith("connection leadsquared_default: Host is empty")


def test_account_tells_whose_keys_it_holds(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(monkeypatch, "migrate")
    with running() as sandbox:
        connection = {"conn_type": "leadsquared", "host": sandbox.url, "extra": {"call": 9}}
        keys = {"login": "demo-access-key", "password": "demo-secret-key"}
        monkeypatch.setenv("AIRFLOW_CONN_LEADSQUARED_DEFAULT", json.dumps(connection | keys))
        assert run(monkeypatch, "test") == 0
        out = capsys.readouterr().out
        assert "Connected to " in out
        assert "(did you mean 'calls'?)" in out
        keys["password"] = "another-secret-key"
        monkeypatch.setenv("AIRFLOW_CONN_LEADSQUARED_DEFAULT", json.dumps(connection | keys))
        assert "connection leadsquared_default: LeadSquared does not accept" in refusal(monkeypatch, capsys, "test")


def test_ledger_of_a_newer_version_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run(monkeypatch, "migrate")
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database, database:
        database.execute(f"UPDATE {migrate.VERSION_TABLE} SET version_num = '9999'")
    assert "A newer version has migrated it" in refusal(monkeypatch, capsys, "migrate")


def test_errors_about_values_do_not_show_them() -> None:
    error = sa.exc.IntegrityError("INSERT", None, Exception("Key (followup_id)=(row-17) already exists"))
    assert "row-17" not in one_line(error, "followups_ledger")
    lines = sa.exc.OperationalError("INSERT", None, Exception("it failed\nDETAIL: row-17"))
    assert "it failed" in one_line(lines, "followups_ledger")
    assert "row-17" not in one_line(lines, "followups_ledger")


@pytest.mark.parametrize("days", ["0", "-1", "soon"])
def test_purge_wants_days(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], days: str) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "purge", "--days", days)
    assert "at least 1" in capsys.readouterr().err
