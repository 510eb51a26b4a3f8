"""The bodies of look-ups and changes are the documented ones and keep the documented bounds."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsquared.wire import bodies
from leadsquared.wire.encoding import PayloadError


def test_tasks_of_an_owner_are_asked_for_newest_first_without_dates() -> None:
    assert json.loads(bodies.tasks_of_owner("ava@example.com", status_code=0, offset=400)) == {
        "Parameter": {"LookupName": "OwnerEmailAddress", "LookupValue": "ava@example.com", "StatusCode": 0},
        "Sorting": {"ColumnName": "CreatedOn", "Direction": "1"},
        "Paging": {"Offset": 400, "RowCount": 200},
    }


def test_tasks_of_an_owner_by_id_and_type() -> None:
    parameter = json.loads(bodies.tasks_of_owner("id-1", by="id", task_type_id="id-2"))["Parameter"]
    assert parameter == {"LookupName": "OwnerId", "LookupValue": "id-1", "TypeName": "id-2"}


def test_tasks_of_users_are_asked_for_by_dates_without_time() -> None:
    body = json.loads(bodies.tasks_of_users(["ava@example.com"], date(2031, 4, 1), date(2031, 6, 30), page=2))
    assert body == {
        "FromDate": "2031-04-01",
        "ToDate": "2031-06-30",
        "Users": ["ava@example.com"],
        "Paging": {"PageIndex": 2, "PageSize": 200},
    }


@pytest.mark.parametrize(("users", "days"), [([], 1), (["ava@example.com"], 101), (["ava@example.com"], -1)])
def test_a_look_up_out_of_bounds_is_refused(users: list[str], days: int) -> None:
    first = date(2031, 4, 1)
    with pytest.raises(PayloadError):
        bodies.tasks_of_users(users, first, first + timedelta(days=days))


@given(first=st.dates(), length=st.integers(0, 2000))
def test_a_split_range_covers_every_day_once_in_pieces_that_may_be_asked_for(first: date, length: int) -> None:
    last = min(date.max, first + timedelta(days=min(length, (date.max - first).days)))
    pieces = list(bodies.split_range(first, last))
    days = [day for start, end in pieces for day in range(start.toordinal(), end.toordinal() + 1)]
    assert days == list(range(first.toordinal(), last.toordinal() + 1))
    assert all((end - start).days < bodies.MAX_RANGE_DAYS for start, end in pieces)


def test_an_inverted_range_is_refused() -> None:
    with pytest.raises(PayloadError):
        list(bodies.split_range(date(2031, 4, 2), date(2031, 4, 1)))


def test_leads_are_asked_for_by_their_ids() -> None:
    assert json.loads(bodies.leads_by_ids(["id-1"], ["ProspectID", "Phone"])) == {
        "SearchParameters": {"LeadIds": ["id-1"]},
        "Columns": {"Include_CSV": "ProspectID,Phone"},
        "Paging": {"PageIndex": 1, "PageSize": 1000},
    }


@pytest.mark.parametrize("count", [0, 1001])
def test_leads_beyond_a_page_are_refused(count: int) -> None:
    with pytest.raises(PayloadError):
        bodies.leads_by_ids(["id-1"] * count, ["ProspectID"])


def test_deletions_name_their_ids_and_the_webhook() -> None:
    assert json.loads(bodies.delete(["id-1"])) == {"TaskIds": ["id-1"]}
    assert json.loads(bodies.delete(["id-1"], "https://hooks.example.com/x"))["StatusWebhookURL"].endswith("/x")


@pytest.mark.parametrize("count", [0, 5001])
def test_deletions_out_of_bounds_are_refused(count: int) -> None:
    with pytest.raises(PayloadError):
        bodies.delete(["id-1"] * count)


def test_appointments_are_moved_in_utc() -> None:
    start = datetime(2031, 4, 5, 6, tzinfo=UTC)
    body = json.loads(bodies.move([("id-1", start, start + timedelta(hours=1))]))
    assert body["TaskList"] == [
        {"UserTaskId": "id-1", "FromDate": "2031-04-05 06:00:00", "ToDate": "2031-04-05 07:00:00"}
    ]
    with pytest.raises(PayloadError):
        bodies.move([])


def test_an_update_names_the_task() -> None:
    assert json.loads(bodies.update("id-1", {"Name": "Site visit"})) == {"UserTaskId": "id-1", "Name": "Site visit"}
