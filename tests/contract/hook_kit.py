"""What the contract tests of the hook share: an account, payloads, and one call for every operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from leadsquared.hook import LeadSquaredHook
from leadsquared.wire import creates, operations
from leadsquared.wire.criteria import AllOf, Condition
from leadsquared.wire.operations import Operation
from sandbox.directory import load_directory
from sandbox.testing import RunningSandbox

SWITCHES = {
    "rate.normal": "100000/1",
    "rate.bulk": "100000/1",
    "bulk_delay_ms": 0,
    "key_case": "exact",
    "known_leads": "listed",
}

DIRECTORY = load_directory()
OWNER, OTHER, INACTIVE = DIRECTORY.users[3], DIRECTORY.users[4], DIRECTORY.users[-1]
LEAD, OPPORTUNITY = DIRECTORY.leads[3], DIRECTORY.opportunities[0]
UNKNOWN_ID = "00000000-0000-4000-8000-00000000c001"
OPPORTUNITY_TYPE = "12000"
#: A Monday.
DUE = datetime(2031, 4, 7, 6, tzinfo=UTC)
DAY = DUE.date()
THE_OWNER = AllOf(Condition("EmailAddress", "eq", OWNER.email))
LEADS_FROM = datetime(2020, 1, 1, tzinfo=UTC)


def make_payload(**changes: Any) -> dict[str, Any]:
    """Return a payload that the sandbox takes."""
    return creates.build_payload(
        **{
            "task_type": "Meeting",
            "subject": "Branch visit",
            "due_at": DUE,
            "end_at": DUE + timedelta(minutes=30),
            "owner_email": OWNER.email,
            "related_to": "lead",
            "related_id": LEAD.id,
            **changes,
        }
    )


@dataclass(frozen=True)
class Seeds:
    """CRM tasks that are there: an appointment of a lead and a to-do of an opportunity, both the owner's."""

    appointment: str
    to_do: str


def plant(hook: LeadSquaredHook) -> Seeds:
    to_do = make_payload(
        task_type="Follow Up", related_to="opportunity", related_id=OPPORTUNITY.id, due_at=DUE, end_at=None
    )
    return Seeds(hook.create_task(make_payload()), hook.create_task(to_do))


def calls_of(sandbox: RunningSandbox, operation: Operation) -> int:
    """Say how often an operation was called since the last reset."""
    return sum(call["operation"] == operation.path for call in sandbox.calls())


Read = Callable[[LeadSquaredHook, Seeds], Any]
_SPAN = (DAY - timedelta(days=1), DAY + timedelta(days=1))

#: One call of every operation that only reads, all of which find something once the seeds are planted.
READS: dict[Operation, Read] = {
    operations.WHO_AM_I: lambda hook, _: hook.get_account(),
    operations.TASK_TYPES: lambda hook, _: hook.get_task_types(),
    operations.USERS: lambda hook, _: hook.get_users(),
    operations.USER_BY_ID: lambda hook, _: hook.get_user(OWNER.id),
    operations.USER_BY_E_MAIL: lambda hook, _: hook.get_user_by_email(OWNER.email),
    operations.USERS_BY_CRITERIA: lambda hook, _: list(hook.iter_users(THE_OWNER)),
    operations.LEAD_BY_ID: lambda hook, _: hook.get_lead(LEAD.id),
    operations.LEAD_BY_E_MAIL: lambda hook, _: hook.get_lead_by_email(LEAD.email),
    operations.LEAD_BY_PHONE: lambda hook, _: hook.get_lead_by_phone(LEAD.phone),
    operations.LEADS_BY_IDS: lambda hook, _: list(hook.get_leads_by_ids([LEAD.id])),
    operations.LEADS_BY_CONDITION: lambda hook, _: list(hook.iter_leads_where("EmailAddress", "=", LEAD.email)),
    operations.LEADS_BY_DATES: lambda hook, _: list(hook.iter_leads_modified(LEADS_FROM, DUE)),
    operations.OPPORTUNITIES_OF_LEAD: lambda hook, _: list(hook.iter_opportunities_of_lead(OPPORTUNITY.lead_id)),
    operations.OPPORTUNITY_BY_ID: lambda hook, _: hook.get_opportunity(OPPORTUNITY.id),
    operations.OPPORTUNITIES_BY_IDS: lambda hook, _: list(
        hook.get_opportunities_by_ids([OPPORTUNITY.id], opportunity_type=OPPORTUNITY_TYPE)
    ),
    operations.TASKS_OF_OWNER: lambda hook, _: list(hook.iter_tasks_of_owner(OWNER.email, status="open")),
    operations.TASK_BY_ID: lambda hook, seeds: hook.get_task(seeds.appointment),
    operations.TASKS_OF_LEAD: lambda hook, _: hook.get_tasks_of_lead(LEAD.id),
    operations.TASKS_OF_OPPORTUNITY: lambda hook, _: hook.get_tasks_of_opportunity(OPPORTUNITY.id),
    operations.APPOINTMENTS_BY_E_MAIL: lambda hook, _: list(hook.iter_appointments([OWNER.email], *_SPAN)),
    operations.APPOINTMENTS_BY_USER_ID: lambda hook, _: list(hook.iter_appointments([OWNER.id], *_SPAN, by="id")),
    operations.APPOINTMENTS_BY_CRITERIA: lambda hook, _: list(hook.iter_appointments(THE_OWNER, *_SPAN)),
    operations.TO_DOS_BY_E_MAIL: lambda hook, _: list(hook.iter_to_dos([OWNER.email], *_SPAN)),
    operations.TO_DOS_BY_USER_ID: lambda hook, _: list(hook.iter_to_dos([OWNER.id], *_SPAN, by="id")),
    operations.TO_DOS_BY_CRITERIA: lambda hook, _: list(hook.iter_to_dos(THE_OWNER, *_SPAN)),
    operations.FREE_SLOTS_BY_E_MAIL: lambda hook, _: list(hook.iter_free_slots([OWNER.email], DAY, DAY)),
    operations.FREE_SLOTS_BY_CRITERIA: lambda hook, _: list(hook.iter_free_slots(THE_OWNER, DAY, DAY)),
}

#: One call of every operation that changes something.
CHANGES: dict[Operation, Read] = {
    operations.CREATE: lambda hook, _: hook.create_task(make_payload()),
    operations.BULK_CREATE: lambda hook, _: hook.create_tasks([make_payload()]),
    operations.UPDATE: lambda hook, seeds: hook.update_task(seeds.appointment, {"Name": "Moved"}),
    operations.MARK_COMPLETE: lambda hook, seeds: hook.complete_task(seeds.to_do),
    operations.DELETE_TASKS: lambda hook, seeds: hook.delete_tasks([seeds.to_do]),
    operations.MOVE_APPOINTMENTS: lambda hook, seeds: hook.move_appointments(
        [(seeds.appointment, DUE, DUE + timedelta(hours=1))]
    ),
}


def all_operations() -> list[Operation]:
    """Return every operation that the package defines."""
    return [value for value in vars(operations).values() if isinstance(value, Operation)]


def span(days: int) -> tuple[date, date]:
    """Return the day on which the seeds are due and the one so many days later."""
    return DAY, DAY + timedelta(days=days)
