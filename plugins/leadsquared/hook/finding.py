"""Look CRM tasks up. CRM tasks of types that the keys' user may not see are left out: use an administrator's keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any, Literal

from leadsquared import bodies, operations, reading
from leadsquared.hook.base import BaseCalls
from leadsquared.hook.paging import follow_pages
from leadsquared.operations import Operation
from leadsquared.records import CrmTask

By = Literal["email", "id"]

#: Our own bound, to keep bodies and pages modest; the vendor names none.
USERS_PER_CALL = 100
_STATUS_CODES = {"open": 0, "complete": 1}


class FindingTasks(BaseCalls):
    """Look-ups of CRM tasks, each given once. They raise as those of `Directory` do; generators when they are read."""

    def get_task(self, task_id: str) -> CrmTask | None:
        """Return a CRM task by its id, None if there is none. No vendor page; known from integrators."""
        item = reading.read_one(self._read(operations.TASK_BY_ID, params={"id": task_id}))
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
    ) -> Iterator[CrmTask]:
        """Yield an owner's CRM tasks, newest first within each status (`/retrieve-tasks/`, 200 a page).

        :param status: None asks for the open ones, then for the completed ones.
        :param created_since: aware; stop at the first one created before; one a page may be out of order.
        """
        seen: set[str | None] = set()
        for code in _STATUS_CODES.values() if status is None else [_STATUS_CODES[status]]:
            for item in follow_pages(
                lambda _, offset, code=code: reading.read_page(  # type: ignore[misc]
                    self._read(
                        operations.TASKS_OF_OWNER,
                        body=bodies.tasks_of_owner(owner, by=by, status_code=code, offset=offset),
                    )
                ),
                identify=_identify,
            ):
                task = reading.read_crm_task(item)
                if created_since is not None and task.created_at is not None and task.created_at < created_since:
                    break
                if task.id is None or task.id not in seen:
                    yield task
                seen.add(task.id)

    def iter_appointments(
        self, users: Sequence[str], from_date: date, to_date: date, *, by: By = "email"
    ) -> Iterator[CrmTask]:
        """Yield users' appointments due from `from_date` to `to_date`, days in UTC, both included.

        Which zone the vendor's bounds are in is not documented, so one day more is asked for on both sides: filter by
        `due_at` if it matters. Ranges above 100 days are split, pages followed, CRM tasks given once.
        Source: `/get-appointments-by-email-address/`, `/get-appointments-by-user-id`.
        """
        operation = operations.APPOINTMENTS_BY_E_MAIL if by == "email" else operations.APPOINTMENTS_BY_USER_ID
        return self._iter_of_users(operation, users, from_date, to_date)

    def iter_to_dos(
        self, users: Sequence[str], from_date: date, to_date: date, *, by: By = "email"
    ) -> Iterator[CrmTask]:
        """Yield users' to-dos, as `iter_appointments` does.

        Source: `/get-to-dos-by-email-address/`, `/get-to-dos-by-user-id/`.
        """
        operation = operations.TO_DOS_BY_E_MAIL if by == "email" else operations.TO_DOS_BY_USER_ID
        return self._iter_of_users(operation, users, from_date, to_date)

    def _iter_of_users(
        self, operation: Operation, users: Sequence[str], from_date: date, to_date: date
    ) -> Iterator[CrmTask]:
        seen: set[str] = set()
        remaining = iter(dict.fromkeys(users))
        ranges = list(bodies.split_range(_day(from_date) - timedelta(days=1), _day(to_date) + timedelta(days=1)))
        while chunk := list(islice(remaining, USERS_PER_CALL)):
            for first, last in ranges:
                for item in self._follow_users(operation, chunk, first, last):
                    task = reading.read_crm_task(item)
                    if task.id is None or task.id not in seen:
                        yield task
                    seen.add(task.id or "")

    def _follow_users(
        self, operation: Operation, users: Sequence[str], first: date, last: date
    ) -> Iterator[dict[str, Any]]:
        return follow_pages(
            lambda page, _: reading.read_page(
                self._read(operation, body=bodies.tasks_of_users(users, first, last, page=page))
            ),
            identify=_identify,
        )

    def _list(self, operation: Operation, params: dict[str, str]) -> list[CrmTask]:
        items = reading.read_page(self._read(operation, params=params)).items
        tasks = [reading.read_crm_task(item) for item in items]
        return list({task.id or index: task for index, task in enumerate(tasks)}.values())


def _identify(item: dict[str, Any]) -> str | None:
    return reading.read_crm_task(item).id


def _day(moment: date) -> date:
    return moment.astimezone(UTC).date() if isinstance(moment, datetime) else moment
