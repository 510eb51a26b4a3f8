"""Look-ups: retried within bounds, each try with its own slot, paged, split, each object once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from leadsquared import errors
from leadsquared.hook import LeadSquaredHook
from tests.support.scripted_server import Act, ScriptedServer, answer, drop
from tests.unit.leadsquared.hook.conftest import RecordingThrottle

MX = {
    "Status": "Error",
    "ExceptionType": "MXInvalidInputException",
    "ExceptionMessage": "FromDate value is not correct.",
}
DAILY = {
    "Status": "Error",
    "ExceptionType": "MXAPIRateLimitExceededException",
    "ExceptionMessage": "Daily limit reached",
}


def page(ids: list[int], count: int | None, **more: Any) -> Act:
    listed = [{"UserTaskId": f"id-{number}", **more} for number in ids]
    return answer(200, listed if count is None else {"RecordCount": count, "List": listed})


@pytest.mark.parametrize("act", [answer(429), answer(500, b"<html>"), answer(502), answer(200, b"{"), drop])
def test_a_read_that_may_heal_is_tried_again_with_its_own_slot(
    hook: LeadSquaredHook, server: ScriptedServer, throttle: RecordingThrottle, act: Act
) -> None:
    server.script = [act, act, answer(200, [{"ID": "id-1"}])]
    assert [user.id for user in hook.get_users()] == ["id-1"]
    assert len(server.requests) == 3
    assert throttle.waits == ["normal"] * 3


def test_reads_pause_longer_each_time_but_not_after_a_refusal(
    hook: LeadSquaredHook, server: ScriptedServer, pauses: list[float]
) -> None:
    server.script = [answer(502), answer(429), answer(502)]
    hook.get_users()
    assert pauses == [1.0, 0.0, 4.0]


@pytest.mark.parametrize("body", [{}, {"Status": "Success"}, {"Message": "later"}, {"errors": []}, ["later"]])
def test_a_look_up_answered_with_garbage_is_tried_again_and_never_nothing(
    hook: LeadSquaredHook, server: ScriptedServer, throttle: RecordingThrottle, body: Any
) -> None:
    server.default = answer(200, body)
    day = date(2031, 4, 5)
    look_ups: list[Callable[[], object]] = [
        lambda: hook.get_tasks_of_lead("id-1"),
        lambda: hook.get_task("id-1"),
        lambda: list(hook.iter_appointments(["ava@example.com"], day, day)),
        lambda: list(hook.iter_tasks_of_owner("ava@example.com")),
        lambda: list(hook.get_leads_by_ids(["id-1"])),
    ]
    for look_up in look_ups:
        throttle.waits.clear()
        with pytest.raises(errors.ServiceUnavailable, match="unexpected shape"):
            look_up()
        assert len(throttle.waits) == 5


@pytest.mark.parametrize(
    ("act", "wanted"), [(answer(502), errors.ServiceUnavailable), (answer(429), errors.RateLimited)]
)
def test_a_read_that_does_not_heal_ends_after_five_tries(
    hook: LeadSquaredHook, server: ScriptedServer, act: Act, wanted: type[Exception]
) -> None:
    server.default = act
    with pytest.raises(wanted):
        hook.get_users()
    assert len(server.requests) == 5


@pytest.mark.parametrize(
    ("act", "wanted"),
    [
        (answer(401), errors.AuthenticationFailed),
        (answer(500, MX), errors.RequestRejected),
        (answer(429, DAILY), errors.RateLimited),
    ],
)
def test_a_read_that_cannot_heal_is_tried_once(
    hook: LeadSquaredHook, server: ScriptedServer, act: Act, wanted: type[Exception]
) -> None:
    server.default = act
    with pytest.raises(wanted):
        hook.get_users()
    assert len(server.requests) == 1


def test_an_owners_tasks_are_followed_over_cut_pages_and_given_once(
    hook: LeadSquaredHook, server: ScriptedServer
) -> None:
    server.script = [page([1, 2, 3], 5), page([3, 4, 5], 5), page([], 0), page([5, 6], None)]
    found = [task.id for task in hook.iter_tasks_of_owner("ava@example.com", status="open")]
    assert found == ["id-1", "id-2", "id-3", "id-4", "id-5"]
    assert [request.json["Paging"]["Offset"] for request in server.requests] == [0, 3]


def test_an_owners_open_tasks_come_before_the_completed_ones(hook: LeadSquaredHook, server: ScriptedServer) -> None:
    server.script = [page([1, 2], 2), page([2, 3], 2)]
    assert [task.id for task in hook.iter_tasks_of_owner("id-9", by="id")] == ["id-1", "id-2", "id-3"]
    assert [request.json["Parameter"]["StatusCode"] for request in server.requests] == [0, 1]
    assert {request.json["Parameter"]["LookupName"] for request in server.requests} == {"OwnerId"}


def test_an_owners_tasks_end_at_the_first_one_that_is_too_old(hook: LeadSquaredHook, server: ScriptedServer) -> None:
    items = [
        {"UserTaskId": "id-1", "CreatedOn": "2031-04-02 00:00:00.000"},
        {"UserTaskId": "id-2", "CreatedOn": "2031-03-02 00:00:00.000"},
    ]
    server.script = [answer(200, {"RecordCount": 500, "List": items})]
    since = datetime(2031, 4, 1, tzinfo=UTC)
    found = [task.id for task in hook.iter_tasks_of_owner("ava@example.com", status="open", created_since=since)]
    assert found == ["id-1"]
    assert len(server.requests) == 1


def created(*days: int) -> list[dict[str, Any]]:
    return [{"UserTaskId": f"id-{day}", "CreatedOn": f"2031-04-{day:02} 00:00:00.000"} for day in days]


@pytest.mark.parametrize(
    "pages",
    [
        pytest.param([created(2, 1, 9), created(8)], id="another order than asked for"),
        pytest.param([created(1, 1, 1), created(9)], id="no order to be seen"),
        pytest.param([[{"UserTaskId": "id-1"}, *created(2)], created(9)], id="one without a date"),
    ],
)
def test_an_owners_young_task_is_found_behind_older_ones(
    hook: LeadSquaredHook, server: ScriptedServer, pages: list[list[dict[str, Any]]]
) -> None:
    count = sum(map(len, pages))
    server.script = [answer(200, {"RecordCount": count, "List": items}) for items in pages]
    since = datetime(2031, 4, 5, tzinfo=UTC)
    found = [task.id for task in hook.iter_tasks_of_owner("ava@example.com", status="open", created_since=since)]
    assert "id-9" in found
    assert "id-2" not in found


def test_a_task_that_moved_up_while_others_were_completed_is_found(
    hook: LeadSquaredHook, server: ScriptedServer
) -> None:
    """Number 9 is completed after the first page, so that number 7 comes to stand on it."""
    first = [(6, created(9, 8)), (5, created(4, 3)), (5, created(2))]
    again = [(5, created(8, 7)), (5, created(4, 3)), (5, created(2))]
    server.script = [answer(200, {"RecordCount": count, "List": items}) for count, items in [*first, *again]]
    since = datetime(2031, 4, 5, tzinfo=UTC)
    found = [task.id for task in hook.iter_tasks_of_owner("ava@example.com", status="open", created_since=since)]
    assert found == ["id-9", "id-8", "id-7"]


def test_owners_and_leads_tasks_that_are_fewer_than_announced_are_no_proof(
    hook: LeadSquaredHook, server: ScriptedServer
) -> None:
    server.script = [page([1], 3), page([], 3)]
    list(hook.iter_tasks_of_owner("ava@example.com", status="open"))
    assert hook.looks_cut_short == 1
    server.script = [page([1], 3), page([1], 1)]
    assert len(hook.get_tasks_of_lead("id-8")) == 1
    assert hook.looks_cut_short == 2
    hook.get_tasks_of_opportunity("id-9")
    assert hook.looks_cut_short == 2


def test_a_short_page_without_a_count_may_have_been_cut(hook: LeadSquaredHook, server: ScriptedServer) -> None:
    server.script = [page([1], None), page([2], None), page([], None), page([3], None), page([4], None)]
    assert [task.id for task in hook.iter_tasks_of_owner("ava@example.com", status="open")] == ["id-1", "id-2"]
    day = date(2031, 4, 5)
    assert [task.id for task in hook.iter_appointments(["ava@example.com"], day, day)] == ["id-3", "id-4"]


def test_a_part_of_the_users_is_not_taken_for_all(hook: LeadSquaredHook, server: ScriptedServer) -> None:
    server.script = [answer(200, {"RecordCount": 2, "Users": [{"ID": "id-1"}]}), answer(200, [{"ID": "id-1"}])]
    assert [user.id for user in hook.get_users()] == ["id-1"]
    assert len(server.requests) == 2


def test_fewer_opportunities_than_announced_are_no_proof(hook: LeadSquaredHook, server: ScriptedServer) -> None:
    types = [{"EventCode": "7", "RecordCount": count, "Opportunities": [{"OpportunityId": "id-1"}]} for count in (1, 2)]
    server.script = [answer(200, body) for body in ([types[0]], [types[1]], types[1])]
    for cut_short in (0, 1, 2):
        assert [found.id for found in hook.get_opportunities_by_ids(["id-1", "id-2"], opportunity_type="7")] == ["id-1"]
        assert hook.looks_cut_short == cut_short


def test_fewer_tasks_than_announced_are_reported(
    hook: LeadSquaredHook, server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.script = [page([1], 3), page([], 3)]
    with caplog.at_level(logging.WARNING):
        assert len(list(hook.iter_tasks_of_owner("ava@example.com", status="open"))) == 1
    assert "announced 3 items and gave 1" in caplog.text
    assert "ava@example.com" not in caplog.text


def test_what_a_first_pass_missed_is_looked_for_again(
    hook: LeadSquaredHook, server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.script = [page([1, 2], 4), page([2, 1], 4), page([1, 3], 4), page([2, 4], 4)]
    with caplog.at_level(logging.WARNING):
        found = [task.id for task in hook.iter_tasks_of_owner("ava@example.com", status="open")]
    assert found == ["id-1", "id-2", "id-3", "id-4"]
    assert [request.json["Paging"]["Offset"] for request in server.requests] == [0, 2, 0, 2]
    assert caplog.text == ""


def test_items_without_an_id_are_told_apart_by_their_content(hook: LeadSquaredHook, server: ScriptedServer) -> None:
    server.default = answer(200, {"RecordCount": 10**9, "List": [{"Name": "a"}, {"Name": "b"}]})
    assert [task.name for task in hook.iter_tasks_of_owner("ava@example.com", status="open")] == ["a", "b"]
    assert len(server.requests) == 3


def test_a_list_without_a_count_is_followed_past_a_page_that_may_have_been_cut(
    hook: LeadSquaredHook, server: ScriptedServer
) -> None:
    server.script = [answer(200, [{"ProspectID": "id-1"}]), answer(200, [{"ProspectID": "id-2"}])]
    assert [lead.id for lead in hook.iter_leads_where("mx_City", "=", "Pune")] == ["id-1", "id-2"]
    assert [request.json["Paging"]["PageIndex"] for request in server.requests] == [1, 2, 3]


def test_a_server_that_repeats_itself_is_left(hook: LeadSquaredHook, server: ScriptedServer) -> None:
    server.default = page(list(range(200)), 10**9)
    assert len(list(hook.iter_tasks_of_owner("ava@example.com", status="open"))) == 200
    assert len(server.requests) == 3


def test_appointments_are_asked_for_in_ranges_of_a_hundred_days_with_a_day_more_on_both_sides(
    hook: LeadSquaredHook, server: ScriptedServer
) -> None:
    server.script = [page([1, 2], 2), page([2, 3], 2), page([3], 1)]
    found = hook.iter_appointments(["ava@example.com"], date(2031, 1, 1), date(2031, 9, 1))
    assert [task.id for task in found] == ["id-1", "id-2", "id-3"]
    assert {request.path for request in server.requests} == {"/v2/Task.svc/RetrieveAppointments/ByUserEmailAddress"}
    bounds = [(request.json["FromDate"], request.json["ToDate"]) for request in server.requests]
    assert bounds == [("2030-12-31", "2031-04-09"), ("2031-04-10", "2031-07-18"), ("2031-07-19", "2031-09-02")]


def test_to_dos_of_many_users_are_asked_for_by_the_hundred(hook: LeadSquaredHook, server: ScriptedServer) -> None:
    users = [f"id-{number}" for number in range(150)]
    server.default = page([], 0)
    moment = datetime(2031, 4, 1, 23, tzinfo=UTC)
    assert list(hook.iter_to_dos([*users, *users], moment, moment, by="id")) == []
    assert [len(request.json["Users"]) for request in server.requests] == [100, 50]
    assert {request.path for request in server.requests} == {"/v2/Task.svc/RetrieveToDos/ByUserId"}
    assert server.requests[0].json["FromDate"] == "2031-03-31"


@pytest.mark.parametrize(("body", "found"), [([{"UserTaskId": "id-1"}], "id-1"), ({"UserTaskId": "id-1"}, "id-1")])
def test_a_task_by_id_may_come_in_an_array(
    hook: LeadSquaredHook, server: ScriptedServer, body: Any, found: str
) -> None:
    server.script = [answer(200, body)]
    task = hook.get_task("id-1")
    assert task is not None
    assert task.id == found
    assert server.requests[0].query == {"id": ["id-1"]}


def test_a_task_that_is_not_there_is_none(hook: LeadSquaredHook, server: ScriptedServer) -> None:
    assert hook.get_task("id-1") is None


def test_tasks_of_lead_and_opportunity_are_read_from_their_different_lists(
    hook: LeadSquaredHook, server: ScriptedServer
) -> None:
    server.script = [
        answer(200, {"RecordCount": 2, "TaskList": [{"TaskID": "id-1"}, {"TaskID": "id-1"}]}),
        answer(200, {"RecordCount": 1, "List": [{"TaskID": "id-2"}]}),
    ]
    assert [task.id for task in hook.get_tasks_of_lead("id-8")] == ["id-1"]
    assert [task.id for task in hook.get_tasks_of_opportunity("id-9")] == ["id-2"]
    assert [request.query for request in server.requests] == [{"leadId": ["id-8"]}, {"opportunityId": ["id-9"]}]


def test_leads_are_asked_for_by_the_thousand(hook: LeadSquaredHook, server: ScriptedServer) -> None:
    server.script = [
        answer(
            200, {"RecordCount": 1, "Leads": [{"LeadPropertyList": [{"Attribute": "ProspectID", "Value": "id-1"}]}]}
        ),
        answer(200, {"RecordCount": 0}),
    ]
    found = list(hook.get_leads_by_ids([f"id-{number}" for number in range(1500)]))
    assert [lead.id for lead in found] == ["id-1"]
    assert [len(request.json["SearchParameters"]["LeadIds"]) for request in server.requests] == [1000, 500]


def test_the_directory_is_read(hook: LeadSquaredHook, server: ScriptedServer) -> None:
    server.script = [
        answer(200, [{"UserId": "id-1", "EmailAddress": "ava@example.com"}]),
        answer(200, []),
        answer(200, [{"ProspectID": "id-2"}]),
        answer(200, []),
        answer(200, [{"ProspectID": "id-2"}]),
        answer(200, [{"OpportunityId": "id-3"}]),
        answer(200, {"ProspectOpportunityId": "id-3"}),
    ]
    user, nobody = hook.get_user("id-1"), hook.get_user("id-0")
    lead, no_lead = hook.get_lead("id-2"), hook.get_lead_by_email("ben@example.com")
    called = hook.get_lead_by_phone("98765-43 210")
    assert user is not None
    assert (user.email, nobody) == ("ava@example.com", None)
    assert lead is not None
    assert called is not None
    assert (lead.id, no_lead, called.id) == ("id-2", None, "id-2")
    assert server.requests[4].query == {"phone": ["9876543210"]}
    assert [found.id for found in hook.iter_opportunities_of_lead("id-2", opportunity_type="7")] == ["id-3"]
    opportunity = hook.get_opportunity("id-3")
    assert opportunity is not None
    assert opportunity.id == "id-3"
