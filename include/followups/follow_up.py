"""A follow-up: one row of the warehouse that is due, checked."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

import msgspec
from msgspec import Struct

MAX_NAME = 200
MAX_SUBJECT = 500
MAX_LOCATION = 500
MAX_DESCRIPTION = 32_000
MAX_MINUTES = 100 * 24 * 60
GUID_PATTERN = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"

_to_json = msgspec.json.Encoder().encode
_minutes = lru_cache(lambda minutes: timedelta(minutes=minutes))


class FollowUp(Struct, frozen=True, gc=False):
    """What a row says, in the order of `COLUMNS`. Dates may still be naive: they are in the feed's time zone."""

    followup_id: str
    task_type: str
    subject: str
    due_at: datetime
    owner_email: str | None = None
    owner_id: str | None = None
    end_at: datetime | None = None
    duration_minutes: int | None = None
    description: str | None = None
    location: str | None = None
    related_to: Literal["lead", "opportunity"] | None = None
    related_id: str | None = None
    reminder_minutes: int | None = None
    notify_owner: bool | None = None
    custom_fields: dict[str, Any] | None = None
    cancelled: bool | None = None

    def content(self) -> bytes:
        """Return all that makes the follow-up what it is, as JSON: two of equal content are the same."""
        return _to_json(self).rpartition(b',"cancelled":')[0] + b"}"

    @property
    def length(self) -> timedelta | None:
        """How long it lasts, where the row says so by `duration_minutes`."""
        return None if self.duration_minutes is None else _minutes(self.duration_minutes)


COLUMNS = FollowUp.__struct_fields__
