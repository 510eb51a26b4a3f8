"""The demo touches nothing of the people on whose machine it runs."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from demo import __main__ as demo
from demo.environment import ROOT
from demo.stack import StackError

URL = "http://127.0.0.1:1"


def test_demos_database_is_prepared_in_a_home_that_nobody_works_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIRFLOW_HOME", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW_CONN_FOLLOWUPS_LEDGER"):
        monkeypatch.setenv(name, "/home/of/mine")
    monkeypatch.setenv("AIRFLOW_CONN_LEADSQUARED_SOUTH", "leadsquared://key:secret@api.leadsquared.com")
    given: list[dict[str, str]] = []

    def run(command: list[str], *, env: dict[str, str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        given.append(env)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    home = demo._prepared_home(URL)
    assert home == ROOT / ".airflow" / "blank"
    (environment,) = given
    assert environment["AIRFLOW_HOME"] == str(home)
    assert str(home / "ledger.db") in environment["AIRFLOW_CONN_FOLLOWUPS_LEDGER"]
    assert "/home/of/mine" not in environment.values()
    assert "AIRFLOW_CONN_LEADSQUARED_SOUTH" not in environment


def test_database_that_cannot_be_prepared_ends_the_demo_with_the_log_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 1))
    with pytest.raises(StackError, match=r"blank/setup\.log"):
        demo._prepared_home(URL)
