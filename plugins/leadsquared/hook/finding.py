"""Look CRM tasks up. CRM tasks of types that the keys' user may not see are left out: use an administrator's keys."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any, Literal

from leadsquared.errors import RequestRejected
from leadsquared.hook.ahead import PagesAhead
from leadsquared.hook.base import BaseCalls
from leadsquared.hook.paging import follow_pages, passed
from leadsquared.wire import bodies, operations, reading
from leadsquared.wire.criteria import AllOf
from leadsquared.wire.operations import Operation
from leadsquared.wire.records import CrmTask, DaySlots, Page

log = logging.getLogger(__name__)

By = Literal["email", "id"]

#: Our own bound, to keep bodies and pages modest; the vendor names none.
USERS_PER_CALL = 100
_STATUS_CODES = {"open": 0, "complete": 1}


class FindingTasks(BaseCalls):
    """Look-ups of CRM tasks, each given once. They raise as those of `Directory` do; generators when they are read."""

    #: how many of users' CRM tasks a call asks for; grows smaller where the server bears less
    _page_size = bodies.LARGE_PAGE_SIZE

    def get_task(self, task_id: str) -> CrmTask | None:
        """Return a CRM task by its id, None if there is none. No vendor page; known from integrators."""
        item = self._read_one(operations.TASK_BY_ID, {"id": task_id}, is_known=reading.is_one_task)
        return None if item is None else reading.read_crm_task(item)

    def get_tasks_of_lead(self, lead_id: str) -> list[CrmTask]:
        """Return all CRM tasks of a lead (`/retrieve-tasks-by-leadid/`): without end, type, location, custom fields."""
        return self._list(operations.TASKS_OF_LEAD, {"leadId": lead_id})

    def get_tasks_of_opportunity(self, opportunity_id: str) -> list[CrmTask]:
        """Return all CRM tasks of an opportunity (`/retrieve-tasks-by-opportunity-id/`), as `get_tasks_of_lead` does.

        :raises RequestRejected: no such opportunity, or no access to it.
        """
        return self._list(operations.TASKS_OF_OPPORTUNITY, {"opportunityId": opportunity_id})

    def iter_tasks_of_owner(
        self,
        owner: str,
        *,
        by: By = "email",
        status: Literal["open", "complete"] | None = None,
        created_since: datetime | None = None,
        task_type_id: str | None = None,
    ) -> Iterator[CrmTask]:
        """Yield an owner's CRM tasks, newest first within each status (`/retrieve-tasks/`, 200 a page).

        Those that a first pass over unsteady pages missed come last. An unknown owner has none.

        :param status: None asks for the open ones, then for the completed ones.
        :param created_since: aware; those created before are left out, and not read where pages prove to be in order.
        :param task_type_id: of this task type only; see `get_task_types`.
        """
        seen: set[str | None] = set()
        for code in _STATUS_CODES.values() if status is None else [_STATUS_CODES[status]]:
            for item in follow_pages(
                lambda _, offset, code=code: self._read_page(  # type: ignore[misc]
                    operations.TASKS_OF_OWNER,
                    body=bodies.tasks_of_owner(
                        owner, by=by, status_code=code, task_type_id=task_type_id, offset=offset
                    ),
                ),
                identify=_identify,
                short_page_ends=False,
                is_enough=passed(created_since, lambda item: reading.read_crm_task(item).created_at),
                on_short=self._note_short_look,
            ):
                task = reading.read_crm_task(item)
                if created_since is not None and task.created_at is not None and task.created_at < created_since:
                    continue
                if task.id is None or task.id not in seen:
                    yield task
                seen.add(task.id)

    def iter_appointments(
        self,
        users: Sequence[str] | AllOf,
        from_date: date,
        to_date: date,
        *,
        by: By = "email",
        pages_at_once: int = 1,
    ) -> Iterator[CrmTask]:
        """Yield users' appointments due from `from_date` to `to_date`, days in UTC, both included.

        Which zone the vendor's bounds are in is not documented, so one day more is asked for on both sides: filter by
        `due_at` if it matters. Ranges above 100 days are split, pages followed, CRM tasks given once. Unknown users
        have none, or are refused: that is not documented either.
        Source: `/get-appointments-by-email-address/`, `/get-appointments-by-user-id`,
        `/get-appointments-by-search-criteria/`.

        :param users: addresses or ids, as `by` says, asked for 100 a call; or criteria that users meet.
        :param pages_at_once: calls that may be under way at once; more than one are for who reads to the end.
        """
        operation = operations.APPOINTMENTS_BY_E_MAIL if by == "email" else operations.APPOINTMENTS_BY_USER_ID
        if isinstance(users, AllOf):
            operation = operations.APPOINTMENTS_BY_CRITERIA
        return self._iter_of_users(operation, users, from_date, to_date, pages_at_once)

    def iter_to_dos(
        self,
        users: Sequence[str] | AllOf,
        from_date: date,
        to_date: date,
        *,
        by: By = "email",
        pages_at_once: int = 1,
    ) -> Iterator[CrmTask]:
        """Yield users' to-dos, as `iter_appointments` does.

        Source: `/get-to-dos-by-email-address/`, `/get-to-dos-by-user-id/`, `/get-to-dos-by-search-criteria/`.
        """
        operation = operations.TO_DOS_BY_E_MAIL if by == "email" else operations.TO_DOS_BY_USER_ID
        if isinstance(users, AllOf):
            operation = operations.TO_DOS_BY_CRITERIA
        return self._iter_of_users(operation, users, from_date, to_date, pages_at_once)

    def iter_free_slots(
        self, users: Sequence[str] | AllOf, from_date: date, to_date: date, *, with_conflicts: bool = False
    ) -> Iterator[DaySlots]:
        """Yield each user's free and busy slots day by day; ranges above 100 days are split, pages followed.

        A slot is busy if a CRM task in it is of a type that allows no conflicts: several tasks at once are possible.
        Source: `/get-available-slots-of-users-by-user-email-address/`,
        `/get-available-slots-of-users-by-user-search-criteria/`, which do not name all keys of a slot.

        :param users: addresses, asked for 100 a call; or criteria that users meet.
        :param with_conflicts: also slots that are taken by CRM tasks of types that allow conflicts.
        """
        operation = operations.FREE_SLOTS_BY_E_MAIL
        if isinstance(users, AllOf):
            operation = operations.FREE_SLOTS_BY_CRITERIA
        for some in _chunks(users):
            for first, last in bodies.split_range(from_date, to_date):
                for item in follow_pages(
                    lambda page, _, some=some, first=first, last=last: self._page(  # type: ignore[misc]
                        operation, bodies.free_slots(some, first, last, with_conflicts=with_conflicts, page=page)
                    ),
                    identify=lambda _: None,
                ):
                    yield from reading.read_day_slots(item)

    def _iter_of_users(
        self,
        operation: Operation,
        users: Sequence[str] | AllOf,
        from_date: date,
        to_date: date,
        pages_at_once: int,
    ) -> Iterator[CrmTask]:
        seen: set[str] = set()
        ranges = list(bodies.split_range(_day(from_date) - timedelta(days=1), _day(to_date) + timedelta(days=1)))
        for some in _chunks(users):
            for first, last in ranges:
                for item in self._follow(operation, some, first, last, pages_at_once):
                    task = reading.read_crm_task(item)
                    if task.id is None or task.id not in seen:
                        yield task
                    seen.add(task.id or "")

    def _follow(
        self, operation: Operation, users: Sequence[str] | AllOf, first: date, last: date, pages_at_once: int
    ) -> Iterator[dict[str, Any]]:
        first_page, size = self._first_page(operation, users, first, last)
        kept = [first_page]

        def fetch(page: int, _: int) -> Page:
            if page == 1 and kept:
                return kept.pop()
            return self._page(operation, bodies.tasks_of_users(users, first, last, page=page, page_size=size))

        with PagesAhead(fetch, size, pages_at_once) as pages:
            yield from follow_pages(
                pages, identify=_identify, page_size=size, short_page_ends=False, on_short=self._note_short_look
            )

    def _first_page(
        self, operation: Operation, users: Sequence[str] | AllOf, first: date, last: date
    ) -> tuple[Page, int]:
        """Ask for the largest page that was let through so far; a refused or a cut one tells the server's bound.

        Returns the page and the size of those that follow it, whatever other look-ups learn meanwhile.
        """
        size = self._page_size
        try:
            page = self._page(operation, bodies.tasks_of_users(users, first, last, page_size=size))
        except RequestRejected:
            if size == bodies.PAGE_SIZE:
                raise
            page = self._page(operation, bodies.tasks_of_users(users, first, last))
            self._page_size = bodies.PAGE_SIZE
            return page, bodies.PAGE_SIZE
        got = len(page.items)
        # Without a count a page that is short may have been cut all the same.
        if got < size and (got >= bodies.PAGE_SIZE if page.record_count is None else page.record_count > got):
            size = self._page_size = max(got, bodies.PAGE_SIZE)
        return page, size

    def _page(self, operation: Operation, body: bytes) -> Page:
        return self._read_page(operation, body=body)

    def _list(self, operation: Operation, params: dict[str, str]) -> list[CrmTask]:
        page = self._read_page(operation, params=params)
        if page.record_count is not None and len(page.items) < page.record_count:
            log.warning("A look-up announced %d items and gave %d.", page.record_count, len(page.items))
            self._note_short_look()
        tasks = [reading.read_crm_task(item) for item in page.items]
        return list({task.id or index: task for index, task in enumerate(tasks)}.values())


def _chunks(users: Sequence[str] | AllOf) -> Iterator[Sequence[str] | AllOf]:
    """Yield the users once each, in parts that a call may ask for."""
    if isinstance(users, AllOf):
        yield users
        return
    remaining = iter(dict.fromkeys(users))
    while chunk := list(islice(remaining, USERS_PER_CALL)):
        yield chunk


def _identify(item: dict[str, Any]) -> str | None:
    return reading.read_crm_task(item).id


def _day(moment: date) -> date:
    return moment.astimezone(UTC).date() if isinstance(moment, datetime) else moment
