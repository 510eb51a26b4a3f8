"""The shipped DAGs: what Airflow finds in them, and what it shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization

from followups.feeds import Approval, load_feeds
from leadsquared.params import FEED_PARAMS, UNDO_PARAMS
from leadsquared.retrying import RETRY_POLICY

ROOT = Path(__file__).resolve().parents[2]
FEEDS = {feed.dag_id: feed for feed in load_feeds()}


@pytest.fixture(scope="module")
def bag() -> DagBag:
    return DagBag(dag_folder=str(ROOT / "dags"))


@pytest.fixture(params=sorted(FEEDS))
def dag(request: pytest.FixtureRequest, bag: DagBag) -> Any:
    """Each feed's DAG."""
    return bag.dags[request.param]


def test_dag_files_import_without_an_error_and_all_dags_are_found(bag: DagBag) -> None:
    assert bag.import_errors == {}
    assert {*FEEDS, "leadsquared_reconcile", "leadsquared_undo"} == set(bag.dags)
    assert len(FEEDS) >= 2


def test_all_dags_can_be_found_by_tag_and_have_an_owner_and_a_description(bag: DagBag) -> None:
    for dag in bag.dags.values():
        assert "leadsquared" in dag.tags
        assert dag.description
        assert {task.owner for task in dag.tasks} != {"airflow"}


def test_feeds_dag_plans_sends_verifies_and_reports_in_this_order(dag: Any) -> None:
    assert {task.task_id: task.downstream_task_ids for task in dag.tasks} == {
        "plan": {"create_tasks"}, "create_tasks": {"verify"}, "verify": {"report"}, "report": set(),
    }  # fmt: skip


def test_feed_that_is_kept_in_step_changes_crm_tasks_beside_creating_them() -> None:
    from dags.leadsquared_feeds import build_dag

    feed = next(iter(FEEDS.values())).model_copy(update={"on_cancel": "delete"})
    built = build_dag(feed)
    assert {task.task_id: task.downstream_task_ids for task in built.tasks} == {
        "plan": {"create_tasks", "apply_changes"}, "create_tasks": {"verify"}, "apply_changes": {"verify"},
        "verify": {"report"}, "report": set(),
    }  # fmt: skip


def test_feed_that_wants_approval_changes_no_crm_task_before() -> None:
    from dags.leadsquared_feeds import build_dag

    approval = Approval(above_rows=5)
    built = build_dag(next(iter(FEEDS.values())).model_copy(update={"on_cancel": "delete", "approval": approval}))
    assert built.get_task("plan").downstream_task_ids == {"approve", "create_tasks"}
    assert built.get_task("approve").downstream_task_ids == {"create_tasks", "apply_changes"}


def test_undo_previews_unless_it_is_told_and_is_run_by_hand_alone(bag: DagBag) -> None:
    dag = bag.dags["leadsquared_undo"]
    assert {name: param.value for name, param in dag.params.items()} == {
        "run_id": None, "feed": None, "from": None, "to": None, "mode": "preview", "confirm": None,
    }  # fmt: skip
    assert set(dag.params) == set(UNDO_PARAMS)
    dag.params.validate()
    assert dag.timetable.can_be_scheduled is False
    assert [task.task_id for task in dag.tasks] == ["undo"]
    for name, bad in (("mode", "delete"), ("confirm", "all"), ("confirm", -1), ("run_id", 5)):
        with pytest.raises(ParamValidationError):
            dag.params.get_param(name).resolve(bad)


def test_tasks_have_the_feeds_owner_and_retries_and_never_retry_what_cannot_heal(dag: Any) -> None:
    feed = FEEDS[dag.dag_id]
    for task in dag.tasks:
        values = task.partial_kwargs if task.is_mapped else vars(task)
        assert task.owner == feed.owner
        assert task.retries == feed.retries
        assert values["retry_policy"] is RETRY_POLICY


def test_calls_go_through_the_pool_and_nothing_else_does(dag: Any) -> None:
    assert {task.task_id: task.pool for task in dag.tasks} == {
        "plan": "default_pool", "create_tasks": "leadsquared", "verify": "default_pool", "report": "default_pool",
    }  # fmt: skip


def test_report_comes_whatever_happened_before(dag: Any) -> None:
    assert {task.task_id for task in dag.tasks if task.trigger_rule == "all_done"} == {"verify", "report"}


def test_schedule_has_data_intervals_in_the_feeds_zone_so_that_backfills_have_a_range(dag: Any) -> None:
    feed = FEEDS[dag.dag_id]
    assert type(dag.timetable).__name__ == "CronDataIntervalTimetable"
    assert (dag.timetable.expression, str(dag.timetable.timezone)) == (feed.schedule, feed.timezone)
    assert dag.catchup is False
    assert dag.start_date.tzinfo is not None


def test_name_of_a_mapped_instance_can_be_rendered_without_its_label(dag: Any) -> None:
    from jinja2 import Environment, StrictUndefined

    template = dag.get_task("create_tasks").partial_kwargs["map_index_template"]
    rendered = Environment(undefined=StrictUndefined, autoescape=False).from_string(template)
    assert rendered.render() == ""
    assert rendered.render(slice_label="calls 1 to 9 of 9") == "calls 1 to 9 of 9"


def test_params_have_defaults_that_validate_and_say_what_they_do(dag: Any) -> None:
    assert {name: param.value for name, param in dag.params.items()} == {
        "from": None, "to": None, "mode": "send", "limit": None, "requeue": "none",
    }  # fmt: skip
    assert set(dag.params) == set(FEED_PARAMS)
    dag.params.validate()
    assert all(param.description and param.schema["title"] for _, param in dag.params.items())


@pytest.mark.parametrize(
    ("name", "bad"), [("mode", "sned"), ("limit", 0), ("limit", "all"), ("requeue", "all"), ("from", 5)]
)
def test_form_refuses_what_makes_no_sense(dag: Any, name: str, bad: object) -> None:
    with pytest.raises(ParamValidationError):
        dag.params.get_param(name).resolve(bad)


def test_dag_survives_serialisation(dag: Any) -> None:
    data = DagSerialization.to_dict(dag)
    again = DagSerialization.from_dict(json.loads(json.dumps(data)))
    assert set(again.task_dict) == set(dag.task_dict)
    assert data["dag"]["timetable"]["__type"].endswith("CronDataIntervalTimetable")


def test_customers_text_is_in_no_field_that_airflow_renders_or_shows(bag: DagBag) -> None:
    from leadsquared.operators.create_task import CreateTaskOperator
    from leadsquared.operators.create_tasks import CreateTasksOperator

    verbatim = {"description", "location", "custom_fields", "payloads", "follow_ups", "plan_slice"}
    for operator in (CreateTaskOperator, CreateTasksOperator):
        assert not verbatim & set(operator.template_fields)
