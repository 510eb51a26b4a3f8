"""A follow-up: one row of the warehouse that is due, checked."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import asdict

MAX_NAME = 200
MAX_SUBJECT = 500
MAX_LOCATION = 500
MAX_DESCRIPTION = 32_000
MAX_MINUTES = 100 * 24 * 60
GUID_PATTERN = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"

_Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
_Subject = Annotated[str, Meta(min_length=1, max_length=MAX_SUBJECT)]
_Description = Annotated[str, Meta(max_length=MAX_DESCRIPTION)]
_Location = Annotated[str, Meta(max_length=MAX_LOCATION)]
# To Python's `$` a line end may follow.
_Guid = Annotated[str, Meta(max_length=36, pattern=GUID_PATTERN)]
_Minutes = Annotated[int, Meta(ge=0, le=MAX_MINUTES)]

_to_json = msgspec.json.Encoder().encode
_minutes = lru_cache(lambda minutes: timedelta(minutes=minutes))


class FollowUp(Struct, frozen=True, array_like=True, gc=False):
    """What a row says, in the order of `COLUMNS`. Dates may still be naive: they are in the feed's time zone."""

    followup_id: _Name
    task_type: _Name
    subject: _Subject
    due_at: datetime
    owner_email: str | None = None
    owner_id: _Guid | None = None
    end_at: datetime | None = None
    duration_minutes: _Minutes | None = None
    description: _Description | None = None
    location: _Location | None = None
    related_to: Literal["lead", "opportunity"] | None = None
    related_id: _Guid | None = None
    reminder_minutes: _Minutes | None = None
    notify_owner: bool | None = None
    custom_fields: dict[str, Any] | None = None
    cancelled: bool | None = None

    def content(self) -> bytes:
        """Return all that makes the follow-up what it is, as JSON: two of equal content are the same."""
        values = asdict(self)
        del values["cancelled"]
        return _to_json(values)

    @property
    def length(self) -> timedelta | None:
        """How long it lasts, where the row says so by `duration_minutes`."""
        return None if self.duration_minutes is None else _minutes(self.duration_minutes)


COLUMNS = FollowUp.__struct_fields__
