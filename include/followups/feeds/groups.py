"""Groups of fields within a feed file."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError, PydanticKnownError

from followups.feeds.fields import (
    ClockTime,
    ConnectionId,
    CustomField,
    MarkerPlace,
    Share,
    TableName,
    is_switch_for_number,
)


class Settings(BaseModel):
    """What a feed and its groups have in common: no unknown field, and no `off` for a number."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _number(cls, value: Any, field: ValidationInfo) -> Any:
        if is_switch_for_number(value, cls.model_fields[str(field.field_name)].annotation):
            raise PydanticKnownError("float_type")
        return value


class QuietHours(Settings):
    """Local hours in which nothing may fall due; such a follow-up is moved to their end."""

    start: ClockTime = Field(
        description="first quiet minute, in the feed's `timezone`, as HH:MM of 24 hours", examples=["20:00"]
    )
    end: ClockTime = Field(
        description="first minute that is no longer quiet, as HH:MM; earlier than `start`: on the next day",
        examples=["09:00"],
    )


class Marker(Settings):
    """Where the short text is written by which a CRM task can be found again."""

    place: MarkerPlace = Field(
        "description",
        description="description: at the end of the task's description; custom_field: in the field named below; "
        "off: nowhere, so that tasks are found again by name, owner, due date and lead alone, which is less sure",
    )
    custom_field: CustomField | None = Field(
        None,
        description="schema name of the task's field that takes the marker, for `place: custom_field` alone",
        examples=["mx_Custom_1"],
    )

    @model_validator(mode="after")
    def _named(self) -> Marker:
        if (self.place == "custom_field") != (self.custom_field is not None):
            raise PydanticCustomError(
                "marker",
                "`place: custom_field` and the field's name go together; write both, like "
                "{place: custom_field, custom_field: mx_Custom_1}, or neither",
            )
        return self


class Thresholds(Settings):
    """When a run fails, so that somebody looks. Shares are of the rows that were due, from 0 to 1; null never fails."""

    max_invalid_share: Share | None = Field(
        0.5, description="fail above this share of rows with faulty columns; 0.1 is 10 %, null never fails"
    )
    max_rejected_share: Share | None = Field(
        0.2, description="fail above this share of rows that LeadSquared refused or dropped; 0.1 is 10 %, null never"
    )
    max_unknown: int | None = Field(
        0,
        ge=0,
        description="fail above this number of rows of which nobody can tell, when the run ends, whether LeadSquared "
        "has them; null never fails",
    )


class Approval(Settings):
    """Ask a person before a large run sends or changes anything."""

    above_rows: int = Field(
        ge=1,
        description="ask where a run would send more rows, or change more CRM tasks, than this; less is done unasked",
        examples=[1000],
    )
    timeout_hours: float = Field(
        24,
        gt=0,
        le=24 * 30,
        description="hours that an answer is waited for; without one the rows are held and no CRM task is "
        "changed, as if it had been no",
    )

    @property
    def timeout(self) -> timedelta:
        """How long an answer is waited for."""
        return timedelta(hours=self.timeout_hours)


class WriteBack(Settings):
    """Where the outcome of each follow-up is written for the company's own reports."""

    table: TableName = Field(
        description="table's name, with its schema if need be; it is made if it is missing",
        examples=["reports.followup_outcomes"],
    )
    conn_id: ConnectionId | None = Field(
        None, description="Airflow connection of the table's database; null: the feed's `warehouse_conn_id`"
    )
