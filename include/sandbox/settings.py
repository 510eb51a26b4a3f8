"""The sandbox's switches, validated, and the text forms in which people write them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_serializer, field_validator

from sandbox.fault_rules import FaultRule
from sandbox.situations import ErrorText, Situation

#: Published plans as `calls/seconds` (`/rate-limits/`, oldest vintage; the last two from the newest).
PLANS = {
    "lite": "2/5",
    "pro": "5/5",
    "super": "10/5",
    "basic": "10/5",
    "standard": "15/5",
    "enterprise": "25/5",
    "new-pro": "10/5",
    "new-super": "20/5",
}


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rate(_Strict):
    """So many calls in so many seconds. Written `25/5`, `25 / 5 s` or as a plan's name."""

    calls: int = Field(ge=1)
    seconds: float = Field(gt=0)


def _read_rate(value: object) -> object:
    if not isinstance(value, str):
        return value
    calls, slash, seconds = PLANS.get(value.strip().lower(), value).partition("/")
    if not slash:
        raise ValueError(f"write it as calls/seconds, such as 25/5, or as a plan: {', '.join(PLANS)}")
    return {"calls": calls.strip(), "seconds": seconds.strip().removesuffix("s").strip()}


def _off_is_none(value: object) -> object:
    return None if value is False or value in ("off", "none") else value


def _off_is_text(value: object) -> object:
    return "off" if value is False or value is None else value


def _split_commas(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [] if value is None else value


def _text(value: object) -> object:
    return str(value) if isinstance(value, int | float) else value


RateText = Annotated[Rate, BeforeValidator(_read_rate)]
Count = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(_off_is_none)]
Names = Annotated[tuple[str, ...], BeforeValidator(_split_commas)]
Milliseconds = Annotated[int, Field(ge=0)]
Secret = Annotated[SecretStr, BeforeValidator(_text)]


class RateSettings(_Strict):
    """The account's limits. `window` names the algorithm by which the service counts; the vendor does not tell it."""

    normal: RateText = Rate(calls=25, seconds=5)
    bulk: RateText = Rate(calls=1, seconds=5)
    daily: Count = None
    daily_reset_tz: str = "UTC"
    window: Literal["sliding", "fixed", "counter"] = "sliding"

    @field_serializer("normal", "bulk")
    def _write_rate(self, rate: Rate) -> str:
        return f"{rate.calls}/{rate.seconds:g}"

    @field_validator("daily_reset_tz")
    @classmethod
    def _check_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"no such time zone: {value}") from error
        return value


class MaxLengths(_Strict):
    """Longest texts in characters; off by default because the vendor names none."""

    name: Count = None
    description: Count = None
    location: Count = None
    custom: Count = None


class RowFaults(_Strict):
    """Rows of every bulk create that are dropped after acceptance: by index in the batch, and by probability."""

    indexes: tuple[int, ...] = ()
    probability: float = Field(default=0, ge=0, le=1)
    reason: str = "Task could not be created"


class Settings(_Strict):
    """All switches of a running sandbox. The names and defaults are those of `include/docs/sandbox.md`."""

    access_key: Secret = SecretStr("demo-access-key")
    secret_key: Secret = SecretStr("demo-secret-key")
    auth_mode: Literal["any", "headers", "wrong_region", "inactive_user"] = "any"
    api_host: str = "https://api-in21.leadsquared.com"
    validation_status: Literal[500, 400, 200] = 500
    errors: dict[Situation, ErrorText] = {}
    latency_ms: Milliseconds = 0
    seed: int = 0

    rate: RateSettings = RateSettings()
    count_rejected: bool = True
    penalty_seconds: float = Field(default=0, ge=0)
    rate_limit_style: Literal["http429", "http200_error_body", "http500_error_body"] = "http429"
    retry_after: Annotated[Literal["off", "seconds", "date"], BeforeValidator(_off_is_text)] = "off"
    bulk_task_bucket: Literal["normal", "bulk"] = "normal"

    bulk_mode: Literal["async", "sync", "never"] = "async"
    bulk_delay_ms: Milliseconds = 2000
    bulk_validate: Literal["structure", "all", "none"] = "structure"
    bulk_atomic: bool = False
    bulk_ignore_unlisted_fields: bool = False
    bulk_row_faults: RowFaults = RowFaults()

    webhook_shape: Literal["summary", "detailed", "echo", "rows", "form", "garbage", "never"] = "summary"
    webhook_delay_ms: Milliseconds = 0
    webhook_duplicates: int = Field(default=0, ge=0, le=100)
    webhook_head_first: bool = True
    webhook_before_response: bool = False
    webhook_timeout_ms: int = Field(default=5000, ge=1)

    key_case: Literal["any", "exact"] = "any"
    owner_match: Literal["normal", "strict"] = "normal"
    type_match: Literal["exact", "loose"] = "exact"
    known_leads: Literal["any", "listed"] = "any"
    unknown_custom_fields: Literal["ignore", "reject"] = "ignore"
    reject_html: bool = False
    max_len: MaxLengths = MaxLengths()
    default_due: Literal["now_utc", "account_midnight"] = "now_utc"
    todo_dates: Literal["as_sent", "local_midnight"] = "as_sent"
    update_omitted: Literal["keep", "clear"] = "keep"

    max_row_count: int = Field(default=500, ge=1)
    max_page_size: int = Field(default=1000, ge=1)
    page_overflow: Literal["clamp", "error"] = "clamp"
    task_range_field: Literal["DueDate", "CreatedOn"] = "DueDate"
    lookup_lag_ms: Milliseconds = 0
    unstable_order: bool = False
    hide_types: Names = ()
    omit_empty_list: bool = False
    lead_shape: Literal["properties", "flat"] = "properties"

    marker_pattern: str = r"\[ref:([^\]\s]+)\]"
    marker_field: str = "Description"
    faults: tuple[FaultRule, ...] = ()

    @field_validator("faults", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        if value is None or value is False or value in ("none", "off", ""):
            return ()
        return [value] if isinstance(value, str | dict) else value

    @field_validator("marker_pattern")
    @classmethod
    def _one_group(cls, value: str) -> str:
        try:
            groups = re.compile(value).groups
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        if groups != 1:
            raise ValueError("must have exactly one group, which is the marker")
        return value


def changed(settings: Settings, changes: dict[str, Any]) -> Settings:
    """Settings with some switches changed. Keys may be nested or dotted (`rate.normal`).

    Raises `pydantic.ValidationError` that names every wrong switch.
    """
    values: dict[str, Any] = {name: _plain(getattr(settings, name)) for name in type(settings).model_fields}
    _merge(values, nested(changes))
    return Settings.model_validate(values)


def _plain(value: Any) -> Any:
    return value.model_dump() if isinstance(value, BaseModel) else value


def nested(changes: dict[str, Any]) -> dict[str, Any]:
    """`{"rate.normal": "10/5"}` as `{"rate": {"normal": "10/5"}}`."""
    result: dict[str, Any] = {}
    for key, value in changes.items():
        *parents, last = str(key).split(".")
        level = result
        for parent in parents:
            level = level.setdefault(parent, {})
            if not isinstance(level, dict):
                raise ValueError(f"{key}: {parent} is given twice")
        if isinstance(value, dict) and isinstance(level.get(last), dict):
            _merge(level[last], value)
        else:
            level[last] = value
    return result


_REPLACED_WHOLE = {"normal", "bulk", "errors", "bulk_row_faults"}


def _merge(values: dict[str, Any], changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        present = values.get(key)
        if isinstance(present, dict) and isinstance(value, dict) and key not in _REPLACED_WHOLE:
            _merge(present, value)
        else:
            values[key] = value
