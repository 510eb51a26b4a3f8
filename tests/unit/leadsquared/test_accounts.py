"""Accounts are the connections that feeds name, whichever others Airflow has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leadsquared import accounts

FEED = "description: d\nstart_date: 2026-01-01\nschedule: null\nsql: appointments.sql\n"


@pytest.fixture
def feeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of feeds, and a connection that none names."""
    monkeypatch.setattr(accounts, "feeds_dir", lambda: tmp_path)
    other = json.dumps({"conn_type": "leadsquared", "host": "api.leadsquared.com", "login": "k", "password": "s"})
    monkeypatch.setenv("AIRFLOW_CONN_LEADSQUARED_OTHER", other)
    return tmp_path


def test_without_feeds_there_is_the_default_account(feeds: Path) -> None:
    assert accounts.feed_accounts() == ["leadsquared_default"]


def test_accounts_are_those_that_feeds_name(feeds: Path) -> None:
    (feeds / "a.yaml").write_text(f"{FEED}leadsquared_conn_id: leadsquared_south\n", encoding="utf-8")
    (feeds / "b.yaml").write_text(f"{FEED}leadsquared_conn_id: leadsquared_south\n", encoding="utf-8")
    (feeds / "c.yaml").write_text(FEED, encoding="utf-8")
    assert accounts.feed_accounts() == ["leadsquared_default", "leadsquared_south"]


def test_a_wrong_feed_file_hides_no_other(feeds: Path) -> None:
    (feeds / "a.yaml").write_text("no: feed", encoding="utf-8")
    (feeds / "b.yaml").write_text(f"{FEED}leadsquared_conn_id: leadsquared_south\n", encoding="utf-8")
    assert accounts.feed_accounts() == ["leadsquared_south"]


def test_the_default_account_is_not_looked_at_where_all_feeds_name_others(feeds: Path) -> None:
    (feeds / "a.yaml").write_text(f"{FEED}leadsquared_conn_id: leadsquared_south\n", encoding="utf-8")
    assert accounts.feed_accounts() == ["leadsquared_south"]
