"""The audit: what it counts, and that it stays quick and discreet."""

from __future__ import annotations

import json

import requests

from tests.sandbox.conftest import KEYS, Api, row


def test_it_counts_calls_by_operation_and_outcome(api: Api) -> None:
    api.sandbox.faults("502 calls=2")
    for _ in range(2):
        api.create_in_bulk(row())
    api.create_in_bulk()
    api.get("Task.svc/Nothing")
    requests.get(f"{api.sandbox.url}/v2/Task.svc/RetrieveTaskType", timeout=5)
    calls = api.sandbox.audit()["calls"]
    assert calls["by_operation"] == {
        "Task.svc/Bulk/Create": {"accepted": 1, "faulted": 1, "rejected": 1},
        "Task.svc/RetrieveTaskType": {"unauthorised": 1},
        "unknown": {"rejected": 1},
    }
    assert calls["total"] == sum(calls["by_outcome"].values()) == 5
    assert calls["first_monotonic"] < calls["last_monotonic"]
    assert sum(sum(window.values()) for window in calls["windows"]) == 5


def test_the_busiest_window_counts_arrivals_and_what_was_let_through(api: Api) -> None:
    api.sandbox.set(rate__normal="3/60")
    for _ in range(5):
        api.get("Task.svc/RetrieveTaskType")
    calls = api.sandbox.audit()["calls"]
    assert calls["most_admitted_in_a_window"] == 3
    assert calls["most_in_a_window"] == 5


def test_windows_follow_the_rates_length(api: Api) -> None:
    api.get("Task.svc/RetrieveTaskType")
    api.sandbox.set(rate__normal="7/3")
    for _ in range(2):
        api.get("Task.svc/RetrieveTaskType")
    calls = api.sandbox.audit()["calls"]
    assert (calls["window_seconds"], calls["limit"], calls["most_in_a_window"]) == (3, 7, 2)
    assert sum(sum(window.values()) for window in calls["windows"]) == 2


def test_duplicates_are_counted_by_marker_and_by_fingerprint(api: Api) -> None:
    same = row(Description="x [ref:a1]")
    api.create_in_bulk(
        same, same, row(Description="y [ref:a1]", Name="Other"), row(Description=None), row(Description=None)
    )
    api.sandbox.drain()
    duplicates = api.sandbox.audit()["duplicates"]
    assert duplicates["by_marker"] == 2
    assert duplicates["by_fingerprint"] == 3
    assert api.sandbox.audit()["tasks"]["markers"] == 1


def test_the_marker_may_live_in_a_custom_field(api: Api) -> None:
    for _ in range(2):
        api.create(CustomFields={"mx_Custom_1": "m-17"})
    assert api.sandbox.audit()["duplicates"]["by_marker"] == 0
    api.sandbox.set(marker_field="mx_Custom_1")
    assert api.sandbox.audit()["duplicates"]["by_marker"] == 1
    assert {task["marker"] for task in api.sandbox.tasks()} == {"m-17"}


def test_tasks_are_listed_with_all_that_a_judge_needs(api: Api) -> None:
    task_id = api.create(Description="x [ref:a1]")
    (task,) = api.sandbox.tasks()
    assert (task["id"], task["marker"], task["number"], task["request"]) == (task_id, "a1", 1, None)
    assert (task["name"], task["owner"], task["due"]) == (
        "Branch visit",
        "ananya.iyer@example.com",
        "2031-04-05 06:00:00",
    )
    assert (task["related_to"], task["deleted"]) == (None, None)


def test_tasks_are_paged_and_streamed_from_a_number_on(api: Api) -> None:
    for _ in range(5):
        api.create()
    url = f"{api.sandbox.url}/_sandbox/tasks"
    page = requests.get(url, params={"offset": "1", "limit": "2"}, timeout=5).json()
    assert (page["total"], [task["number"] for task in page["tasks"]]) == (5, [2, 3])
    lines = requests.get(url, params={"format": "ndjson", "after": "3"}, timeout=5).text.splitlines()
    assert [json.loads(line)["number"] for line in lines] == [4, 5]


def test_deleted_tasks_stay_listed(api: Api) -> None:
    task_id = api.create()
    api.post("Task.svc/DeleteTasks", {"TaskIds": [task_id]})
    api.sandbox.drain()
    assert api.sandbox.tasks()[0]["deleted"] is not None


def test_the_newest_tasks_can_be_filtered_for_people(api: Api) -> None:
    api.create(Name="Red")
    for _ in range(2):
        api.create(Name="Blue", OwnerEmailAddress="zoya.khan@example.com", Description="[ref:b]")
    url = f"{api.sandbox.url}/_sandbox/tasks/newest"

    def found(**filters: str) -> list[str]:
        return [task["name"] for task in requests.get(url, params=filters, timeout=5).json()["tasks"]]

    assert found() == ["Blue", "Blue", "Red"]
    assert found(owner="ananya") == ["Red"]
    assert found(text="REF:B", limit="1") == ["Blue"]
    assert found(repeated="true") == ["Blue", "Blue"]


def test_the_log_of_calls_shows_no_keys(api: Api) -> None:
    keys = {"accessKey": "demo-access-key", "secretKey": "demo-secret-key"}
    requests.get(f"{api.sandbox.url}/v2/Task.svc/RetrieveTaskType", params=keys, timeout=5)
    api.create_in_bulk(row())
    url = f"{api.sandbox.url}/_sandbox"
    for path in ("calls", "settings", "audit", "settings/defaults"):
        text = requests.get(f"{url}/{path}", timeout=5).text
        assert not any(key in text for key in KEYS.values()), path
    newest = requests.get(f"{url}/calls", params={"newest": "true", "limit": "1"}, timeout=5).json()["calls"]
    assert (newest[0]["operation"], newest[0]["rows"], newest[0]["status"]) == ("Task.svc/Bulk/Create", 1, 200)
    after = requests.get(f"{url}/calls", params={"after": newest[0]["number"] - 1}, timeout=5).json()["calls"]
    assert after == newest


def test_reset_forgets_all_but_the_switches(api: Api) -> None:
    api.sandbox.set(bulk_delay_ms=60_000)
    old = api.create()
    api.create_in_bulk(row())
    api.sandbox.reset()
    audit = api.sandbox.audit()
    assert (audit["tasks"]["created"], audit["calls"]["total"], audit["jobs"]["pending"]) == (0, 0, 0)
    api.create()
    assert api.get("Task.svc/Retrieve.GetById", id=old).json() == []
    settings = requests.get(f"{api.sandbox.url}/_sandbox/settings", timeout=5).json()
    assert settings["bulk_delay_ms"] == 60_000


def test_health(api: Api) -> None:
    assert requests.get(f"{api.sandbox.url}/_sandbox/health", timeout=5).json()["status"] == "ok"
