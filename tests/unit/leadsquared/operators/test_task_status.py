"""The sensor and its trigger: waiting until reps have completed CRM tasks."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowSensorTimeout, AirflowSkipException, TaskDeferred
from airflow.sdk.module_loading import import_string

from followups.throttle import DailyQuotaReached, ThrottleUnavailable
from leadsquared import CreateTasksOperator, TaskStatusSensor
from leadsquared.errors import AuthenticationFailed, ConfigurationError, RequestRejected
from leadsquared.hook import LeadSquaredHook
from leadsquared.triggers.task_status import TaskStatusTrigger, _pause_after
from leadsquared.work.watch import Watching
from tests.contract.hook_kit import UNKNOWN_ID, make_payload
from tests.unit.leadsquared.operators.conftest import OWNER, Stack


@pytest.fixture
def task_ids(stack: Stack) -> list[str]:
    """Three CRM tasks that are open."""
    hook = LeadSquaredHook()
    made = [hook.create_task(make_payload(subject=f"Visit {number}", owner_email=OWNER)) for number in range(3)]
    hook.close()
    return made


def complete(*task_ids: str) -> None:
    hook = LeadSquaredHook()
    for task_id in task_ids:
        hook.complete_task(task_id)
    hook.close()


def delete(stack: Stack, *task_ids: str) -> None:
    hook = LeadSquaredHook()
    hook.delete_tasks(list(task_ids))
    hook.close()
    assert stack.sandbox.drain()


def defer(stack: Stack, sensor: TaskStatusSensor) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(stack.context("wait"))
    return deferred.value


def make_anew(trigger: Any) -> TaskStatusTrigger:
    """Return the trigger as the triggerer makes it."""
    path, kwargs = trigger.serialize()
    made = import_string(path)(**kwargs)
    assert isinstance(made, TaskStatusTrigger)
    return made


def in_worker(stack: Stack, waited: timedelta = timedelta(0)) -> Any:
    """The context of a try that began a while ago."""
    context = stack.context("wait")
    context["ti"].start_date = datetime.now(UTC) - waited
    context["ti"].get_first_reschedule_date.return_value = None
    return context


async def first_event(trigger: TaskStatusTrigger) -> dict[str, Any]:
    events = trigger.run()
    event = await anext(events)
    await events.aclose()  # type: ignore[attr-defined]
    return dict(event.payload)


def wait(stack: Stack, task_ids: Any, **arguments: Any) -> Any:
    """Run the sensor as Airflow does: the trigger in an event loop, then the task again."""
    sensor = TaskStatusSensor(task_id="wait", task_ids=task_ids, poke_interval=0.05, **arguments)
    deferred = defer(stack, sensor)
    event = asyncio.run(asyncio.wait_for(first_event(make_anew(deferred.trigger)), 30))
    assert deferred.method_name == "execute_complete"
    return sensor.execute_complete(stack.context("wait"), event=event)


def test_wait_ends_when_all_are_completed(stack: Stack, task_ids: list[str]) -> None:
    complete(*task_ids[:2])
    timer = threading.Timer(0.5, complete, task_ids[2:])
    timer.start()
    assert wait(stack, task_ids) == {"completed": task_ids, "open": [], "gone": []}
    timer.join()


def test_wait_for_any_ends_with_the_first_one_and_tells_which(stack: Stack, task_ids: list[str]) -> None:
    complete(task_ids[1])
    assert wait(stack, task_ids, until="any") == {
        "completed": [task_ids[1]], "open": [task_ids[0], task_ids[2]], "gone": [],
    }  # fmt: skip


def test_later_looks_cost_a_call_for_all_that_are_open(stack: Stack, task_ids: list[str]) -> None:
    settings = defer(stack, TaskStatusSensor(task_id="wait", task_ids=task_ids)).trigger.serialize()[1]
    del settings["poll_seconds"]
    watching = Watching(**settings)
    looks = [watching.look() for _ in range(3)]
    watching.close()
    assert looks == [({"completed": [], "open": task_ids, "gone": []}, False)] * 3
    calls = [call["operation"] for call in stack.sandbox.calls()]
    assert calls[3:6] == ["Task.svc/Retrieve.GetById"] * 3
    assert calls[6:] == ["Task.svc/RetrieveAppointments/ByUserEmailAddress"] * 2


def test_deleted_tasks_fail_the_wait_or_are_passed_over(stack: Stack, task_ids: list[str]) -> None:
    delete(stack, task_ids[0])
    complete(*task_ids[1:])
    with pytest.raises(RequestRejected, match=f"1 of 3 CRM tasks are deleted.*{task_ids[0]}"):
        wait(stack, task_ids)
    assert wait(stack, task_ids, missing="ignore")["gone"] == [task_ids[0]]
    with pytest.raises(AirflowSkipException):
        wait(stack, task_ids, soft_fail=True)


def test_tasks_that_do_not_show_yet_are_not_gone(stack: Stack) -> None:
    stack.leadsquared(settle_seconds=600)
    stack.sandbox.set(lookup_lag_ms=700)
    hook = LeadSquaredHook()
    task_id = hook.create_task(make_payload(owner_email=OWNER))
    complete(task_id)
    assert wait(stack, [task_id])["completed"] == [task_id]


@pytest.mark.parametrize(("waited", "done"), [(0, False), (599, False), (601, True)])
def test_what_never_shows_is_gone_after_the_settle_time(stack: Stack, waited: int, done: bool) -> None:
    stack.leadsquared(settle_seconds=600)
    sensor = TaskStatusSensor(task_id="wait", task_ids=[UNKNOWN_ID], deferrable=False, missing="ignore")
    assert bool(sensor.poke(in_worker(stack, timedelta(seconds=waited)))) is done


def test_wait_for_any_of_what_is_gone_would_never_end(stack: Stack, task_ids: list[str]) -> None:
    delete(stack, *task_ids)
    with pytest.raises(RequestRejected, match="3 of 3 CRM tasks are deleted"):
        wait(stack, task_ids, until="any", missing="ignore")
    assert wait(stack, task_ids, missing="ignore")["gone"] == task_ids


def test_outages_and_refusals_are_waited_out(stack: Stack, task_ids: list[str]) -> None:
    complete(*task_ids)
    stack.sandbox.faults("rate_error_in_200 operation=Task.svc/Retrieve.GetById calls=1,2,3,4,5,6")
    assert wait(stack, task_ids[:1])["completed"] == task_ids[:1]


def test_keys_that_do_not_work_fail_the_wait(stack: Stack, task_ids: list[str]) -> None:
    stack.leadsquared(password="wrong")
    with pytest.raises(AuthenticationFailed):
        wait(stack, task_ids)


def test_what_may_heal_is_waited_out_and_a_used_up_day_until_it_resets() -> None:
    assert _pause_after(ThrottleUnavailable(), 5) == 5
    resets_at = datetime.now(UTC) + timedelta(hours=2)
    assert 7100 < _pause_after(DailyQuotaReached(resets_at), 5) <= 7200
    with pytest.raises(KeyError):
        _pause_after(KeyError("x"), 5)


def test_event_loop_goes_on_while_calls_wait_for_their_slots(stack: Stack, task_ids: list[str]) -> None:
    complete(*task_ids)
    stack.sandbox.faults("slow ms=400 operation=Task.svc/Retrieve.GetById")
    trigger = make_anew(defer(stack, TaskStatusSensor(task_id="wait", task_ids=task_ids)).trigger)

    async def count_turns() -> int:
        event = asyncio.create_task(first_event(trigger))
        turns = 0
        while not event.done():
            await asyncio.sleep(0.01)
            turns += 1
        return turns

    assert asyncio.run(count_turns()) > 10


def test_trigger_that_is_cancelled_stops_looking(stack: Stack, task_ids: list[str]) -> None:
    stack.sandbox.faults("slow ms=200 operation=Task.svc/Retrieve.GetById")
    trigger = make_anew(defer(stack, TaskStatusSensor(task_id="wait", task_ids=task_ids)).trigger)

    async def cancel_soon() -> None:
        event = asyncio.create_task(first_event(trigger))
        await asyncio.sleep(0.1)
        event.cancel()
        await asyncio.gather(event, return_exceptions=True)

    asyncio.run(cancel_soon())
    assert trigger._stopped.is_set()


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
def test_it_can_wait_in_the_worker_instead(stack: Stack, task_ids: list[str], mode: str) -> None:
    complete(*task_ids)
    sensor = TaskStatusSensor(task_id="wait", task_ids=task_ids, deferrable=False, mode=mode)
    assert sensor.execute(in_worker(stack))["completed"] == task_ids


def test_wait_in_the_worker_ends_with_its_time_out(stack: Stack, task_ids: list[str]) -> None:
    sensor = TaskStatusSensor(task_id="wait", task_ids=task_ids, deferrable=False, poke_interval=0.01, timeout=0)
    with pytest.raises(AirflowSensorTimeout):
        sensor.execute(in_worker(stack))


def test_refusals_are_waited_out_in_the_worker_too(stack: Stack, task_ids: list[str]) -> None:
    complete(*task_ids)
    stack.leadsquared(daily_calls=1)
    sensor = TaskStatusSensor(task_id="wait", task_ids=task_ids, deferrable=False)
    assert not sensor.poke(in_worker(stack))
    stack.leadsquared()
    assert sensor.poke(in_worker(stack)).is_done


def test_nothing_to_wait_for_is_no_wait_and_no_call(stack: Stack) -> None:
    for deferrable in (True, False):
        sensor = TaskStatusSensor(task_id="wait", task_ids=[], deferrable=deferrable)
        assert sensor.execute(in_worker(stack)) == {"completed": [], "open": [], "gone": []}


def test_wrong_arguments_are_refused_at_once(stack: Stack) -> None:
    with pytest.raises(ConfigurationError, match="until is all or any"):
        TaskStatusSensor(task_id="wait", task_ids=[], until="some")
    with pytest.raises(ConfigurationError, match="task_ids: number 1 is no CRM task id"):
        TaskStatusSensor(task_id="wait", task_ids=["1700000001"]).execute(stack.context("wait"))


def test_time_out_of_the_wait_is_airflows(stack: Stack, task_ids: list[str]) -> None:
    deferred = defer(stack, TaskStatusSensor(task_id="wait", task_ids=task_ids, timeout=60))
    assert deferred.timeout == timedelta(seconds=60)
    assert deferred.trigger.poll_seconds == 300


def test_result_of_another_task_is_taken_and_waited_for() -> None:
    with DAG(dag_id="own", schedule=None):
        upstream = CreateTasksOperator(task_id="upstream", follow_ups=[])
        sensor = TaskStatusSensor(task_id="wait", task_ids=upstream.output)
        mapped = TaskStatusSensor.partial(task_id="each").expand(task_ids=upstream.output)
    assert sensor.upstream_task_ids == mapped.upstream_task_ids == {"upstream"}
