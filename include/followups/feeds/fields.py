"""The fields of a feed file that need a check of their own; each error says what to write instead."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from functools import cache
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, get_args
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, StringConstraints, ValidationError, WithJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError

from followups.suggestions import nearest

_ADDRESS = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+")
_HH_MM = re.compile("([01]?[0-9]|2[0-3]):[0-5][0-9]")
_ADDRESS_LIKE = re.compile(r"://|[\s@]")
_DIGITS = re.compile("[0-9]+")
_CUSTOM_FIELD = re.compile("mx_[A-Za-z0-9_]+")
_TABLE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*){0,2}")
_QUERY = re.compile(r"\s*(select|with)\s", re.IGNORECASE)
#: Airflow cannot count with dates at the edges of time, and 0026 is a slip.
_YEARS = range(2000, 2100)
#: What a row holds beside a feed's defaults, so that these are checked as parts of one.
_ROW = {
    "followup_id": "1", "task_type": "Meeting", "subject": "Call", "due_at": "2031-01-01 00:00",
    "owner_email": "lead@example.com",
}  # fmt: skip


_CRON_FIELDS = 5
#: Fields that croniter draws anew each time it is asked, so that Airflow would find another schedule at every look.
_RANDOM = re.compile("(?<![a-z])[hr](?![a-z])", re.IGNORECASE)
_CRON = 'it has five fields (minute, hour, day, month, weekday), like "0 6 * * *" for each day at six; or write null'


#: Reads the zones' folder: every task loads a feed, some of them all feeds.
_zones = cache(available_timezones)


def _time_zone(name: str) -> str:
    if name not in _zones():
        # Of short names, such as IST, a near one lies elsewhere.
        near = nearest(name, _zones(), casing_alone="/" not in name)
        cure = f"did you mean {near!r}?" if near else "write one like Asia/Kolkata"
        raise PydanticCustomError("zone", f"not an IANA time zone; {cure}")
    return name


def _cron(line: str) -> str:
    from croniter import CroniterBadDateError, croniter  # type: ignore[import-untyped]  # noqa: PLC0415 - slow to import

    count = len(line.split())
    if not line.startswith("@") and count != _CRON_FIELDS:
        raise PydanticCustomError("cron", f"not a cron line: {_CRON}; this one has {count}")
    if _RANDOM.search(line) or not croniter.is_valid(line):
        raise PydanticCustomError("cron", f"not a cron line: {_CRON}")
    try:
        croniter(line).get_next()
    except CroniterBadDateError as error:
        raise PydanticCustomError("cron", "such a day never comes; write a cron line like 0 6 * * *") from error
    return line


def _start(value: Any) -> datetime:
    """Take dates alone: a bare number would silently mean seconds since 1970."""
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value.strip())
        elif isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)  # noqa: DTZ001 - the feed's zone comes later
    except ValueError:
        value = None
    if not isinstance(value, datetime) or value.year not in _YEARS:
        raise PydanticCustomError("start", "not a date from 2000 to 2099; write it like 2026-01-31")
    return value


def is_query_file(name: str) -> bool:
    """Return whether a name may be that of a file inside include/sql."""
    path = PurePosixPath(name)
    return not (path.is_absolute() or ".." in path.parts or _QUERY.match(name))


def _query_file(name: str) -> str:
    if _QUERY.match(name):
        raise PydanticCustomError(
            "sql", "holds a query; put it into a file in include/sql and write the file's name, like appointments.sql"
        )
    if not is_query_file(name):
        raise PydanticCustomError(
            "sql", "names a file outside include/sql; put it there and write its name alone, like appointments.sql"
        )
    return name


def _clock(value: Any) -> time:
    """Take HH:MM alone: a bare number would silently mean minutes or seconds, and the zone is the feed's."""
    if isinstance(value, time) and value.tzinfo is None:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 60 <= value < 24 * 60:
        return time(value // 60, value % 60)  # YAML 1.1 reads 21:00 as a number in base 60
    if isinstance(value, str) and _HH_MM.fullmatch(value.strip()):
        return time.fromisoformat(value.strip().zfill(5))
    raise PydanticCustomError("clock", 'not a time of day; write it like "21:00"')


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text.strip()):
        raise PydanticCustomError("address", "not an e-mail address; write one like lead@example.com")
    return text.strip()


def is_switch_for_number(value: Any, wanted: Any) -> bool:
    """Return whether `off` or `on` stands for a number: YAML reads false or true, which would count as 0 or 1."""
    return isinstance(value, bool) and _takes_number(wanted)


def _takes_number(wanted: Any) -> bool:
    return wanted in (int, float) or any(_takes_number(each) for each in get_args(wanted))


def _share(value: Any) -> float:
    if isinstance(value, int | float) and 0 <= value <= 1:
        return float(value)
    raise PydanticCustomError("share", "wants a share from 0 to 1, like 0.1 for 10 %, or null for no limit")


def _place(value: Any) -> Any:
    """Take `off` without quotes, which YAML reads as false."""
    return "off" if value is False else value


def _code(value: Any) -> str:
    """Take a code without quotes too, which YAML reads as a number."""
    text = str(value) if isinstance(value, int | str) else ""
    if not _DIGITS.fullmatch(text):
        raise PydanticCustomError("code", "wants the code's digits, like 12000, or null")
    return text


def _formed(pattern: re.Pattern[str], sentence: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise PydanticCustomError("form", sentence)
        return text

    return AfterValidator(check)


def _text_schema(pattern: re.Pattern[str]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^({pattern.pattern})$"})


def _columns(defaults: dict[str, Any]) -> dict[str, Any]:
    """Check defaults as a row's columns are checked, but for what only whole rows can show."""
    from followups.row_checks import RowModel  # noqa: PLC0415 - pydantic builds its validator at import

    slips = [
        InitErrorDetails(type="int_type", loc=(name,), input=value)
        for name, value in defaults.items()
        if name in RowModel.model_fields and is_switch_for_number(value, RowModel.model_fields[name].annotation)
    ]
    if slips:
        raise ValidationError.from_exception_data("defaults", slips)
    try:
        RowModel.model_validate({**_ROW, **defaults}, extra="forbid")
    except ValidationError as error:
        if any(problem["loc"] for problem in error.errors()):
            raise
    return defaults


def _connection(name: str) -> str:
    """Refuse an address: Airflow writes the id of a connection that it does not know to the log, password and all."""
    if not name or _ADDRESS_LIKE.search(name):
        raise PydanticCustomError(
            "connection", "wants the id of an Airflow connection, like warehouse_default; its address goes there"
        )
    return name


TimeZone = Annotated[str, AfterValidator(_time_zone)]
#: Written into SQL as it stands.
TableName = Annotated[
    str,
    _formed(
        _TABLE,
        "not a table's name; it has letters, digits and _ alone, with a schema before a dot if need be, "
        "like reports.followup_outcomes",
    ),
    _text_schema(_TABLE),
]
CustomField = Annotated[
    str,
    _formed(_CUSTOM_FIELD, "not a field's schema name, which begins with mx_; write it like mx_Custom_1"),
    _text_schema(_CUSTOM_FIELD),
]
Address = Annotated[str, AfterValidator(_address), WithJsonSchema({"type": "string", "format": "email"})]
CronLine = Annotated[str, AfterValidator(_cron)]
ClockTime = Annotated[time, BeforeValidator(_clock), _text_schema(_HH_MM)]
Columns = Annotated[dict[str, Any], AfterValidator(_columns)]
ConnectionId = Annotated[str, AfterValidator(_connection)]
#: Airflow refuses longer ones when the DAG is built.
Tag = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Share = Annotated[float, BeforeValidator(_share), WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1})]
StartDate = Annotated[datetime, BeforeValidator(_start), WithJsonSchema({"type": "string", "format": "date"})]
QueryFile = Annotated[str, AfterValidator(_query_file)]
MarkerPlace = Annotated[Literal["description", "custom_field", "off"], BeforeValidator(_place)]
Code = Annotated[
    str,
    BeforeValidator(_code),
    WithJsonSchema({"type": ["string", "integer"], "pattern": "^[0-9]+$", "minimum": 0}),
]
