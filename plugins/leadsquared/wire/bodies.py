"""Write the bodies of every operation that does not create: look-ups and changes of CRM tasks, leads, opportunities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

from leadsquared.wire.creates import format_utc
from leadsquared.wire.criteria import AllOf, group_conditions
from leadsquared.wire.encoding import PayloadError, check_size, encode_payload

#: `/get-appointments-by-email-address/` and its relatives: the two dates lie at most 100 days apart.
MAX_RANGE_DAYS: Final = 100
#: `/delete-tasks-in-bulk/`
MAX_DELETIONS_PER_CALL: Final = 5_000
#: `/get-leads-in-bulk-by-ids/`: 10,000 ids a request, read in pages of 1,000; we ask for one page at a time.
MAX_LEADS_PER_CALL: Final = 1_000
#: `/get-opportunities-in-bulk-by-ids/`
MAX_OPPORTUNITIES_PER_CALL: Final = 2_000
#: The vendor's samples use 200; its maximum is not documented.
PAGE_SIZE: Final = 200
#: Used in the wild for users' appointments and to-dos; a server that bears less refuses it or cuts the page.
LARGE_PAGE_SIZE: Final = 1000

#: `/search-by-lead-criteria/`
SqlOperator = Literal["=", "<>", "<", ">", "<=", ">=", "LIKE", "IN"]


def tasks_of_owner(
    owner: str,
    *,
    by: Literal["email", "id"] = "email",
    status_code: int | None = None,
    task_type_id: str | None = None,
    offset: int = 0,
    page_size: int = PAGE_SIZE,
) -> bytes:
    """Return the body of `Task.svc/Retrieve`, newest first (`/retrieve-tasks/`).

    No dates are sent: which date they would be compared with is not documented.

    :param status_code: 0 open, 1 complete; None leaves it out, and what the vendor then returns is not documented.
    """
    parameter: dict[str, Any] = {
        "LookupName": "OwnerEmailAddress" if by == "email" else "OwnerId",
        "LookupValue": owner,
    }
    if status_code is not None:
        parameter["StatusCode"] = status_code
    if task_type_id is not None:
        parameter["TypeName"] = task_type_id
    return _body(
        {
            "Parameter": parameter,
            "Sorting": {"ColumnName": "CreatedOn", "Direction": "1"},
            "Paging": {"Offset": offset, "RowCount": page_size},
        }
    )


def tasks_of_users(
    users: Sequence[str] | AllOf, from_date: date, to_date: date, *, page: int = 1, page_size: int = PAGE_SIZE
) -> bytes:
    """Return the body of the appointments and to-dos look-ups; `page` counts from 1.

    The page for criteria shows no paging; it is sent all the same, so that nothing depends on the size of one reply.

    :param users: ids or addresses, as the operation asks for; or criteria.
    :raises PayloadError: no user, or the dates are inverted or more than 100 days apart.
    """
    return _body({**_of_users(users, from_date, to_date), "Paging": _page(page, page_size)})


def free_slots(
    users: Sequence[str] | AllOf,
    from_date: date,
    to_date: date,
    *,
    with_conflicts: bool = False,
    page: int = 1,
    page_size: int = PAGE_SIZE,
) -> bytes:
    """Return the body of the look-up of free slots (`/get-available-slots-of-users-by-user-email-address/`).

    :param with_conflicts: also slots that are taken by tasks of types that allow conflicts.
    :raises PayloadError: as `tasks_of_users` does.
    """
    asked = {**_of_users(users, from_date, to_date), "IncludeAllowedConflictSlots": with_conflicts}
    return _body({**asked, "Paging": _page(page, page_size)})


def users_by_criteria(criteria: AllOf, *, page: int = 1, page_size: int = PAGE_SIZE) -> bytes:
    """Return the body of `User/AdvancedSearch`, for all columns (`/user-advanced-search/`)."""
    groups = group_conditions(criteria)
    return _body({"Columns": {"Include_CSV": "*"}, "GroupConditions": groups, "Paging": _page(page, page_size)})


def split_range(from_date: date, to_date: date) -> Iterator[tuple[date, date]]:
    """Cut a range of dates, both included, into ranges of at most 100 days that do not overlap."""
    if to_date < from_date:
        raise PayloadError("to_date", "is before from_date")
    while from_date <= to_date:
        last = from_date + min(to_date - from_date, timedelta(days=MAX_RANGE_DAYS - 1))
        yield from_date, last
        if last == to_date:
            return
        from_date = last + timedelta(days=1)


def leads_by_ids(lead_ids: Sequence[str], columns: Sequence[str], *, page: int = 1) -> bytes:
    """Return the body of `Leads/Retrieve/ByIds` for 1 to 1,000 ids (`/get-leads-in-bulk-by-ids/`)."""
    if not 1 <= len(lead_ids) <= MAX_LEADS_PER_CALL:
        raise PayloadError("lead_ids", f"holds {len(lead_ids)} ids; a call takes 1 to {MAX_LEADS_PER_CALL}")
    return _body(
        {
            "SearchParameters": {"LeadIds": list(lead_ids)},
            "Columns": _lead_columns(columns),
            "Paging": _page(page, MAX_LEADS_PER_CALL),
        }
    )


def leads_by_condition(
    column: str, operator: SqlOperator, value: str, columns: Sequence[str], *, page: int = 1, page_size: int = PAGE_SIZE
) -> bytes:
    """Return the body of `Leads.Get`, oldest first (`/search-by-lead-criteria/`)."""
    return _body(
        {
            "Parameter": {"LookupName": column, "LookupValue": value, "SqlOperator": operator},
            "Columns": _lead_columns(columns),
            "Sorting": {"ColumnName": "CreatedOn", "Direction": "0"},
            "Paging": _page(page, page_size),
        }
    )


def leads_by_dates(
    since: datetime, until: datetime, columns: Sequence[str], *, page: int = 1, page_size: int = PAGE_SIZE
) -> bytes:
    """Return the body of `Leads.RecentlyModified` (`/get-leads-by-date-range/`); both bounds are aware."""
    return _body(
        {
            "Parameter": {"FromDate": format_utc(since, "since"), "ToDate": format_utc(until, "until")},
            "Columns": _lead_columns(columns),
            "Paging": _page(page, page_size),
            "Sorting": {"ColumnName": "ProspectAutoId", "Direction": "0"},
        }
    )


def opportunities_of_lead(page: int, page_size: int = PAGE_SIZE) -> bytes:
    """Return the body of `GetOpportunitiesOfLead`; `page` counts from 1 (`/get-opportunities-by-lead-id/`)."""
    return _body({"Paging": _page(page, page_size)})


def opportunities_by_ids(opportunity_ids: Sequence[str], event_code: str, columns: Sequence[str]) -> bytes:
    """Return the body of `GetOpportunitiesById` for 1 to 2,000 opportunities of one type.

    :param event_code: the opportunity type's code; mandatory, as are the columns.
    """
    if not 1 <= len(opportunity_ids) <= MAX_OPPORTUNITIES_PER_CALL:
        rule = f"holds {len(opportunity_ids)} ids; a call takes 1 to {MAX_OPPORTUNITIES_PER_CALL}"
        raise PayloadError("opportunity_ids", rule)
    wanted = {
        "EventCode": event_code,
        "ProspectActivityId": list(opportunity_ids),
        "Columns": {"Include_CSV": ",".join(columns)},
    }
    return _body({"SearchParameters": [wanted]})


def update(task_id: str, fields: dict[str, Any]) -> bytes:
    """Return the body of `Task.svc/Update` (`/update-task/`): `fields` in LeadSquared's own names.

    What becomes of fields that are left out is not documented: send all that are to stay.
    """
    return _body({"UserTaskId": task_id, **fields})


def delete(task_ids: Sequence[str], status_webhook_url: str | None = None) -> bytes:
    """Return the body of `Task.svc/DeleteTasks` for 1 to 5,000 CRM tasks (`/delete-tasks-in-bulk/`)."""
    if not 1 <= len(task_ids) <= MAX_DELETIONS_PER_CALL:
        raise PayloadError("task_ids", f"holds {len(task_ids)} ids; a call takes 1 to {MAX_DELETIONS_PER_CALL}")
    return _body({"TaskIds": list(task_ids), **_webhook(status_webhook_url)})


def move(appointments: Sequence[tuple[str, datetime, datetime]], status_webhook_url: str | None = None) -> bytes:
    """Return the body of `Task.svc/BulkUpdateAppointmentTime`: id, aware start and end of each appointment.

    The vendor's row limit is not known (`/bulk-update-appointment-timings/`).
    """
    if not appointments:
        raise PayloadError("appointments", "is empty")
    rows = [
        {"UserTaskId": task_id, "FromDate": format_utc(start, "start"), "ToDate": format_utc(end, "end")}
        for task_id, start, end in appointments
    ]
    return _body({"TaskList": rows, **_webhook(status_webhook_url)})


def _of_users(users: Sequence[str] | AllOf, from_date: date, to_date: date) -> dict[str, Any]:
    if not isinstance(users, AllOf) and not users:
        raise PayloadError("users", "is empty")
    if not 0 <= (to_date - from_date).days <= MAX_RANGE_DAYS:
        raise PayloadError("to_date", f"must be 0 to {MAX_RANGE_DAYS} days after from_date")
    days = {"FromDate": from_date.isoformat(), "ToDate": to_date.isoformat()}
    if isinstance(users, AllOf):
        return {**days, "UserSearchCriteria": {"GroupConditions": group_conditions(users)}}
    return {**days, "Users": list(users)}


def _page(page: int, page_size: int) -> dict[str, int]:
    return {"PageIndex": page, "PageSize": page_size}


def _lead_columns(columns: Sequence[str]) -> dict[str, str]:
    """Return the columns asked for with the lead's id, without which a reply cannot be told from another."""
    return {"Include_CSV": ",".join(dict.fromkeys(("ProspectID", *columns)))}


def _webhook(url: str | None) -> dict[str, str]:
    return {} if url is None else {"StatusWebhookURL": url}


def _body(content: dict[str, Any]) -> bytes:
    return check_size(encode_payload(content), "body")
