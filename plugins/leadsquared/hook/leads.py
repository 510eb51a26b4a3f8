"""Look up leads and opportunities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice

from leadsquared.hook.base import BaseCalls
from leadsquared.hook.paging import follow_pages
from leadsquared.wire import bodies, operations, reading
from leadsquared.wire.bodies import SqlOperator
from leadsquared.wire.creates import format_utc
from leadsquared.wire.operations import Operation
from leadsquared.wire.records import Lead, Opportunity

_COLUMNS = ("ProspectID",)


class LeadsAndOpportunities(BaseCalls):
    """Reads of leads and opportunities, each given once. They raise as those of `Directory` do."""

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

    def get_leads_by_ids(self, lead_ids: Iterable[str], *, columns: Sequence[str] = _COLUMNS) -> Iterator[Lead]:
        """Yield the leads that exist among `lead_ids`, 1,000 a call (`/get-leads-in-bulk-by-ids/`).

        :param columns: schema names of the columns wanted; ProspectID is always among them.
        """
        remaining = iter(dict.fromkeys(lead_ids))
        while chunk := list(islice(remaining, bodies.MAX_LEADS_PER_CALL)):
            for item in follow_pages(
                lambda page, _, ids=chunk: self._read_page(  # type: ignore[misc]
                    operations.LEADS_BY_IDS, body=bodies.leads_by_ids(ids, columns, page=page)
                ),
                identify=lambda item: reading.read_lead(item).id,
                # No page is full: so many ids have no more leads than that, and another call would bring nothing.
                page_size=bodies.MAX_LEADS_PER_CALL + 1,
                on_short=self._note_short_look,
            ):
                yield reading.read_lead(item)

    def iter_leads_where(
        self, column: str, operator: SqlOperator, value: str | datetime, *, columns: Sequence[str] = _COLUMNS
    ) -> Iterator[Lead]:
        """Yield the leads that meet one condition, oldest first (`/search-by-lead-criteria/`, 200 a page).

        The reply does not tell how many there are: pages are asked for until one brings nothing new.

        :param column: schema name of a column, such as CreatedOn or mx_City.
        :param operator: LIKE takes `%` in the value; IN a list separated by commas, on newer accounts only.
        :param value: an aware date-time is written in UTC.
        :param columns: as for `get_leads_by_ids`.
        """
        asked = format_utc(value, "value") if isinstance(value, datetime) else value
        found = follow_pages(
            lambda page, _: self._read_page(
                operations.LEADS_BY_CONDITION,
                body=bodies.leads_by_condition(column, operator, asked, columns, page=page),
            ),
            identify=lambda item: reading.read_lead(item).id,
            short_page_ends=False,
        )
        return (reading.read_lead(item) for item in found)

    def iter_leads_modified(
        self, since: datetime, until: datetime, *, columns: Sequence[str] = _COLUMNS
    ) -> Iterator[Lead]:
        """Yield the leads modified in a span of time (`/get-leads-by-date-range/`, 200 a page of at most 5,000).

        :param since: aware, as `until`; whether the bounds are included is not documented.
        :param columns: as for `get_leads_by_ids`.
        """
        found = follow_pages(
            lambda page, _: self._read_page(
                operations.LEADS_BY_DATES, body=bodies.leads_by_dates(since, until, columns, page=page)
            ),
            identify=lambda item: reading.read_lead(item).id,
        )
        return (reading.read_lead(item) for item in found)

    def iter_opportunities_of_lead(self, lead_id: str, *, opportunity_type: str | None = None) -> Iterator[Opportunity]:
        """Yield a lead's opportunities (`/get-opportunities-by-lead-id/`).

        :param opportunity_type: the type's code, such as 12000; all types by default.
        """
        params = {"leadId": lead_id} | ({} if opportunity_type is None else {"opportunityType": opportunity_type})
        found = follow_pages(
            lambda page, _: self._read_page(
                operations.OPPORTUNITIES_OF_LEAD, params=params, body=bodies.opportunities_of_lead(page)
            ),
            identify=lambda item: reading.read_opportunity(item).id,
        )
        return (reading.read_opportunity(item) for item in found)

    def get_opportunity(self, opportunity_id: str) -> Opportunity | None:
        """Return an opportunity (`/get-an-opportunity-by-id/`); an unknown id may be refused instead."""
        item = self._read_one(operations.OPPORTUNITY_BY_ID, {"OpportunityId": opportunity_id})
        return None if item is None else reading.read_opportunity(item)

    def get_opportunities_by_ids(
        self, opportunity_ids: Iterable[str], *, opportunity_type: str, columns: Sequence[str] = ("CreatedOn",)
    ) -> Iterator[Opportunity]:
        """Yield the opportunities of one type that exist among `opportunity_ids`, 2,000 a call.

        Source: `/get-opportunities-in-bulk-by-ids/`.

        :param opportunity_type: the type's code, which the vendor makes mandatory here.
        :param columns: schema names of the columns wanted; at least one.
        """
        remaining = iter(dict.fromkeys(opportunity_ids))
        while chunk := list(islice(remaining, bodies.MAX_OPPORTUNITIES_PER_CALL)):
            body = bodies.opportunities_by_ids(chunk, opportunity_type, columns)
            reply = self._read(operations.OPPORTUNITIES_BY_IDS, body=body, is_known=reading.is_page)
            found = reading.read_opportunities(reply)
            if len(found) < reading.count_opportunities(reply):
                self._note_short_look()
            yield from found

    def _first_lead(self, operation: Operation, name: str, value: str) -> Lead | None:
        item = self._read_one(operation, {name: value})
        return None if item is None else reading.read_lead(item)
