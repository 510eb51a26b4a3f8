"""Reads request bodies: JSON objects whose values must have the documented JSON types, else 400."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from sandbox.dates import read_date, read_date_time
from sandbox.replies import MalformedError, RefusedError
from sandbox.situations import Situation


def parse_object(body: bytes, content_type: str) -> dict[str, Any]:
    """The body as a JSON object. Raises MalformedError for anything else (`/error-handling/`, 400)."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise MalformedError("Content-Type must be application/json")
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
        if b"\\u" in body:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise MalformedError from error
    if not isinstance(value, dict):
        raise MalformedError("An object was expected")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


_NUMBER = re.compile(r"-?\d{1,18}", re.ASCII)


class Fields:
    """An object of a request. With `any_case`, keys are read without regard to case, as the service does in places."""

    def __init__(self, values: Mapping[str, Any], *, any_case: bool) -> None:
        self._any_case = any_case
        self._values = {key.lower(): value for key, value in values.items()} if any_case else values

    def raw(self, name: str) -> Any:
        """The value as it is; None when missing."""
        return self._values.get(name.lower() if self._any_case else name)

    def __contains__(self, name: str) -> bool:
        return (name.lower() if self._any_case else name) in self._values

    def text(self, name: str) -> str | None:
        """A text or null."""
        value = self.raw(name)
        if value is None or isinstance(value, str):
            return value
        raise _wrong_type(name, value)

    def number(self, name: str) -> int | None:
        """A whole number, as number or as text (the service's own samples do both); null and "" are None."""
        value = self.raw(name)
        if value is None or value == "":
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
            return int(value)
        raise _wrong_type(name, value)

    def object(self, name: str) -> Fields | None:
        """An object or null."""
        value = self.raw(name)
        if value is None:
            return None
        if isinstance(value, dict):
            return Fields(value, any_case=self._any_case)
        raise _wrong_type(name, value)

    def plain_object(self, name: str) -> dict[str, Any]:
        """An object as it was sent; empty when missing."""
        value = self.raw(name)
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        raise _wrong_type(name, value)

    def array(self, name: str) -> list[Any] | None:
        """A list or null."""
        value = self.raw(name)
        if value is None or isinstance(value, list):
            return value
        raise _wrong_type(name, value)

    def texts(self, name: str) -> list[str] | None:
        """A list of texts or null."""
        values = self.array(name)
        if values is not None and not all(isinstance(value, str) for value in values):
            raise _wrong_type(name, values)
        return values

    def moment(self, name: str) -> int | None:
        """A date-time text in UTC as seconds; null and "" are None. Raises RefusedError for another form."""
        text = self.text(name)
        if not text:
            return None
        try:
            return read_date_time(text)
        except ValueError as error:
            raise RefusedError(Situation.DATE, name) from error

    def day(self, name: str) -> date:
        """A mandatory date text without time. Raises RefusedError."""
        text = self.text(name)
        if not text:
            raise RefusedError(Situation.MANDATORY, name)
        try:
            return read_date(text)
        except ValueError as error:
            raise RefusedError(Situation.DATE, name) from error


def _wrong_type(name: str, value: object) -> MalformedError:
    return MalformedError(f"Error converting value for '{name}': {_json_kind(value)} was not expected")


def _json_kind(value: object) -> str:
    kinds = {bool: "boolean", int: "number", float: "number", str: "text", list: "array", dict: "object"}
    return kinds.get(type(value), "null")
