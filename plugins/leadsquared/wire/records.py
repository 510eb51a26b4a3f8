"""LeadSquared's objects as this package hands them on. Personal data stays out of their reprs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from leadsquared.wire.creates import find_marker, find_markers, render_marker


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmTask:
    """A task as LeadSquared holds it; what a look-up does not return is None.

    `category` is 0 for appointments and 1 for to-dos; `related_entity` 0 none, 1 lead, 5 opportunity; `status_code`
    0 open, 1 complete, others unknown; `status_text` the word that some look-ups give instead, such as Pending.
    `reminder_time` is the time of day of a to-do's reminder, in a zone that the vendor does not state.
    Times are in UTC.
    """

    id: str | None
    name: str | None = field(default=None, repr=False)
    description: str | None = field(default=None, repr=False)
    category: int | None = None
    due_at: datetime | None = None
    end_at: datetime | None = None
    owner_id: str | None = None
    owner_email: str | None = field(default=None, repr=False)
    owner_name: str | None = field(default=None, repr=False)
    related_entity: int | None = None
    related_id: str | None = None
    status_code: int | None = None
    status_text: str | None = None
    created_at: datetime | None = None
    created_by: str | None = None
    modified_at: datetime | None = None
    modified_by: str | None = None
    completed_at: datetime | None = None
    task_type: str | None = None
    task_type_id: str | None = None
    location: str | None = field(default=None, repr=False)
    reminder_minutes: int | None = None
    reminder_before_days: int | None = None
    reminder_time: str | None = None
    notify_by: str | None = None
    custom_fields: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_complete(self) -> bool:
        """Whether it was completed; look-ups tell by a code, or by a word."""
        return self.status_code == 1 or (self.status_text or "").strip().casefold() in {"complete", "completed"}

    @property
    def is_cancelled(self) -> bool:
        """Whether it was cancelled: code 2, which no vendor page names and integrators have seen."""
        return self.status_code == 2 or (self.status_text or "").strip().casefold() == "cancelled"

    @property
    def marker(self) -> str | None:
        """The code of our marker: of a custom field that holds nothing else, else the description's last one."""
        fields = [value.strip() for value in self.custom_fields.values() if isinstance(value, str)]
        alone = [value for value in fields if (code := find_marker(value)) and value == render_marker(code)]
        return next((code for text in (*alone, self.description, *fields) if (code := find_marker(text))), None)

    @property
    def markers(self) -> frozenset[str]:
        """The codes of all markers in description and custom fields, quoted ones too."""
        texts = (self.description, *(value for value in self.custom_fields.values() if isinstance(value, str)))
        return frozenset(code for text in texts for code in find_markers(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user, who may own CRM tasks while active. `time_zone` is an IANA name."""

    id: str | None
    email: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    role: str | None = None
    active: bool = True
    time_zone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A field of a task type; `options` is empty where any value is allowed."""

    schema_name: str
    display_name: str
    mandatory: bool = False
    data_type: int | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskType:
    """A task type; `category` is 0 for appointments and 1 for to-dos. Names need not be unique."""

    id: str | None
    name: str | None
    category: int | None = None
    columns: tuple[Column, ...] = ()

    @property
    def mandatory_fields(self) -> frozenset[str]:
        """Schema names of the fields without which a CRM task of this type is refused."""
        return frozenset(column.schema_name for column in self.columns if column.mandatory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who the keys belong to and where; hosts are bare, such as `api-in21.leadsquared.com`."""

    organisation: str | None
    organisation_code: str | None
    user_id: str | None
    user_name: str | None = field(default=None, repr=False)
    role: str | None = None
    time_zone: str | None = None
    api_host: str | None = None
    app_host: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """A lead: its id and the columns that were asked for, by schema name."""

    id: str | None
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opportunity:
    """An opportunity: its id, its lead's id, and its fields by schema name."""

    id: str | None
    lead_id: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A span of a day, as LeadSquared wrote it: the vendor does not say in which zone its times are."""

    start: str
    end: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySlots:
    """A user's day: what is free, what is taken, and why nothing is free if so.

    `reason` is LeadSquared's word: Holiday, Leave, NotScheduled or WorkDayTemplateNotDefined.
    """

    day: date | None
    user_id: str | None
    user_email: str | None = field(default=None, repr=False)
    time_zone: str | None = None
    free: tuple[Slot, ...] = ()
    busy: tuple[Slot, ...] = ()
    breaks: tuple[Slot, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a look-up; `record_count` is the total over all pages, None if the reply does not tell."""

    record_count: int | None
    items: tuple[dict[str, Any], ...] = field(repr=False)
