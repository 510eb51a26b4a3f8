"""Look up who and what the account has: the keys' user, users, task types, leads, opportunities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from leadsquared import bodies, operations, reading
from leadsquared.hook.base import BaseCalls
from leadsquared.hook.paging import follow_pages
from leadsquared.operations import Operation
from leadsquared.records import Account, Lead, Opportunity, TaskType, User


class Directory(BaseCalls):
    """Reads of everything but CRM tasks. Each raises ServiceUnavailable, RateLimited or NotSent after 5 attempts."""

    def get_account(self) -> Account:
        """Return whom the keys belong to (`/user-authentication/`). Every regional host answers, the wrong ones too."""
        return reading.read_account(self._read(operations.WHO_AM_I))

    def get_task_types(self) -> list[TaskType]:
        """Return all task types with the rules of their fields; two may share a name (`/get-list-of-task-types-2/`)."""
        return [reading.read_task_type(item) for item in reading.read_page(self._read(operations.TASK_TYPES)).items]

    def get_users(self) -> list[User]:
        """Return all users, inactive ones too, which may own nothing (`/get-users`, not paged)."""
        return [reading.read_user(item) for item in reading.read_page(self._read(operations.USERS)).items]

    def get_user(self, user_id: str) -> User | None:
        """Return an active user; None for an unknown or inactive one (`/get-user-by-id/`)."""
        item = reading.read_one(self._read(operations.USER_BY_ID, params={"userId": user_id}))
        return None if item is None else reading.read_user(item)

    def get_lead(self, lead_id: str) -> Lead | None:
        """Return a lead with all its columns, None if there is none (`/get-lead-by-id/`)."""
        return self._first_lead(operations.LEAD_BY_ID, "id", lead_id)

    def get_lead_by_email(self, email: str) -> Lead | None:
        """Return the lead with that address, None if there is none (`/get-a-lead-by-email-id/`).

        The address travels in the URL, as the operation takes it nowhere else.
        """
        return self._first_lead(operations.LEAD_BY_E_MAIL, "emailaddress", email)

    def get_lead_by_phone(self, phone: str) -> Lead | None:
        """Return the lead with that number, the most recently active of several (`/get-lead-by-phone/`).

        Only Phone and Mobile are looked at. Blanks and hyphens are taken out. The number travels in the URL, as the
        operation takes it nowhere else.
        """
        return self._first_lead(operations.LEAD_BY_PHONE, "phone", phone.replace(" ", "").replace("-", ""))

    def get_leads_by_ids(self, lead_ids: Iterable[str], *, columns: Sequence[str] = ("ProspectID",)) -> Iterator[Lead]:
        """Yield the leads that exist among `lead_ids`, 1,000 a call (`/get-leads-in-bulk-by-ids/`).

        :param columns: schema names of the columns wanted.
        """
        remaining = iter(dict.fromkeys(lead_ids))
        while chunk := list(islice(remaining, bodies.MAX_LEADS_PER_CALL)):
            data = self._read(operations.LEADS_BY_IDS, body=bodies.leads_by_ids(chunk, columns))
            yield from (reading.read_lead(item) for item in reading.read_page(data).items)

    def iter_opportunities_of_lead(self, lead_id: str, *, opportunity_type: str | None = None) -> Iterator[Opportunity]:
        """Yield a lead's opportunities (`/get-opportunities-by-lead-id/`)."""
        params = {"leadId": lead_id} | ({} if opportunity_type is None else {"opportunityType": opportunity_type})
        found = follow_pages(
            lambda page, _: reading.read_page(
                self._read(operations.OPPORTUNITIES_OF_LEAD, params=params, body=bodies.opportunities_of_lead(page))
            ),
            identify=lambda item: reading.read_opportunity(item).id,
        )
        return (reading.read_opportunity(item) for item in found)

    def get_opportunity(self, opportunity_id: str) -> Opportunity | None:
        """Return an opportunity (`/get-an-opportunity-by-id/`); an unknown id may be refused instead."""
        item = reading.read_one(self._read(operations.OPPORTUNITY_BY_ID, params={"OpportunityId": opportunity_id}))
        return None if item is None else reading.read_opportunity(item)

    def _first_lead(self, operation: Operation, name: str, value: str) -> Lead | None:
        item = reading.read_one(self._read(operation, params={name: value}))
        return None if item is None else reading.read_lead(item)
