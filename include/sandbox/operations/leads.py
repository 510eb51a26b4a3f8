"""Leads, and the CRM tasks of a lead."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable
from typing import Any

from sandbox.crm_task import LEAD, short_item
from sandbox.dates import write_with_millis
from sandbox.directory import Lead
from sandbox.operations.base import NUMBER, TEXT, TEXTS, Operation, Request, object_schema
from sandbox.operations.selection import listing, page_bounds, visible
from sandbox.people import is_guid
from sandbox.replies import RefusedError
from sandbox.situations import Situation

_MOST_IDS = 10_000
_MOST_LEADS_A_PAGE = 1000
_MOST_MODIFIED_A_PAGE = 5000
_SQL_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "LIKE": lambda held, asked: asked.strip("%") in held,
    "IN": lambda held, asked: held in [part.strip() for part in asked.split(",")],
}


async def tasks_of_lead(request: Request) -> dict[str, Any]:
    """All tasks of a lead, unpaged, in the short form."""
    sandbox = request.sandbox
    tasks = [task for task in sandbox.store.of_related(request.mandatory_id("leadId")) if task.related_kind == LEAD]
    found = visible(sandbox, tasks)
    items = [short_item(task, sandbox.store.id_of(task), sandbox.people, time.time()) for task in found]
    return listing(request, "TaskList", len(items), items)


async def lead_by_id(request: Request) -> list[dict[str, Any]]:
    """A list of the one lead, or an empty list."""
    lead_id = request.mandatory_query("id").lower()
    lead = _known(request, lead_id)
    return [_flat(lead)] if lead else []


async def lead_by_email(request: Request) -> list[dict[str, Any]]:
    """A list of the one lead, or an empty list."""
    email = request.mandatory_query("emailaddress").lower()
    return [_flat(lead) for lead in request.sandbox.people.directory.leads if lead.email == email][:1]


async def lead_by_phone(request: Request) -> list[dict[str, Any]]:
    """A list of the one lead, or an empty list. The number holds neither spaces nor hyphens."""
    phone = request.mandatory_query("phone").strip("+")
    leads = request.sandbox.people.directory.leads
    return [_flat(lead) for lead in leads if _digits(lead.phone).endswith(phone) and len(phone) >= 10][:1]


async def leads_by_ids(request: Request) -> dict[str, Any]:
    """Leads by up to 10,000 ids, which stand in `SearchParameters` or beside it."""
    search = request.body.object("SearchParameters")
    ids = (search.texts("LeadIds") if search else None) or request.body.texts("LeadIds")
    if not ids or len(ids) > _MOST_IDS:
        raise RefusedError(Situation.INPUT, "LeadIds")
    found = [lead for lead in (_known(request, text.strip().lower()) for text in dict.fromkeys(ids)) if lead]
    wanted = _columns(request)
    if not wanted:
        raise RefusedError(Situation.MANDATORY, "Include_CSV")
    return _in_shape(request, found, wanted, _page(request, found))


async def leads_by_dates(request: Request) -> dict[str, Any]:
    """Leads of the directory that were modified in a span of time, both bounds included, the oldest first."""
    parameter = request.body.object("Parameter")
    if parameter is None:
        raise RefusedError(Situation.NO_PARAMETER)
    first, last = parameter.moment("FromDate"), parameter.moment("ToDate")
    if first is None or last is None or first > last:
        raise RefusedError(Situation.DATE, "FromDate")
    found = [lead for lead in request.sandbox.people.directory.leads if first <= lead.modified <= last]
    return _in_shape(request, found, _columns(request), _page(request, found, _MOST_MODIFIED_A_PAGE))


async def search_leads(request: Request) -> list[dict[str, Any]]:
    """Leads of the directory by one condition; a bare list."""
    parameter = request.body.object("Parameter")
    if parameter is None:
        raise RefusedError(Situation.NO_PARAMETER)
    name, asked = parameter.text("LookupName") or "", parameter.text("LookupValue") or ""
    comparison = parameter.text("SqlOperator") or "="
    if name not in _flat(request.sandbox.people.directory.leads[0]):
        raise RefusedError(Situation.INPUT, "LookupName")
    found = [
        item
        for item in map(_flat, request.sandbox.people.directory.leads)
        if _compare(item[name] or "", comparison, asked)
    ]
    page, wanted = _page(request, found), _columns(request)
    request.call.rows = len(page)
    return [_chosen(item, wanted) for item in page]


def _page(request: Request, found: list[Any], most: int = _MOST_LEADS_A_PAGE) -> list[Any]:
    offset, size = page_bounds(request, min(most, request.sandbox.settings.max_page_size))
    return found[offset : offset + size]


def _columns(request: Request) -> set[str]:
    """The columns asked for, in small letters; none means all."""
    columns = request.body.object("Columns")
    included = (columns.text("Include_CSV") if columns else None) or request.body.text("Include_CSV") or ""
    return {name.strip().lower() for name in included.split(",") if name.strip()}


def _in_shape(request: Request, found: list[Lead], wanted: set[str], page: list[Lead]) -> dict[str, Any]:
    """A listing of leads: the pages of the vendor show both flat objects and lists of attribute and value."""
    items: list[dict[str, Any]] = [_chosen(_flat(lead), wanted) for lead in page]
    if request.sandbox.settings.lead_shape == "properties":
        pairs = ([{"Attribute": name, "Value": value} for name, value in item.items()] for item in items)
        items = [{"LeadPropertyList": list(each)} for each in pairs]
    return listing(request, "Leads", len(found), items)


def _known(request: Request, lead_id: str) -> Lead | None:
    """A lead of the directory, or one made up for any well-formed id when all leads are known."""
    sandbox = request.sandbox
    lead = sandbox.people.lead(lead_id)
    if lead is None and sandbox.settings.known_leads == "any" and is_guid(lead_id):
        return Lead(lead_id, "Lead", lead_id[-6:], f"lead.{lead_id}@example.com", "", "")
    return lead


def _flat(lead: Lead) -> dict[str, str | None]:
    return {
        "ProspectID": lead.id,
        "FirstName": lead.first_name,
        "LastName": lead.last_name,
        "EmailAddress": lead.email,
        "Phone": lead.phone or None,
        "Mobile": None,
        "mx_City": lead.city or None,
        "CreatedOn": write_with_millis(lead.modified),
        "ModifiedOn": write_with_millis(lead.modified),
    }


def _chosen(item: dict[str, str | None], wanted: set[str]) -> dict[str, str | None]:
    """The columns asked for and the id."""
    return {name: item[name] for name in item if not wanted or name.lower() in wanted or name == "ProspectID"}


def _digits(phone: str) -> str:
    return "".join(char for char in phone if char.isdigit())


def _compare(held: str, comparison: str, asked: str) -> bool:
    compare = _SQL_OPERATORS.get(comparison.upper())
    if compare is None:
        raise RefusedError(Situation.INPUT, "SqlOperator")
    return compare(held.lower(), asked.lower())


_PAGING = object_schema(PageIndex=NUMBER, PageSize=NUMBER)

OPERATIONS = (
    Operation(
        "GET",
        "LeadManagement.svc/RetrieveTaskByLeadId",
        tasks_of_lead,
        "/retrieve-tasks-by-leadid/",
        query=("leadId",),
    ),
    Operation("GET", "LeadManagement.svc/Leads.GetById", lead_by_id, "/get-lead-by-id/", query=("id",)),
    Operation(
        "GET",
        "LeadManagement.svc/Leads.GetByEmailaddress",
        lead_by_email,
        "/get-a-lead-by-email-id/",
        query=("emailaddress",),
    ),
    Operation(
        "GET", "LeadManagement.svc/RetrieveLeadByPhoneNumber", lead_by_phone, "/get-lead-by-phone/", query=("phone",)
    ),
    Operation(
        "POST",
        "LeadManagement.svc/Leads/Retrieve/ByIds",
        leads_by_ids,
        "/get-leads-in-bulk-by-ids/",
        body=object_schema(
            ("Columns",),
            SearchParameters=object_schema(LeadIds=TEXTS),
            LeadIds=TEXTS,
            Columns=object_schema(("Include_CSV",), Include_CSV=TEXT),
            Paging=_PAGING,
        ),
    ),
    Operation(
        "POST",
        "LeadManagement.svc/Leads.Get",
        search_leads,
        "/search-by-lead-criteria/",
        body=object_schema(
            ("Parameter",),
            Parameter=object_schema(("LookupName", "LookupValue"), LookupName=TEXT, LookupValue=TEXT, SqlOperator=TEXT),
            Columns=object_schema(Include_CSV=TEXT),
            Paging=_PAGING,
        ),
    ),
    Operation(
        "POST",
        "LeadManagement.svc/Leads.RecentlyModified",
        leads_by_dates,
        "/get-leads-by-date-range/",
        body=object_schema(
            ("Parameter",),
            Parameter=object_schema(("FromDate", "ToDate"), FromDate=TEXT, ToDate=TEXT),
            Columns=object_schema(Include_CSV=TEXT),
            Paging=_PAGING,
        ),
    ),
)
