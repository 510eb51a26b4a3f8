"""What a row of the warehouse must be to become a follow-up; values that are only written otherwise are mended."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import Annotated, Any, Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    model_validator,
)
from pydantic_core import PydanticCustomError, from_json

from followups.follow_up import (
    GUID_PATTERN,
    MAX_DESCRIPTION,
    MAX_LOCATION,
    MAX_MINUTES,
    MAX_NAME,
    MAX_SUBJECT,
    FollowUp,
)

#: To be raised whenever a row that was refused may pass from now on: unchanged rows are then checked again.
CHECKS_EDITION = 1
#: What JSON may carry and no CRM field should is left out: C0 controls but tab and line ends.
TEXT_PATTERN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
CONTROL_CHARACTER = "holds a control character that LeadSquared cannot store"
#: For text that pydantic does not check: lone surrogates too.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_CUSTOM_FIELD = re.compile(r"mx_[A-Za-z0-9_]+")
_is_custom_field = lru_cache(_CUSTOM_FIELD.fullmatch)


@lru_cache(maxsize=65_536)
def email_address(value: str) -> str:
    """Return an address in the one form that is compared; its domain is not looked up."""
    try:
        return validate_email(value, check_deliverability=False, test_environment=True).normalized.lower()
    except EmailNotValidError as error:
        raise PydanticCustomError("email", "not an e-mail address") from error


def is_storable(text: str) -> bool:
    """Tell whether LeadSquared can store a text."""
    return text.isprintable() or not _FORBIDDEN.search(text)


def in_utc(moment: datetime) -> datetime:
    """Show an aware moment in UTC, so that the zone of a warehouse's session is no change of content."""
    if moment.tzinfo is None or moment.tzinfo is UTC:
        return moment
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return moment  # at the edge of time: the feed's policies refuse it


def custom_fields(value: Any) -> dict[str, Any] | None:
    """Return the fields of a JSON object, or of its text, that have a value."""
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


def check_together(row: FollowUp | RowModel) -> None:
    """Check what no single column shows."""
    if not (row.owner_email or row.owner_id):
        raise PydanticCustomError("owner", "owner_email: missing, and no owner_id either")
    if (row.related_to is None) != (row.related_id is None):
        missing = "related_id" if row.related_id is None else "related_to"
        raise PydanticCustomError("related", f"{missing}: missing; related_to and related_id go together")
    if row.end_at is not None and _ends_before_due(row.end_at, row.due_at):
        raise PydanticCustomError("end", "end_at: before due_at")


def _ends_before_due(end_at: datetime, due_at: datetime) -> bool:
    if (end_at.tzinfo is None) != (due_at.tzinfo is None):
        return False  # comparable only once the feed's zone is attached: see `DatePolicy.times`
    return end_at < due_at


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
    return in_utc(value)


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
        if not is_storable(content):
            raise PydanticCustomError("control_character", CONTROL_CHARACTER)
        return content
    if isinstance(content, Decimal) and content.is_finite():
        return int(content) if content == content.to_integral_value() else float(content)
    if (isinstance(content, float) and not isfinite(content)) or not isinstance(content, int | float | date):
        raise PydanticCustomError("custom_fields", "a field holds a list, an object or no finite number")
    return content


def _limits(max_length: int, min_length: int = 0) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=min_length, max_length=max_length, pattern=TEXT_PATTERN)


# Constraints stand next to `str`: behind a BeforeValidator pydantic measures the text before it strips it.
Id = Annotated[str, _limits(MAX_NAME, 1), BeforeValidator(_as_text)]
Name = Annotated[str, _limits(MAX_NAME, 1)]
Subject = Annotated[str, _limits(MAX_SUBJECT, 1)]
Description = Annotated[str, _limits(MAX_DESCRIPTION)]
Location = Annotated[str, _limits(MAX_LOCATION)]
Email = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(email_address)]
Guid = Annotated[str, StringConstraints(strip_whitespace=True, pattern=GUID_PATTERN), BeforeValidator(_as_text)]
Moment = Annotated[datetime, BeforeValidator(_date_time)]
Minutes = Annotated[int, Field(ge=0, le=MAX_MINUTES)]
CustomFields = Annotated[dict[str, Any] | None, BeforeValidator(custom_fields)]


class RowModel(BaseModel):
    """The columns of a row, each checked by itself, and then together."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    followup_id: Id
    task_type: Name
    subject: Subject
    due_at: Moment
    owner_email: Email | None = None
    owner_id: Guid | None = None
    end_at: Moment | None = None
    duration_minutes: Minutes | None = None
    description: Description | None = None
    location: Location | None = None
    related_to: Literal["lead", "opportunity"] | None = None
    related_id: Guid | None = None
    reminder_minutes: Minutes | None = None
    notify_owner: bool | None = None
    custom_fields: CustomFields = None
    cancelled: bool | None = None

    @model_validator(mode="after")
    def _agree(self) -> RowModel:
        check_together(self)
        return self


#: `model_validate` without its options, which take a tenth of the time.
_validate = TypeAdapter(RowModel).validator.validate_python


def check_row(row: Mapping[str, Any]) -> FollowUp:
    """Return the follow-up that a row is; pydantic's ValidationError where it is none, for `row_errors.explain`."""
    return FollowUp(**vars(_validate(row)))
