"""Read single values of LeadSquared's replies, whose casing, number types and dates differ from page to page."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICKS: Final = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/\Z")


class Item:
    """An object of a reply, whose values are found by any of several names in any casing."""

    def __init__(self, data: Any) -> None:
        self.data: dict[str, Any] = data if isinstance(data, dict) else {}
        self._by_name = {str(name).casefold(): value for name, value in self.data.items()}

    def get(self, *names: str) -> Any:
        """Return the first value that is there and not null."""
        return next((value for name in names if (value := self._by_name.get(name.casefold())) is not None), None)

    def text(self, *names: str) -> str | None:
        """Return the value as text, None if it is missing or null."""
        return to_text(self.get(*names))

    def identity(self, *names: str) -> str | None:
        """Return an id without surrounding blanks, None if it is missing or empty."""
        return (self.text(*names) or "").strip() or None

    def number(self, *names: str) -> int | None:
        """Return a whole number that may have come as text."""
        return to_number(self.get(*names))

    def flag(self, *names: str) -> bool | None:
        """Return a boolean that may have come as 0, 1 or a word."""
        return to_flag(self.get(*names))

    def moment(self, *names: str) -> datetime | None:
        """Return an aware date-time in UTC."""
        return to_moment(self.get(*names))

    def items(self, *names: str) -> list[dict[str, Any]]:
        """Return the objects of a list, which may be missing or be JSON inside a string."""
        return [entry for entry in to_list(self.get(*names)) if isinstance(entry, dict)]


def to_text(value: Any) -> str | None:
    """Return text as it is and numbers as text; None for anything else."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def to_number(value: Any) -> int | None:
    """Return the whole number in `value`, None if there is none."""
    try:
        number = float(value) if isinstance(value, str | int | float) else None
        return None if number is None or number != int(number) else int(number)
    except (ValueError, OverflowError):
        return None


def to_flag(value: Any) -> bool | None:
    """Return the boolean in `value`: true, 1, "1" and "true" are true."""
    words = {"true": True, "1": True, "false": False, "0": False}
    return words.get(str(value).strip().casefold())


def to_moment(value: Any) -> datetime | None:
    """Return the date-time in any of the vendor's forms, in UTC.

    The forms are `2031-04-05 06:07:08.000`, the same without milliseconds, and `/Date(1300000000000+0000)/`, whose
    number is in UTC already. A date of year 1 stands for "never" and gives None, as does what cannot be read.
    """
    text = value.strip() if isinstance(value, str) else ""
    try:
        ticks = _TICKS.match(text)
        moment = _EPOCH + timedelta(milliseconds=int(ticks.group(1))) if ticks else datetime.fromisoformat(text)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return None if moment.year == 1 else moment


def to_list(value: Any) -> list[Any]:
    """Return a list that may have come as JSON inside a string; [] if there is none."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return []
    return value if isinstance(value, list) else []


def flatten(pairs: Any, *name_keys: str) -> dict[str, Any]:
    """Return `{name: value}` of a list of attribute/value objects."""
    found: dict[str, Any] = {}
    for entry in to_list(pairs):
        item = Item(entry)
        name = item.text(*name_keys)
        if name:
            found[name] = item.get("Value")
    return found


def host_of(url: Any) -> str | None:
    """Return the host name of a URL or of a bare host, lower-case."""
    text = url.strip().lower() if isinstance(url, str) else ""
    host = re.sub(r"\A[a-z+]+://", "", text).split("/")[0].rsplit("@", 1)[-1].split(":")[0]
    return host or None


def texts_of(value: Any) -> Mapping[str, Any]:
    """Return an object that may have come as JSON inside a string; {} if there is none."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}
