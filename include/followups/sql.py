"""Bind named parameters in a feed's query for any DB-API driver."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from followups.errors import PermanentError

#: Strings, quoted names, comments and casts hold no parameters; a colon elsewhere begins one.
_TOKEN = re.compile(
    r"""(?P<skip>'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | ::)"""
    r"""| (?<![\w:]):(?P<name>[A-Za-z_]\w*) | (?P<percent>%)""",
    re.VERBOSE | re.DOTALL,
)


#: Any one of them bounds a run to its window.
WINDOW_NAMES = frozenset({"window_start", "window_end"})


class QueryError(PermanentError):
    """A feed's query asks for a parameter that there is not."""


def bind(query: str, values: Mapping[str, Any], placeholder: str) -> tuple[str, list[Any]]:
    """Return the query in the driver's own style and its parameters in order.

    `placeholder` is the hook's: `?`, or `%s`, for which every other percent sign is doubled.
    """
    parameters: list[Any] = []
    double_percent = placeholder == "%s"

    def replace(match: re.Match[str]) -> str:
        text = match.group()
        name = match.group("name")
        if name is None:
            return text.replace("%", "%%") if double_percent else text
        if name not in values:
            raise QueryError(f"the query asks for :{name}; it may use {', '.join(f':{known}' for known in values)}")
        parameters.append(values[name])
        return placeholder

    return _TOKEN.sub(replace, query), parameters


def reads_window(query: str) -> bool:
    """Return whether the query asks for the window of its run at all."""
    return any(match["name"] in WINDOW_NAMES for match in _TOKEN.finditer(query))
