"""A wrong feed file is an import error that names it; the other feeds' DAGs load, and nothing is touched."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization

from followups import feeds
from followups.feeds.checks import RESERVED
from leadsquared.retrying import RETRY_POLICY

ROOT = Path(__file__).resolve().parents[2]
Load = Callable[..., DagBag]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load the shipped DAG files over the shipped feeds and some more."""

    def load(**more: str) -> DagBag:
        shutil.copytree(ROOT / "dags", tmp_path / "dags")
        shutil.copytree(ROOT / "include" / "feeds", tmp_path / "feeds")
        for name, text in more.items():
            file = name if "." in name else f"{name}.yaml"
            (tmp_path / "feeds" / file).write_text(text, encoding="utf-8")
        monkeypatch.setattr(feeds, "feeds_dir", lambda: tmp_path / "feeds")
        return DagBag(dag_folder=str(tmp_path / "dags"))

    return load


GOOD = "start_date: 2031-01-01\nsql: appointments.sql\n"
SHIPPED = {"leadsquared_appointments", "leadsquared_document_collection", "leadsquared_reconcile", "leadsquared_undo"}


def test_feed_file_is_all_that_a_new_dag_needs(load: Load) -> None:
    bag = load(visits=GOOD)
    assert bag.import_errors == {}
    assert set(bag.dags) == {*SHIPPED, "leadsquared_visits"}
    assert type(bag.dags["leadsquared_visits"].timetable).__name__ == "NullTimetable"


def test_feed_that_wants_approval_asks_between_planning_and_sending(load: Load) -> None:
    bag = load(visits=GOOD + "approval: {above_rows: 5, timeout_hours: 1.5}\n", calls=GOOD)
    dag = bag.dags["leadsquared_visits"]
    assert {task.task_id: task.downstream_task_ids for task in dag.tasks} == {
        "plan": {"approve", "create_tasks"}, "approve": {"create_tasks"}, "create_tasks": {"verify"},
        "verify": {"report"}, "report": set(),
    }  # fmt: skip
    ask = dag.get_task("approve")
    assert (ask.response_timeout, ask.defaults, ask.options) == (
        timedelta(hours=1.5),
        ["Reject"],
        ["Approve", "Reject"],
    )
    assert (ask.owner, ask.retries, ask.retry_policy) == ("revops", 3, RETRY_POLICY)
    assert "approve" not in bag.dags["leadsquared_calls"].task_dict
    assert set(DagSerialization.from_dict(DagSerialization.to_dict(dag)).task_dict) == set(dag.task_dict)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (GOOD + "past_due: drop\n", "visits.yaml, line 3: `past_due`: wants 'keep', 'shift' or 'hold'"),
        (GOOD + "schedule: 0 6 * *\n", "visits.yaml, line 3: `schedule`: not a cron line"),
        (GOOD + "tags: [\n", "visits.yaml, line 4: not valid YAML"),
        ("start_date: 2031-01-01\nsql: gone.sql\n", "visits.yaml, line 2: `sql`: no query at include/sql/gone.sql"),
    ],
)
def test_wrong_feed_is_an_import_error_that_names_file_field_and_cure(load: Load, text: str, problem: str) -> None:
    bag = load(visits=text)
    (error,) = bag.import_errors.values()
    assert problem in error
    assert set(bag.dags) == SHIPPED


def test_all_wrong_feeds_are_in_one_error(load: Load) -> None:
    (error,) = load(visits=GOOD + "retries: -1\n", calls="sql: [\n").import_errors.values()
    assert "visits.yaml, line 3: `retries`" in error
    assert "calls.yaml, line 2: not valid YAML" in error


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_feed_that_would_hide_another_dag_is_an_import_error(load: Load, name: str) -> None:
    bag = load(**{name: GOOD})
    (error,) = bag.import_errors.values()
    assert f"{name}.yaml: its DAG would be leadsquared_{name}, which there is for another purpose" in error
    assert set(bag.dags) == SHIPPED


def test_names_of_all_other_dags_are_taken(load: Load) -> None:
    feeds_dags = {feed.dag_id for feed in feeds.load_feeds()}
    others = set(load().dags) - feeds_dags
    assert others <= {f"leadsquared_{name}" for name in RESERVED}


def test_feed_file_of_another_ending_is_an_import_error(load: Load) -> None:
    bag = load(**{"visits.yml": GOOD})
    (error,) = bag.import_errors.values()
    assert "visits.yml: feed files end in .yaml; rename this one to visits.yaml" in error
    assert set(bag.dags) == SHIPPED


def test_loading_the_dags_opens_no_connection_and_no_database(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    touched: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: touched.append(address))
    monkeypatch.setattr(sa, "create_engine", lambda *args, **_: touched.append(args))
    monkeypatch.delenv("AIRFLOW_CONN_FOLLOWUPS_LEDGER", raising=False)
    assert load().import_errors == {}
    assert touched == []
