"""The words of this package: states, a follow-up as read from the warehouse, outcomes of a call."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from math import isfinite
from typing import Annotated, Any, Literal

import msgspec
from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError, from_json


class State(StrEnum):
    """States of a delivery, each with what it promises."""

    #: Valid and due; nothing was sent, so it may be.
    PLANNED = "planned"
    #: A policy or a person keeps it back.
    HELD = "held"
    #: The intent to send is committed; the call may be on its way.
    SENDING = "sending"
    #: LeadSquared took the batch; nothing shows yet that the CRM task exists.
    ACCEPTED = "accepted"
    #: The CRM task was seen; its id is known.
    CREATED = "created"
    #: LeadSquared refused or dropped it; no CRM task exists.
    REJECTED = "rejected"
    #: Failed validation; never sent.
    INVALID = "invalid"
    #: Sent, and nobody can tell whether the CRM has it; never resent before that is settled.
    UNKNOWN = "unknown"
    #: Withdrawn in the warehouse: never sent, or its CRM task was deleted or completed since.
    CANCELLED = "cancelled"


#: States that nothing but a person or a change in the warehouse moves on.
FINAL_STATES = frozenset({State.CREATED, State.REJECTED, State.INVALID, State.CANCELLED, State.HELD})


class OutcomeKind(StrEnum):
    """What one Bulk/Create call came to, as far as it can be told."""

    #: A success reply with a request id.
    ACCEPTED = "accepted"
    #: Refused before it was processed (rate, no connection): nothing was made, it may be sent again.
    REFUSED = "refused"
    #: The request was judged wrong: nothing was made, sending it again is pointless.
    REJECTED = "rejected"
    #: The keys were not accepted: stop the run.
    UNAUTHORISED = "unauthorised"
    #: Anything else: the tasks may or may not exist.
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The outcome of one call, free of personal data."""

    kind: OutcomeKind
    detail: str = ""
    http_status: int | None = None
    request_id: str | None = None
    #: A single create tells the CRM task's id at once.
    crm_task_id: str | None = None


MAX_SUBJECT = 500
MAX_LOCATION = 500
MAX_DESCRIPTION = 32_000

GUID_PATTERN = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
#: What JSON may carry and no CRM field should is left out: C0 controls but tab and line ends.
TEXT_PATTERN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
CONTROL_CHARACTER = "holds a control character that LeadSquared cannot store"
#: For text that pydantic does not check: lone surrogates too.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_CUSTOM_FIELD = re.compile(r"mx_[A-Za-z0-9_]+")
_is_custom_field = lru_cache(_CUSTOM_FIELD.fullmatch)
_to_json = msgspec.json.Encoder().encode


_minutes = lru_cache(lambda minutes: timedelta(minutes=minutes))


@lru_cache(maxsize=65_536)
def _email(value: str) -> str:
    try:
        return validate_email(value, check_deliverability=False, test_environment=True).normalized.lower()
    except EmailNotValidError as error:
        raise PydanticCustomError("email", "not an e-mail address") from error


def _clean(value: str) -> str:
    if _FORBIDDEN.search(value):
        raise PydanticCustomError("control_character", CONTROL_CHARACTER)
    return value


def _as_text(value: Any) -> Any:
    """Take ids that a warehouse keeps as numbers or UUIDs."""
    if isinstance(value, str) or value is None or isinstance(value, bool | bytes | float):
        return value
    return str(value)


def _date_time(value: Any) -> Any:
    """Take date-times and their ISO text; a bare number would silently mean seconds since 1970."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError as error:
            raise PydanticCustomError("date_time", "not a date-time like 2031-04-05 06:00:00+05:30") from error
    if not isinstance(value, datetime):
        raise PydanticCustomError("date_time", "not a date-time")
    return _in_utc(value)


def _in_utc(moment: datetime) -> datetime:
    """Show an aware moment in UTC, so that the zone of a warehouse's session is no change of content."""
    if moment.tzinfo is None or moment.tzinfo is UTC:
        return moment
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return moment  # at the edge of time: the feed's policies refuse it


def _custom_fields(value: Any) -> Any:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        value = _parse(value)
    if not isinstance(value, dict):
        raise PydanticCustomError("custom_fields", "not a JSON object of mx_… fields")
    cleaned = {}
    for name, content in value.items():
        if not isinstance(name, str) or not _is_custom_field(name):
            raise PydanticCustomError("custom_fields", "a field's name is not like mx_Custom_1")
        if content is not None:
            cleaned[name] = _plain(content)
    return cleaned or None


def _parse(text: str) -> Any:
    try:
        return from_json(text)
    except ValueError:
        pass  # the slower parser takes half surrogate pairs, whose reason is another
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PydanticCustomError("custom_fields", "not valid JSON") from error


def _plain(content: Any) -> str | float | date:
    """Take what JSON and LeadSquared's fields can hold; a warehouse's decimal is a number like any other."""
    if isinstance(content, str):
        return _clean(content)
    if isinstance(content, Decimal) and content.is_finite():
        return int(content) if content == content.to_integral_value() else float(content)
    if (isinstance(content, float) and not isfinite(content)) or not isinstance(content, int | float | date):
        raise PydanticCustomError("custom_fields", "a field holds a list, an object or no finite number")
    return content


def _limits(max_length: int, min_length: int = 0) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=min_length, max_length=max_length, pattern=TEXT_PATTERN)


# Constraints stand next to `str`: behind a BeforeValidator pydantic measures the text before it strips it.
Id = Annotated[str, _limits(200, 1), BeforeValidator(_as_text)]
Name = Annotated[str, _limits(200, 1)]
Subject = Annotated[str, _limits(MAX_SUBJECT, 1)]
Description = Annotated[str, _limits(MAX_DESCRIPTION)]
Location = Annotated[str, _limits(MAX_LOCATION)]
Guid = Annotated[str, StringConstraints(strip_whitespace=True, pattern=GUID_PATTERN), BeforeValidator(_as_text)]
Moment = Annotated[datetime, BeforeValidator(_date_time)]


class FollowUp(BaseModel):
    """One row of the warehouse that is due, checked. Dates may still be naive: they are in the feed's time zone."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    followup_id: Id
    task_type: Name
    subject: Subject
    due_at: Moment
    owner_email: Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_email)] | None = None
    owner_id: Guid | None = None
    end_at: Moment | None = None
    duration_minutes: Annotated[int, Field(ge=0, le=100 * 24 * 60)] | None = None
    description: Description | None = None
    location: Location | None = None
    related_to: Literal["lead", "opportunity"] | None = None
    related_id: Guid | None = None
    reminder_minutes: Annotated[int, Field(ge=0, le=100 * 24 * 60)] | None = None
    notify_owner: bool | None = None
    custom_fields: Annotated[dict[str, Any] | None, BeforeValidator(_custom_fields)] = None
    cancelled: bool | None = None

    @model_validator(mode="after")
    def _agree(self) -> FollowUp:
        """Check what no single column shows."""
        if not (self.owner_email or self.owner_id):
            raise PydanticCustomError("owner", "owner_email: missing, and no owner_id either")
        if (self.related_to is None) != (self.related_id is None):
            missing = "related_id" if self.related_id is None else "related_to"
            raise PydanticCustomError("related", f"{missing}: missing; related_to and related_id go together")
        if self.end_at is not None and self._ends_before_due(self.end_at):
            raise PydanticCustomError("end", "end_at: before due_at")
        return self

    def _ends_before_due(self, end_at: datetime) -> bool:
        if (end_at.tzinfo is None) != (self.due_at.tzinfo is None):
            return False  # comparable only once the feed's zone is attached: see `FollowUp.times`
        return end_at < self.due_at

    def content(self) -> bytes:
        """Return all that makes the follow-up what it is, as JSON: two of equal content are the same."""
        values = dict(self.__dict__)
        del values["cancelled"]
        return _to_json(values)

    @property
    def length(self) -> timedelta | None:
        """How long it lasts, where the row says so by `duration_minutes`."""
        return None if self.duration_minutes is None else _minutes(self.duration_minutes)
