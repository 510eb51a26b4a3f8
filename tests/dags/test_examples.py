"""The example DAGs: they load, are no part of production, and show every operator and sensor."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization

import leadsquared
from followups.errors import PermanentError

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "include" / "examples" / "dags"


@pytest.fixture(scope="module")
def bag() -> DagBag:
    return DagBag(dag_folder=str(EXAMPLES))


def test_examples_import_without_an_error_and_can_be_serialised(bag: DagBag) -> None:
    assert bag.import_errors == {}
    assert len(bag.dags) >= 3
    for dag in bag.dags.values():
        DagSerialization.to_dict(dag)


def test_examples_run_only_when_somebody_says_so(bag: DagBag) -> None:
    for dag in bag.dags.values():
        assert dag.dag_id.startswith("leadsquared_example_")
        assert {"leadsquared", "example"} <= dag.tags
        assert dag.schedule is None
        assert dag.description or dag.doc_md
    assert not list((ROOT / "dags").glob("*example*"))


def test_every_operator_sensor_and_the_hook_are_shown() -> None:
    shown = "".join(path.read_text(encoding="utf-8") for path in EXAMPLES.glob("*.py"))
    assert [name for name in leadsquared.__all__ if f"{name}(" not in shown] == []


def test_nothing_of_an_example_is_a_matter_of_when_it_is_parsed() -> None:
    """A DAG that changes whenever it is parsed makes a new version each time."""
    once, twice = (DagBag(dag_folder=str(EXAMPLES)).dags for _ in range(2))
    assert {name: DagSerialization.to_dict(dag)["dag"] for name, dag in once.items()} == {
        name: DagSerialization.to_dict(dag)["dag"] for name, dag in twice.items()
    }


def test_errors_of_operators_are_those_that_the_retry_policy_knows() -> None:
    from leadsquared import errors

    assert issubclass(errors.RequestRejected, PermanentError)
