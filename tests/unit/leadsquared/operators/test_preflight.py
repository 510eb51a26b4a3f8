"""What is checked before anything is sent, and how many calls that takes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from followups.feeds import Marker, feeds_dir, load_feed
from followups.schema import deliveries, directories
from leadsquared.errors import AuthenticationFailed
from leadsquared.operators.create_tasks import CreateTasksOperator
from leadsquared.operators.plan import PlanFollowUpsOperator
from leadsquared.operators.report import ReportDeliveriesOperator
from sandbox.directory import load_directory
from tests.unit.leadsquared.operators.conftest import OWNER, Stack, follow_up
from tests.unit.leadsquared.operators.test_inline_rows import create_many, payload

NOBODY = "99999999-9999-4999-8999-999999999999"
USERS, TYPES, LEADS = "Users.Get", "RetrieveTaskType", "Leads/Retrieve/ByIds"


def plan(stack: Stack, run_id: str = "manual__1", **params: Any) -> list[dict[str, Any]]:
    return PlanFollowUpsOperator(task_id="plan", feed="appointments").execute(
        stack.context("plan", run_id=run_id, **params)
    )


def asked(stack: Stack, *operations: str) -> int:
    """How many calls of these operations were made."""
    return sum(any(name in str(call) for name in operations) for call in stack.sandbox.calls())


def reasons(stack: Stack) -> dict[str, str]:
    with stack.engine.connect() as connection:
        query = sa.select(deliveries.c.followup_id, deliveries.c.reason).where(deliveries.c.state == "invalid")
        return {row[0]: row[1] for row in connection.execute(query)}


def make_older(stack: Stack, **by: float) -> None:
    with stack.engine.begin() as connection:
        read_at = connection.execute(sa.select(directories.c.read_at)).scalar_one()
        connection.execute(sa.update(directories).values(read_at=read_at - timedelta(**by)))


def rename_in_ledger(stack: Stack, old: str, new: str) -> None:
    """As if the task type had had another name when it was read."""
    with stack.engine.begin() as connection:
        types = connection.execute(sa.select(directories.c.task_types)).scalar_one()
        renamed = [{**each, "name": new if each["name"] == old else each["name"]} for each in types]
        connection.execute(sa.update(directories).values(task_types=renamed))


def test_bad_rows_of_every_kind_cost_no_create_and_say_the_cure(stack: Stack) -> None:
    stack.warehouse([
        follow_up("owner", owner_email="ananya.iyre@example.com"),
        follow_up("type", task_type="Meating"),
        follow_up("lead", task_type="Site Visit"),
        follow_up("field", custom_fields='{"mx_Custom_9": "x"}'),
        follow_up("option", task_type="Loan Counselling", custom_fields='{"mx_Custom_1": "Car Loan"}'),
    ])  # fmt: skip
    assert plan(stack) == []
    assert reasons(stack) == {
        "owner": "owner_email: no LeadSquared user has this address; did you mean an…r@example.com "
        "(the part before the @ differs)?",
        "type": "task_type: no such task type; did you mean 'Meeting'?",
        "lead": "related_id: task type 'Site Visit' demands a lead",
        "field": "custom_fields: task type 'Meeting' has no field mx_Custom_9; it has mx_Custom_1, mx_Custom_2",
        "option": "custom_fields: mx_Custom_1 takes one of 'Home Loan', 'Education Loan', 'Personal Loan', "
        "'Business Loan', 'Gold Loan', exactly as written",
    }
    assert asked(stack, "Create") == 0


def test_second_run_asks_for_nothing_and_both_tell_the_age(stack: Stack) -> None:
    stack.warehouse([follow_up()])
    plan(stack)
    assert stack.pushed["plan"]["directory"].endswith("task types, read just now")
    make_older(stack, minutes=4)
    plan(stack, "manual__2")
    assert stack.pushed["plan"]["directory"].endswith("task types, read 4 min ago")
    assert asked(stack, USERS, TYPES) == 2
    ReportDeliveriesOperator(task_id="report", feed="appointments").execute(stack.context("report", run_id="manual__2"))
    assert stack.pushed["report"]["directory"] == stack.pushed["plan"]["directory"]


def test_old_cache_is_read_anew(stack: Stack) -> None:
    plan(stack)
    make_older(stack, minutes=16)
    plan(stack, "manual__2")
    assert asked(stack, USERS, TYPES) == 4


def test_age_is_a_setting_of_the_connection(stack: Stack) -> None:
    stack.leadsquared(directory_seconds=0)
    plan(stack)
    plan(stack, "manual__2")
    assert asked(stack, USERS, TYPES) == 4


def test_misses_make_a_run_ask_once_and_what_was_added_is_found(stack: Stack) -> None:
    plan(stack)
    rename_in_ledger(stack, "Meeting", "Gathering")
    stack.warehouse([follow_up("f-1"), *(follow_up(f"bad-{n}", owner_email=f"x{n}@example.org") for n in range(30))])
    plan(stack, "manual__2")
    assert stack.states()["f-1"] == "planned"
    assert asked(stack, USERS, TYPES) == 4


def test_service_down_leaves_the_cache_whatever_its_age(stack: Stack, caplog: pytest.LogCaptureFixture) -> None:
    plan(stack)
    make_older(stack, days=3)
    stack.sandbox.faults("503 operation=UserManagement.svc/Users.Get")
    stack.warehouse([follow_up("f-1"), follow_up("f-2", owner_email="nobody@example.com")])
    no_pauses(stack)
    plan(stack, "manual__2")
    assert stack.states() == {"f-1": "planned", "f-2": "invalid"}
    assert stack.pushed["plan"]["directory"].endswith("read 72 h ago")
    assert "could not be read" in caplog.text


def test_service_down_and_nothing_kept_goes_on_without_and_says_so(stack: Stack) -> None:
    stack.sandbox.faults("503 operation=UserManagement.svc/Users.Get")
    stack.warehouse([follow_up("f-1", owner_email="nobody@example.com")])
    no_pauses(stack)
    plan(stack)
    assert stack.states() == {"f-1": "planned"}
    assert stack.pushed["plan"]["directory"] == "nothing: users and task types could not be read"


def no_pauses(stack: Stack) -> None:
    from leadsquared.hook import base

    stack.monkeypatch.setattr(base, "_pause", lambda _: 0.0)


def test_refused_keys_stop_the_run_before_anything_is_planned(stack: Stack) -> None:
    stack.leadsquared(password="wrong")
    stack.warehouse([follow_up()])
    with pytest.raises(AuthenticationFailed):
        plan(stack)
    assert stack.states() == {}


def test_addresses_stand_in_one_column_alone(stack: Stack) -> None:
    stack.warehouse([follow_up("bad", owner_email="ananya.iyre@example.com")])
    plan(stack)
    with stack.engine.begin() as connection:
        assert OWNER in connection.execute(sa.select(directories.c.users)).scalar_one()
        connection.execute(sa.update(directories).values(users=None))
    assert OWNER not in str(stack.tables())
    assert "ananya.iyre" not in str(stack.tables())


def test_type_that_is_renamed_while_a_run_waits_is_not_sent(stack: Stack) -> None:
    stack.warehouse([follow_up("f-1"), follow_up("f-2", task_type="Phone Call")])
    (work,) = plan(stack)
    with stack.engine.begin() as connection:
        old = sa.update(deliveries).where(deliveries.c.followup_id == "f-1")
        connection.execute(old.values(task_type="Gathering"))  # its name when it was planned
    operator = CreateTasksOperator(task_id="create_tasks", plan_slice=work)
    assert operator.execute(stack.context("create_tasks"))["rows"] == {"accepted": 1}
    assert stack.states() == {"f-1": "invalid", "f-2": "accepted"}
    assert reasons(stack)["f-1"].startswith("task_type: no such task type")
    assert asked(stack, USERS, TYPES) == 4  # the miss is asked about before anything is refused
    plan(stack, "manual__2")
    assert stack.states() == {"f-1": "planned", "f-2": "accepted"}


def test_last_look_costs_no_call_while_the_cache_is_young(stack: Stack) -> None:
    stack.warehouse([follow_up("f-1")])
    (work,) = plan(stack)
    CreateTasksOperator(task_id="create_tasks", plan_slice=work).execute(stack.context("create_tasks"))
    assert asked(stack, USERS, TYPES) == 2


@pytest.fixture
def checked_feed(stack: Stack) -> None:
    from leadsquared.work import plan as work

    given = load_feed(feeds_dir() / "appointments.yaml")
    changed = given.model_copy(update={"check_leads": True, "check_opportunities": "12000"})
    stack.monkeypatch.setattr(work, "load_feed", lambda _: changed)


@pytest.mark.usefixtures("checked_feed")
def test_leads_and_opportunities_that_do_not_exist_are_refused_where_the_feed_looks_them_up(stack: Stack) -> None:
    stack.sandbox.set(known_leads="listed")
    known = load_directory()
    stack.warehouse([
        follow_up("f-1", related_to="lead", related_id=known.leads[0].id.upper()),
        follow_up("f-2", related_to="lead", related_id=NOBODY),
        follow_up("f-3", related_to="opportunity", related_id=known.opportunities[0].id),
        follow_up("f-4", related_to="opportunity", related_id=NOBODY),
        follow_up("f-5"),
    ])  # fmt: skip
    plan(stack)
    assert reasons(stack) == {
        "f-2": "related_id: LeadSquared has no such lead",
        "f-4": "related_id: LeadSquared has no such opportunity",
    }
    assert stack.states()["f-5"] == "planned"


@pytest.mark.usefixtures("checked_feed")
def test_a_thousand_leads_are_one_call_and_rows_that_were_sent_are_not_looked_up(stack: Stack) -> None:
    leads = [lead.id for lead in load_directory().leads[:1000]]
    rows = [follow_up(f"f-{n}", related_to="lead", related_id=lead) for n, lead in enumerate([*leads, *leads])]
    stack.warehouse(rows)
    (work,) = plan(stack)
    assert asked(stack, LEADS) == 1
    CreateTasksOperator(task_id="create_tasks", plan_slice=work).execute(stack.context("create_tasks"))
    plan(stack, "manual__2")
    assert asked(stack, LEADS) == 1


@pytest.mark.usefixtures("checked_feed")
def test_leads_that_cannot_be_looked_up_refuse_nothing(stack: Stack, caplog: pytest.LogCaptureFixture) -> None:
    stack.sandbox.faults("503 operation=LeadManagement.svc/Leads/Retrieve/ByIds")
    stack.warehouse([follow_up("f-1", related_to="lead", related_id=NOBODY)])
    no_pauses(stack)
    plan(stack)
    assert stack.states() == {"f-1": "planned"}
    assert "without a check of leads" in caplog.text


def test_leads_are_not_looked_up_unless_the_feed_says_so(stack: Stack) -> None:
    stack.warehouse([follow_up("f-1", related_to="lead", related_id=NOBODY)])
    plan(stack)
    assert (stack.states(), asked(stack, LEADS)) == ({"f-1": "planned"}, 0)


def test_task_types_that_share_a_name_are_warned_about(stack: Stack, caplog: pytest.LogCaptureFixture) -> None:
    plan(stack)
    rename_in_ledger(stack, "Phone Call", "Meeting")
    stack.warehouse([follow_up("f-1", custom_fields='{"mx_Custom_9": "x"}')])
    plan(stack, "manual__2")
    assert "several task types are called 'Meeting'" in caplog.text
    assert stack.states() == {"f-1": "planned"}


def test_feed_whose_marker_no_task_type_has_room_for_is_told(stack: Stack) -> None:
    from leadsquared.work import plan as work

    given = load_feed(feeds_dir() / "appointments.yaml")
    marker = Marker(place="custom_field", custom_field="mx_Marker")
    stack.monkeypatch.setattr(work, "load_feed", lambda _: given.model_copy(update={"marker": marker}))
    stack.warehouse([follow_up("f-1")])
    plan(stack)
    assert reasons(stack) == {
        "f-1": "marker: task type 'Meeting' has no field mx_Marker; add it there, or change `marker` in the feed"
    }


GUID = "not the id of a lead, like 00000000-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"RelatedEntity": 2}, "RelatedEntity: not 0 (none), 1 (lead) or 5 (opportunity)"),
        ({"RelatedEntity": "lead"}, "RelatedEntity: not 0 (none), 1 (lead) or 5 (opportunity)"),
        ({"RelatedEntityId": NOBODY}, "RelatedEntityId: given, but RelatedEntity is not 1 (lead) or 5 (opportunity)"),
        ({"RelatedEntity": 1}, f"RelatedEntityId: {GUID}"),
        ({"RelatedEntity": "1", "RelatedEntityId": "Zeenat"}, f"RelatedEntityId: {GUID}"),
        ({"EndDate": "2031-04-05 05:00:00"}, "EndDate: before DueDate"),
        ({"EndDate": "later"}, "EndDate: not a date-time like 2031-04-05 06:30:00 (UTC)"),
        ({"CustomFields": ["x"]}, "CustomFields: not an object of mx_… fields"),
        (
            {"CustomFields": {"mx_Custom_9": "x"}},
            "custom_fields: task type 'Meeting' has no field mx_Custom_9; it has mx_Custom_1, mx_Custom_2",
        ),
        ({"TaskType": {"Name": "Site Visit"}}, "related_id: task type 'Site Visit' demands a lead"),
        (
            {"ReminderBeforeDays": "2"},
            "ReminderBeforeDays: for to-dos alone, and the task type makes appointments; give Reminder (minutes)",
        ),
    ],
)
def test_payload_against_the_rules_is_refused_by_field_and_without_its_value(
    stack: Stack, changes: dict[str, Any], reason: str
) -> None:
    assert create_many(stack, payloads=[payload(1, followup_id="p", **changes)])["calls"] == {}
    assert reasons(stack) == {"p": reason}


@pytest.mark.parametrize(
    "changes",
    [
        {"RelatedEntity": "1", "RelatedEntityId": NOBODY, "EndDate": "2031-04-05 06:30:00"},
        {"RelatedEntity": 5, "RelatedEntityId": NOBODY},
        {"RelatedEntity": None, "RelatedEntityId": None, "CustomFields": {"mx_Custom_1": "x"}, "EndDate": ""},
    ],
)
def test_payload_within_the_rules_is_planned(stack: Stack, changes: dict[str, Any]) -> None:
    create_many(stack, payloads=[payload(1, followup_id="p", **changes)])
    assert reasons(stack) == {}
