"""Opportunities, and the CRM tasks of an opportunity."""

from __future__ import annotations

import time
from typing import Any

from sandbox.crm_task import OPPORTUNITY, short_item
from sandbox.directory import Opportunity
from sandbox.operations.base import NUMBER, Operation, Request, object_schema
from sandbox.operations.selection import listing, page_bounds, visible
from sandbox.people import is_guid
from sandbox.replies import RefusedError
from sandbox.situations import Situation

_MOST_A_PAGE = 1000


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
    """A lead's opportunities."""
    lead_id = request.mandatory_id("leadId")
    found = [item for item in request.sandbox.people.directory.opportunities if item.lead_id == lead_id]
    offset, size = page_bounds(request, _MOST_A_PAGE)
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


def _item(opportunity: Opportunity) -> dict[str, Any]:
    return {
        "ProspectActivityId": opportunity.id,
        "ProspectOpportunityId": opportunity.id,
        "ProspectId": opportunity.lead_id or None,
        "OpportunityName": opportunity.name,
        "Status": "Open",
    }


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
)
