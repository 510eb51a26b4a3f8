"""Opportunities, and the CRM tasks of an opportunity."""

from __future__ import annotations

import time
from typing import Any

from sandbox.crm_task import OPPORTUNITY, short_item
from sandbox.directory import Opportunity
from sandbox.operations.base import NUMBER, TEXT, TEXTS, Operation, Request, object_schema
from sandbox.operations.selection import listing, page_bounds, visible
from sandbox.people import is_guid
from sandbox.reading import Fields
from sandbox.replies import MalformedError, RefusedError
from sandbox.situations import Situation

_MOST_A_PAGE = 1000
_MOST_IDS = 2000
#: The one type of opportunities that the account has.
EVENT_CODE = "12000"


async def tasks_of_opportunity(request: Request) -> dict[str, Any]:
    """All tasks of an opportunity; the list's key is not that of the lookup by lead. Unknown ids are refused."""
    sandbox = request.sandbox
    opportunity_id = request.mandatory_query("opportunityId").lower()
    if not is_guid(opportunity_id):
        raise RefusedError(Situation.MALFORMED_OPPORTUNITY)
    if not sandbox.people.knows_opportunity(opportunity_id, sandbox.settings.known_leads):
        raise RefusedError(Situation.OPPORTUNITY, value=opportunity_id)
    tasks = [task for task in sandbox.store.of_related(opportunity_id) if task.related_kind == OPPORTUNITY]
    found = visible(sandbox, tasks)
    items = [short_item(task, sandbox.store.id_of(task), sandbox.people, time.time()) for task in found]
    return listing(request, "List", len(items), items)


async def opportunities_of_lead(request: Request) -> dict[str, Any]:
    """A lead's opportunities, of all types or of one."""
    lead_id, event_code = request.mandatory_id("leadId"), request.query.get("opportunitytype", EVENT_CODE)
    opportunities = request.sandbox.people.directory.opportunities if event_code == EVENT_CODE else ()
    found = [item for item in opportunities if item.lead_id == lead_id]
    offset, size = page_bounds(request, min(_MOST_A_PAGE, request.sandbox.settings.max_page_size))
    return listing(request, "List", len(found), [_item(item) for item in found[offset : offset + size]])


async def opportunity_by_id(request: Request) -> dict[str, Any]:
    """One opportunity. Malformed and unknown ids are refused."""
    opportunity_id = request.mandatory_query("OpportunityId").lower()
    if not is_guid(opportunity_id):
        raise RefusedError(Situation.MALFORMED_OPPORTUNITY)
    people = request.sandbox.people
    if not people.knows_opportunity(opportunity_id, request.sandbox.settings.known_leads):
        raise RefusedError(Situation.OPPORTUNITY, value=opportunity_id)
    return _item(people.opportunity(opportunity_id) or Opportunity(opportunity_id, "", "Opportunity"))


async def opportunities_by_ids(request: Request) -> list[dict[str, Any]]:
    """Up to 2,000 opportunities, asked for type by type; a list for each type. Unknown ids are left out."""
    groups = request.body.array("SearchParameters")
    if not groups:
        raise RefusedError(Situation.MANDATORY, "SearchParameters")
    asked = [_asked(group) for group in groups]
    if sum(len(ids) for _, ids in asked) > _MOST_IDS:
        raise RefusedError(Situation.INPUT, "ProspectActivityId")
    people = request.sandbox.people
    return [
        {"EventCode": code, "RecordCount": len(found), "Opportunities": [_item(item) for item in found]}
        for code, ids in asked
        for found in [[item for item in map(people.opportunity, dict.fromkeys(ids)) if item and code == EVENT_CODE]]
    ]


def _asked(group: Any) -> tuple[str, list[str]]:
    if not isinstance(group, dict):
        raise MalformedError("SearchParameters must hold objects")
    fields = Fields(group, any_case=True)
    code, ids, columns = fields.text("EventCode"), fields.texts("ProspectActivityId"), fields.object("Columns")
    for name, given in (("EventCode", code), ("ProspectActivityId", ids)):
        if not given:
            raise RefusedError(Situation.MANDATORY, name)
    if columns is None or not columns.text("Include_CSV"):
        raise RefusedError(Situation.MANDATORY, "Include_CSV")
    return code or "", ids or []


def _item(opportunity: Opportunity) -> dict[str, Any]:
    return {
        "ProspectActivityId": opportunity.id,
        "ProspectOpportunityId": opportunity.id,
        "ProspectId": opportunity.lead_id or None,
        "OpportunityName": opportunity.name,
        "OpportunityEvent": EVENT_CODE,
        "Status": "Open",
    }


_BY_IDS = object_schema(
    ("EventCode", "ProspectActivityId", "Columns"),
    EventCode=TEXT,
    ProspectActivityId=TEXTS,
    Columns=object_schema(("Include_CSV",), Include_CSV=TEXT),
)

OPERATIONS = (
    Operation(
        "GET",
        "OpportunityManagement.svc/RetrieveTasksByOpportunityId",
        tasks_of_opportunity,
        "/retrieve-tasks-by-opportunity-id/",
        query=("opportunityId",),
    ),
    Operation(
        "POST",
        "OpportunityManagement.svc/GetOpportunitiesOfLead",
        opportunities_of_lead,
        "/get-opportunities-by-lead-id/",
        query=("leadId", "opportunityType"),
        body=object_schema(Paging=object_schema(PageIndex=NUMBER, PageSize=NUMBER)),
        body_optional=True,
    ),
    Operation(
        "GET",
        "OpportunityManagement.svc/GetOpportunityDetails",
        opportunity_by_id,
        "/get-an-opportunity-by-id/",
        query=("OpportunityId",),
    ),
    Operation(
        "POST",
        "OpportunityManagement.svc/GetOpportunitiesById",
        opportunities_by_ids,
        "/get-opportunities-in-bulk-by-ids/",
        body=object_schema(("SearchParameters",), SearchParameters={"type": "array", "items": _BY_IDS}),
    ),
)
