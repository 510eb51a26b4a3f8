"""Look up what the account has: the keys' user, users, task types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from leadsquared.hook.base import BaseCalls
from leadsquared.hook.paging import follow_pages
from leadsquared.wire import bodies, operations, reading
from leadsquared.wire.criteria import AllOf
from leadsquared.wire.operations import Operation
from leadsquared.wire.records import Account, TaskType, User


class Directory(BaseCalls):
    """Reads of the account's directory.

    All reads of the hook raise ServiceUnavailable, RateLimited or NotSent after 5 attempts, and at once
    AuthenticationFailed or RequestRejected; those that return an iterator raise when it is read.
    """

    def get_account(self) -> Account:
        """Return whom the keys belong to and the API host of their region (`/user-authentication/`).

        Every regional host answers, the wrong ones too: compare `api_host` with the connection's.
        """
        return reading.read_account(self._read(operations.WHO_AM_I, is_known=reading.is_one))

    def get_task_types(self) -> list[TaskType]:
        """Return all task types with the rules of their fields; two may share a name (`/get-list-of-task-types-2/`)."""
        return [reading.read_task_type(item) for item in self._read_all(operations.TASK_TYPES)]

    def get_users(self) -> list[User]:
        """Return all users, inactive ones too, which may own nothing (`/get-users`, not paged)."""
        return [reading.read_user(item) for item in self._read_all(operations.USERS)]

    def get_user(self, user_id: str) -> User | None:
        """Return an active user; None for an unknown or inactive one (`/get-user-by-id/`)."""
        return self._first_user(operations.USER_BY_ID, "userId", user_id)

    def get_user_by_email(self, email: str) -> User | None:
        """Return an active user by address; None for an unknown or inactive one (`/get-user-by-email-id/`).

        The page does not give the path; integrators do. The address travels in the URL. `get_users` and `iter_users`
        are documented in full, know inactive users too, and one call of them serves many addresses.
        """
        return self._first_user(operations.USER_BY_E_MAIL, "emailAddress", email)

    def iter_users(self, criteria: AllOf) -> Iterator[User]:
        """Yield the users who meet `criteria`, inactive ones too (`/user-advanced-search/`, 200 a page).

        :raises PayloadError: no condition, or one that lacks its value.
        """
        found = follow_pages(
            lambda page, _: self._read_page(
                operations.USERS_BY_CRITERIA, body=bodies.users_by_criteria(criteria, page=page)
            ),
            identify=lambda item: reading.read_user(item).id,
        )
        return (reading.read_user(item) for item in found)

    def _read_all(self, operation: Operation) -> tuple[dict[str, Any], ...]:
        """Return a list that has no pages; a part of it would make rows of the others look wrong."""
        return reading.read_page(self._read(operation, is_known=reading.is_whole)).items

    def _first_user(self, operation: Operation, name: str, value: str) -> User | None:
        item = self._read_one(operation, {name: value})
        return None if item is None else reading.read_user(item)
