"""The operations of LeadSquared's REST API that this package uses: method, path, expected reply, rate bucket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from leadsquared.wire.replies import Expect

#: Every call but Bulk/Create.
NORMAL_BUCKET: Final = "normal"
#: Bulk/Create: whether the vendor counts it as a bulk call is not documented, so that it can be told apart.
BULK_BUCKET: Final = "bulk"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; `path` follows `https://{host}/v2/`.

    `changes` marks those whose outcome must not be repeated when it is unknown, whatever their HTTP method.
    """

    method: Literal["GET", "POST"]
    path: str
    expect: Expect = Expect.DATA
    changes: bool = False
    bucket: str = NORMAL_BUCKET


#: `/create-tasks-in-bulk/`
BULK_CREATE: Final = Operation("POST", "Task.svc/Bulk/Create", Expect.REQUEST_ID, changes=True, bucket=BULK_BUCKET)
#: `/create-task-appointment/`, `/create-a-to-do/`
CREATE: Final = Operation("POST", "Task.svc/Create", Expect.TASK_ID, changes=True)
#: `/update-task/`
UPDATE: Final = Operation("POST", "Task.svc/Update", Expect.SUCCESS, changes=True)
#: A GET with a side effect; no vendor page, known from integrators.
MARK_COMPLETE: Final = Operation("GET", "Task.svc/MarkComplete", changes=True)
#: `/delete-tasks-in-bulk/`
DELETE_TASKS: Final = Operation("POST", "Task.svc/DeleteTasks", changes=True)
#: `/bulk-update-appointment-timings/`
MOVE_APPOINTMENTS: Final = Operation("POST", "Task.svc/BulkUpdateAppointmentTime", Expect.SUCCESS, changes=True)

#: `/user-authentication/`
WHO_AM_I: Final = Operation("GET", "Authentication.svc/UserByAccessKey.Get")
#: `/get-list-of-task-types-2/`
TASK_TYPES: Final = Operation("GET", "Task.svc/RetrieveTaskType")
#: `/get-users`
USERS: Final = Operation("GET", "UserManagement.svc/Users.Get")
#: `/get-user-by-id/`
USER_BY_ID: Final = Operation("GET", "UserManagement.svc/User/Retrieve/ByUserId")
#: `/get-user-by-email-id/`, where the path is not given; several integrators use this one.
USER_BY_E_MAIL: Final = Operation("GET", "UserManagement.svc/User/Retrieve/ByEmailAddress")
#: `/user-advanced-search/`
USERS_BY_CRITERIA: Final = Operation("POST", "UserManagement.svc/User/AdvancedSearch")

#: `/get-lead-by-id/`
LEAD_BY_ID: Final = Operation("GET", "LeadManagement.svc/Leads.GetById")
#: `/get-a-lead-by-email-id/`
LEAD_BY_E_MAIL: Final = Operation("GET", "LeadManagement.svc/Leads.GetByEmailaddress")
#: `/get-lead-by-phone/`
LEAD_BY_PHONE: Final = Operation("GET", "LeadManagement.svc/RetrieveLeadByPhoneNumber")
#: `/get-leads-in-bulk-by-ids/`
LEADS_BY_IDS: Final = Operation("POST", "LeadManagement.svc/Leads/Retrieve/ByIds")
#: `/search-by-lead-criteria/`
LEADS_BY_CONDITION: Final = Operation("POST", "LeadManagement.svc/Leads.Get")
#: `/get-leads-by-date-range/`
LEADS_BY_DATES: Final = Operation("POST", "LeadManagement.svc/Leads.RecentlyModified")
#: `/get-opportunities-by-lead-id/`
OPPORTUNITIES_OF_LEAD: Final = Operation("POST", "OpportunityManagement.svc/GetOpportunitiesOfLead")
#: `/get-an-opportunity-by-id/`
OPPORTUNITY_BY_ID: Final = Operation("GET", "OpportunityManagement.svc/GetOpportunityDetails")
#: `/get-opportunities-in-bulk-by-ids/`
OPPORTUNITIES_BY_IDS: Final = Operation("POST", "OpportunityManagement.svc/GetOpportunitiesById")

#: `/retrieve-tasks/`
TASKS_OF_OWNER: Final = Operation("POST", "Task.svc/Retrieve")
#: No vendor page, known from integrators.
TASK_BY_ID: Final = Operation("GET", "Task.svc/Retrieve.GetById")
#: `/retrieve-tasks-by-leadid/`
TASKS_OF_LEAD: Final = Operation("GET", "LeadManagement.svc/RetrieveTaskByLeadId")
#: `/retrieve-tasks-by-opportunity-id/`
TASKS_OF_OPPORTUNITY: Final = Operation("GET", "OpportunityManagement.svc/RetrieveTasksByOpportunityId")
#: `/get-appointments-by-email-address/`
APPOINTMENTS_BY_E_MAIL: Final = Operation("POST", "Task.svc/RetrieveAppointments/ByUserEmailAddress")
#: `/get-appointments-by-user-id`
APPOINTMENTS_BY_USER_ID: Final = Operation("POST", "Task.svc/RetrieveAppointments/ByUserId")
#: `/get-appointments-by-search-criteria/`
APPOINTMENTS_BY_CRITERIA: Final = Operation("POST", "Task.svc/RetrieveAppointments/ByUserSearchCriteria")
#: `/get-to-dos-by-email-address/`
TO_DOS_BY_E_MAIL: Final = Operation("POST", "Task.svc/RetrieveToDos/ByUserEmailAddress")
#: `/get-to-dos-by-user-id/`
TO_DOS_BY_USER_ID: Final = Operation("POST", "Task.svc/RetrieveToDos/ByUserId")
#: `/get-to-dos-by-search-criteria/`
TO_DOS_BY_CRITERIA: Final = Operation("POST", "Task.svc/RetrieveToDos/ByUserSearchCriteria")
#: `/get-available-slots-of-users-by-user-email-address/`
FREE_SLOTS_BY_E_MAIL: Final = Operation("POST", "Task.svc/RetrieveAvailableSlots/ByUserEmailAddress")
#: `/get-available-slots-of-users-by-user-search-criteria/`
FREE_SLOTS_BY_CRITERIA: Final = Operation("POST", "Task.svc/RetrieveAvailableSlots/ByUserSearchCriteria")
