"""Create CRM tasks. No method here ever sends twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time
from typing import Any, Literal, TypedDict, Unpack

from leadsquared.hook.base import BaseCalls
from leadsquared.wire import creates, operations
from leadsquared.wire.replies import Reply

Payload = str | Mapping[str, Any]


class PayloadFields(TypedDict, total=False):
    """The keywords of `leadsquared.wire.creates.build_payload` that are not mandatory there."""

    end_at: datetime | None
    owner_email: str | None
    owner_id: str | None
    description: str | None
    location: str | None
    related_to: Literal["lead", "opportunity"] | None
    related_id: str | None
    notify_owner: bool
    custom_fields: Mapping[str, Any] | None
    marker: str | None
    marker_place: str


class CreatingTasks(BaseCalls):
    """Bulk and single creates."""

    def post_tasks(
        self,
        payloads: Sequence[Payload] | Callable[[], Sequence[Payload] | None],
        *,
        status_webhook_url: str | None = None,
    ) -> Reply | None:
        """Send up to 50 payloads in one call and return whatever LeadSquared answered (`/create-tasks-in-bulk/`).

        Accepted means taken over: `reply.request_id` is opaque, no operation resolves it, and any of the CRM tasks
        may still fail. Appointments and to-dos may be mixed. Give owners by e-mail: the page lists no OwnerId.

        :param payloads: payloads of `creates.build_payload`, as mappings or encoded; or what returns them, called once,
            shortly before sending, when the rate slot is certain. None from it sends nothing and makes the result None.
            After it was called nothing is raised but its own errors: what cannot be sent is a reply `rejected`.
        :raises PayloadError: no payload, more than 50, or above 1 MB, if they are given directly.
        :raises followups.throttle.ThrottleError: no slot was given; nothing was sent.
        """
        if not callable(payloads):
            return self._call(operations.BULK_CREATE, body=creates.bulk_body(payloads, status_webhook_url))
        make = payloads

        def body() -> bytes | None:
            items = make()
            return None if items is None else creates.bulk_body(items, status_webhook_url)

        return self._call(operations.BULK_CREATE, body=body)

    def create_tasks(self, payloads: Sequence[Payload], *, status_webhook_url: str | None = None) -> str:
        """Send up to 50 payloads in one call; return LeadSquared's request id, which proves no CRM task.

        :raises RateLimited, NotSent: not processed; may be sent again.
        :raises RequestRejected, AuthenticationFailed: nothing was made.
        :raises OutcomeUnknown: any of them may have been made; do not send again before looking.
        """
        body = creates.bulk_body(payloads, status_webhook_url)
        return self._change(operations.BULK_CREATE, body=body).request_id or ""

    def post_task(
        self,
        payload: Payload | Callable[[], Payload | None],
        *,
        reminder_before_days: int | None = None,
        reminder_time: time | None = None,
    ) -> Reply | None:
        """Send one payload to the single create and return whatever LeadSquared answered.

        Takes a payload or what returns it, as `post_tasks` does; `reply.task_id` is the CRM task's id if accepted.
        Source: `/create-task-appointment/`, `/create-a-to-do/`.

        :param reminder_before_days: a to-do's reminder, with `reminder_time`, as `create_to_do` takes it; replaces the
            payload's own.
        """

        def encode(item: Payload) -> bytes:
            return creates.create_body(item, reminder_before_days=reminder_before_days, reminder_time=reminder_time)

        if not callable(payload):
            return self._call(operations.CREATE, body=encode(payload))
        make = payload

        def body() -> bytes | None:
            item = make()
            return None if item is None else encode(item)

        return self._call(operations.CREATE, body=body)

    def create_task(self, payload: Payload) -> str:
        """Create one appointment or to-do, as its task type decides, and return the CRM task's id.

        Raises as `create_tasks` does. Source: `/create-task-appointment/`, `/create-a-to-do/`.
        """
        return self._change(operations.CREATE, body=creates.create_body(payload)).task_id or ""

    def create_appointment(
        self,
        *,
        task_type: str,
        subject: str,
        due_at: datetime,
        reminder_minutes: int | None = None,
        **fields: Unpack[PayloadFields],
    ) -> str:
        """Create one appointment from `due_at` to `end_at`; return the CRM task's id (`/create-task-appointment/`).

        The keywords are those of `creates.build_payload`. Raises as `create_tasks` does.

        :param reminder_minutes: minutes before `due_at` at which the owner gets an e-mail.
        """
        return self.create_task(
            creates.build_payload(
                task_type=task_type, subject=subject, due_at=due_at, reminder_minutes=reminder_minutes, **fields
            )
        )

    def create_to_do(
        self,
        *,
        task_type: str,
        subject: str,
        due_at: datetime,
        reminder_before_days: int | None = None,
        reminder_time: time | None = None,
        **fields: Unpack[PayloadFields],
    ) -> str:
        """Create one to-do and return the CRM task's id (`/create-a-to-do/`).

        The keywords are those of `creates.build_payload`. Raises as `create_tasks` does.

        :param reminder_before_days: days before the due date at which the owner is reminded, with `reminder_time`, a
            time of day in a zone that the vendor does not state.
        """
        payload = creates.build_payload(task_type=task_type, subject=subject, due_at=due_at, **fields)
        body = creates.create_body(payload, reminder_before_days=reminder_before_days, reminder_time=reminder_time)
        return self._change(operations.CREATE, body=body).task_id or ""
