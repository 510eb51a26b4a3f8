"""Change fields of CRM tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from leadsquared.errors import ConfigurationError
from leadsquared.operators.arguments import depend_on, resolve
from leadsquared.operators.changing import ChangingOperator
from leadsquared.wire.encoding import PayloadError
from leadsquared.wire.ids import check_ids

if TYPE_CHECKING:
    from leadsquared.changes import Change

Fields = Mapping[str, Any]


class UpdateTasksOperator(ChangingOperator):
    """Change fields of CRM tasks, one call each; those that have the values already cost none (`/update-task/`).

    Fields that are not named stay as they are, and so does the marker at the end of a description. Fields: `subject`,
    `description`, `due_at`, `owner_email` or `owner_id`, `related_to` with `related_id`, `reminder_minutes`,
    `notify_owner`, or LeadSquared's own names for them. Returns counts under `updated`, `already` and `missing`.
    Safe to run again: see `ChangingOperator`, which also gives `missing` and `in_flight`.

    :param updates: fields by CRM task id, or another task's result; never rendered as a template.
    :param task_ids: instead of `updates`: one id, a list, or another task's result, all of which get `fields`.
    :param fields: what `task_ids` get; never rendered as a template.
    :param timezone: for dates that have no zone.
    :raises RequestRejected: CRM tasks are missing, or LeadSquared refuses.
    """

    template_fields: Sequence[str] = ("task_ids", "timezone", "leadsquared_conn_id")

    def __init__(
        self,
        *,
        updates: Mapping[str, Fields] | Any = None,
        task_ids: Any = None,
        fields: Fields | Any = None,
        timezone: str = "UTC",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.updates = updates
        self.task_ids = task_ids
        self.fields = fields
        self.timezone = timezone
        depend_on(self, updates, fields)

    def _change(self, context: Any) -> tuple[Change, list[str]]:
        from leadsquared.changes import Update  # noqa: PLC0415 - DAG files stay light

        wanted = self._wanted(context)
        return Update(wanted), list(wanted)

    def _wanted(self, context: Any) -> dict[str, dict[str, Any]]:
        from leadsquared.wire.updates import wanted_fields  # noqa: PLC0415 - DAG files stay light

        zone = ZoneInfo(self.timezone)
        wanted = {}
        for place, (task_id, fields) in enumerate(self._given(context), 1):
            if not isinstance(fields, Mapping):
                raise ConfigurationError(f"updates: the fields of number {place} are no mapping of names to values")
            try:
                wanted[task_id] = wanted_fields(fields, zone)
            except PayloadError as error:
                raise ConfigurationError(f"the fields of number {place} cannot be written: {error}") from None
        return wanted

    def _given(self, context: Any) -> list[tuple[str, Any]]:
        if (self.updates is None) == (self.task_ids is None) or (self.task_ids is None) != (self.fields is None):
            raise ConfigurationError("give UpdateTasksOperator either updates, or task_ids and fields")
        if self.updates is None:
            fields = resolve(self.fields, context)
            return [(task_id, fields) for task_id in check_ids(self.task_ids)]
        updates = resolve(self.updates, context)
        if not isinstance(updates, Mapping):
            raise ConfigurationError(f"updates: a mapping of CRM task ids to fields is wanted, not {type(updates)}")
        given = {str(task_id).strip().lower(): fields for task_id, fields in updates.items()}
        return [(task_id, given[task_id]) for task_id in check_ids(list(given))]
