"""The fields of a feed file that need a check of their own; each error says what to write instead."""

from __future__ import annotations

import re
from datetime import time
from functools import cache
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

_ADDRESS = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+")
_HH_MM = re.compile("([01]?[0-9]|2[0-3]):[0-5][0-9]")


#: Reads the zones' folder: every task loads a feed, some of them all feeds.
_zones = cache(available_timezones)


def _time_zone(name: str) -> str:
    if name not in _zones():
        raise PydanticCustomError("zone", "not an IANA time zone; write one like Asia/Kolkata")
    return name


def _cron(line: str) -> str:
    from croniter import croniter  # type: ignore[import-untyped]  # noqa: PLC0415 - slow to import

    if not croniter.is_valid(line):
        raise PydanticCustomError("cron", "not a cron line; write one like 0 6 * * *, or null")
    return line


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


def _columns(defaults: dict[str, Any]) -> dict[str, Any]:
    from followups.model import FollowUp  # noqa: PLC0415 - pydantic builds FollowUp's validator at import

    unknown = sorted(str(name) for name in set(defaults) - set(FollowUp.model_fields))
    if unknown:
        known = ", ".join(FollowUp.model_fields)
        raise PydanticCustomError("defaults", f"no such column: {', '.join(unknown)}; known are {known}")
    return defaults


TimeZone = Annotated[str, AfterValidator(_time_zone)]
#: Written into SQL as it stands.
TableName = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*){0,2}$")]
Address = Annotated[str, AfterValidator(_address), WithJsonSchema({"type": "string", "format": "email"})]
CronLine = Annotated[str, AfterValidator(_cron)]
ClockTime = Annotated[
    time, BeforeValidator(_clock), WithJsonSchema({"type": "string", "pattern": f"^({_HH_MM.pattern})$"})
]
Columns = Annotated[dict[str, Any], AfterValidator(_columns)]
Share = Annotated[float, Field(ge=0, le=1)]
