"""Create one appointment or to-do and hand on the CRM task's id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal

from airflow.sdk import BaseOperator

from leadsquared.names import DEFAULT_LEADSQUARED, DEFAULT_LEDGER
from leadsquared.operators.arguments import depend_on, resolve
from leadsquared.operators.waits import wait_or_defer
from leadsquared.retrying import RETRY_POLICY

#: The same for every try and clearing of one task in one run; another run makes another CRM task.
THIS_TASK = "{{ dag.dag_id }}/{{ task.task_id }}/{{ run_id }}/{{ ti.map_index }}"


class CreateTaskOperator(BaseOperator):
    """Create one CRM task, an appointment or a to-do as its task type decides, and return its id.

    Running it again makes no second one: it returns the id of the first. If no usable answer comes, it looks in
    LeadSquared whether the CRM task was made, waits without a worker slot, and sends again only if it is proved absent.

    :param task_type: the task type's exact name.
    :param subject: becomes `Name`; templated.
    :param owner_email: the owner; or `owner_id`.
    :param due_at: date-time, or its ISO text; without a zone it is in `timezone`. Default: the time of the first run.
    :param end_at: end of an appointment; or `duration_minutes`.
    :param related_to: `lead` or `opportunity`, with `related_id`; none by default.
    :param description: text that is never rendered as a template; likewise `location` and `custom_fields`.
    :param reminder_minutes: minutes before `due_at` at which the owner gets an e-mail.
    :param reminder_before_days: for a to-do, days before its due date at which the owner is reminded, with
        `reminder_time`, a time of day like `09:30` in a zone that the vendor does not state (`/create-a-to-do/`).
    :param marker: where the text is written by which the CRM task can be found again: `description`, the name of a
        custom field, or `off`.
    :param followup_id: what makes it the same task; by default this Airflow task in this run.
    :param feed: name under which the ledger keeps it. Default: the DAG's id.
    :raises OutcomeUnknown: it may have been made, and nothing can tell whether it was; it is not sent again.
    :raises RequestRejected: LeadSquared, or the checks before, refused it.
    """

    template_fields: Sequence[str] = (
        "crm_task_type", "subject", "owner_email", "owner_id", "due_at", "end_at", "related_to", "related_id",
        "reminder_time", "followup_id", "feed", "timezone", "leadsquared_conn_id",
    )  # fmt: skip
    ui_color = "#d7f0dd"

    def __init__(
        self,
        *,
        task_type: str,
        subject: str,
        owner_email: str | None = None,
        owner_id: str | None = None,
        due_at: datetime | str | None = None,
        end_at: datetime | str | None = None,
        duration_minutes: int | None = None,
        description: str | None = None,
        location: str | None = None,
        related_to: Literal["lead", "opportunity"] | None = None,
        related_id: str | None = None,
        reminder_minutes: int | None = None,
        reminder_before_days: int | None = None,
        reminder_time: time | str | None = None,
        notify_owner: bool = False,
        custom_fields: Mapping[str, Any] | None = None,
        marker: str = "description",
        followup_id: str = THIS_TASK,
        feed: str | None = None,
        timezone: str = "UTC",
        leadsquared_conn_id: str = DEFAULT_LEADSQUARED,
        ledger_conn_id: str = DEFAULT_LEDGER,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("retry_policy", RETRY_POLICY)
        super().__init__(**kwargs)
        #: `task_type` itself is a property of every Airflow operator
        self.crm_task_type = task_type
        self.subject = subject
        self.owner_email = owner_email
        self.owner_id = owner_id
        self.due_at = due_at
        self.end_at = end_at
        self.duration_minutes = duration_minutes
        self.description = description
        self.location = location
        self.related_to = related_to
        self.related_id = related_id
        self.reminder_minutes = reminder_minutes
        self.reminder_before_days = reminder_before_days
        self.reminder_time = reminder_time
        self.notify_owner = notify_owner
        self.custom_fields = custom_fields
        self.marker = marker
        self.followup_id = followup_id
        self.feed = feed
        self.timezone = timezone
        self.leadsquared_conn_id = leadsquared_conn_id
        self.ledger_conn_id = ledger_conn_id
        depend_on(self, description, location, custom_fields)

    def execute(self, context: Any, event: Any = None) -> str:  # noqa: ARG002 - given by the trigger
        """Create it, unless it was created before, and return the CRM task's id; waits while no call is left today."""
        from followups.throttle import DailyQuotaReached  # noqa: PLC0415 - heavy; see leadsquared.work
        from leadsquared.work.quota import defer_until_reset  # noqa: PLC0415
        from leadsquared.work.single import OneTask, create_once  # noqa: PLC0415 - heavy; see leadsquared.work

        one = OneTask(
            row=self._row(context),
            feed=self.feed or context["ti"].dag_id,
            timezone=self.timezone,
            marker=self.marker,
            reminder_before_days=self.reminder_before_days,
            reminder_time=self.reminder_time,
        )
        connections = {"leadsquared_conn_id": self.leadsquared_conn_id, "ledger_conn_id": self.ledger_conn_id}
        try:
            result: str | timedelta = create_once(one, **connections, context=context)
            while isinstance(result, timedelta):
                wait_or_defer(self, result, "execute")
                result = create_once(one, **connections, context=context)
        except DailyQuotaReached as quota:
            defer_until_reset(self, quota)
        return result

    def _row(self, context: Any) -> dict[str, Any]:
        names = (
            "subject", "owner_email", "owner_id", "end_at", "duration_minutes", "related_to",
            "related_id", "reminder_minutes", "notify_owner", "followup_id",
        )  # fmt: skip
        verbatim = ("description", "location", "custom_fields")
        given = {name: getattr(self, name) for name in names}
        row = {name: None if value == "" else value for name, value in given.items()}
        row |= {name: resolve(getattr(self, name), context) for name in verbatim}
        return {**row, "task_type": self.crm_task_type, "due_at": self.due_at or datetime.now(UTC)}
