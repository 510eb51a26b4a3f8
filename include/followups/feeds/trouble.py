"""Says what is wrong in a feed file, where, and what to write instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from types import NoneType
from typing import Any, NamedTuple, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from followups.feeds.text import FeedText
from followups.follow_up import GUID_PATTERN
from followups.suggestions import nearest

Location = Sequence[str | int]
#: The field whose parts are columns of the query, not fields.
COLUMNS_FIELD = "defaults"

_STAR = "put a value that begins with * or & in quotes"
#: Words of the YAML parser, and what people most often did.
_YAML_SLIPS = {
    "alias": _STAR,
    "alphabetic or numeric": _STAR,
    "\\t": "indent with spaces, not with tabs",
    "cannot start any token": "put a value that begins with @, % or ` in quotes",
    "mapping values": "put a text that holds a colon in quotes, and begin all fields of a group in one column",
    "expected <block end>": "begin all fields of a group in one column",
}


class Problem(NamedTuple):
    """What is wrong, and on which line of the file, where that can be told."""

    line: int | None
    text: str

    def told(self, file: str) -> str:
        """Return the whole message."""
        return f"{file}, line {self.line}: {self.text}" if self.line else f"{file}: {self.text}"


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems as a person goes through the file."""
    return sorted(problems, key=lambda problem: problem.line or 0)


def flow(value: Any) -> str:
    """Return a value as YAML in one line."""
    return str(yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1000)).partition("\n")[0]


def yaml_problem(error: Exception) -> Problem:
    """Return why a text is not YAML."""
    mark = getattr(error, "problem_mark", None)
    said = str(getattr(error, "problem", None) or error)
    cure = next((f"; {cure}" for word, cure in _YAML_SLIPS.items() if word in said), "")
    return Problem(mark.line + 1 if mark else None, f"not valid YAML: {said}{cure}")


def explain(error: ValidationError, model: type[BaseModel], text: FeedText) -> Iterator[Problem]:
    """Yield what is wrong with the fields of a feed."""
    for problem in error.errors(include_url=False):
        location = problem["loc"]
        subject = f"{_subject(location)}: " if location else ""
        yield Problem(text.line_of(location), f"{subject}{_sentence(problem, model)}")


def _subject(location: Location) -> str:
    """Return the name of a field as people read it, such as `notify`, item 2."""
    name = ".".join(part for part in location if isinstance(part, str))
    items = "".join(f", item {part + 1}" for part in location if isinstance(part, int))
    return f"`{name}`{items}"


def _sentence(problem: ErrorDetails, model: type[BaseModel]) -> str:
    """Return what is wrong with one field, and the cure."""
    kind, given, location = problem["type"], problem["input"], problem["loc"]
    if not location:
        return str(problem["msg"])
    if location == ("name",):
        return "taken from the file's name, which holds a to z, 0 to 9 and _ alone; rename the file"
    group, field = _find(model, location)
    of_feed = location[:1] != (COLUMNS_FIELD,) or len(location) == 1
    example = _example(location[-1], field)
    if kind == "extra_forbidden":
        return _unknown(str(location[-1]), group, model)
    if kind == "missing":
        return f"missing; add it, like {example}" if example else "missing; add it"
    if given is None:
        return "empty; write a value" + ("" if of_feed and field and field.is_required() else ", or remove the line")
    if kind not in _WANTED:
        return str(problem["msg"]).replace("Value should", "should").replace("String should", "should")
    wanted = _WANTED[kind](problem.get("ctx", {})) + (", or null" if of_feed and _may_be_null(field) else "")
    cure = f"; write it like {example}" if example else _quotes(kind, given)
    return f"wants {wanted}{_slip(given, kind)}{cure}"


def _form(context: dict[str, Any]) -> str:
    """Return what a column's pattern is for."""
    is_id = context["pattern"] == GUID_PATTERN
    return "an id like 00000000-0000-4000-8000-000000000001" if is_id else "text without control characters"


_NUMBER = "a number"
_WHOLE = "a whole number"
_TRUTH = "true or false"
_GROUP = "a group of fields"
_WANTED: dict[str, Callable[[dict[str, Any]], str]] = {
    "string_type": lambda _: "text",
    "int_type": lambda _: _WHOLE,
    "int_parsing": lambda _: _WHOLE,
    "int_parsing_size": lambda _: _WHOLE,
    "int_from_float": lambda _: _WHOLE,
    "finite_number": lambda _: _WHOLE,
    "float_type": lambda _: _NUMBER,
    "float_parsing": lambda _: _NUMBER,
    "bool_type": lambda _: _TRUTH,
    "bool_parsing": lambda _: _TRUTH,
    "tuple_type": lambda _: "a list",
    "dict_type": lambda _: _GROUP,
    "model_type": lambda _: _GROUP,
    "string_pattern_mismatch": _form,
    "literal_error": lambda context: str(context["expected"]),
    "greater_than": lambda context: f"more than {context['gt']}",
    "greater_than_equal": lambda context: f"{context['ge']} or more",
    "less_than_equal": lambda context: f"{context['le']} or less",
}


def _slip(given: Any, kind: str) -> str:
    """Return what was given instead, where that tells how the slip came about."""
    if isinstance(given, bool):
        return "; YAML reads on and yes as true, off and no as false"
    if isinstance(given, list):
        return "; this is a list"
    if isinstance(given, dict) and kind != "model_type":
        return "; this is a group of fields"
    return ""


def _quotes(kind: str, given: Any) -> str:
    return "; put it in quotes" if kind == "string_type" and isinstance(given, bool | int | float | date) else ""


def _unknown(name: str, group: type[BaseModel], model: type[BaseModel]) -> str:
    """Return where a name belongs that is no field here, else what may have been meant."""
    groups = _groups(model)
    thing = "column" if group is groups[COLUMNS_FIELD] else "field"
    if group is not model and name in model.model_fields:
        return f"no such {thing} here; it is the feed's own: write it without indentation"
    for other, fields in groups.items():
        if group is not fields and name in fields.model_fields:
            return f"no such {thing} here; write it under `{other}`, indented"
    known = [each for each in group.model_fields if group is not model or each != "name"]
    near = nearest(name, known)
    return f"no such {thing}; did you mean {near!r}?" if near else f"no such {thing}; known are {', '.join(known)}"


def _groups(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """Return the fields that hold fields of their own, or columns."""
    from followups.row_checks import RowModel  # noqa: PLC0415 - pydantic builds its validator at import

    groups: dict[str, type[BaseModel]] = {}
    for name, field in model.model_fields.items():
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                groups[name] = kind
    return {**groups, COLUMNS_FIELD: RowModel}


def _find(model: type[BaseModel], location: Location) -> tuple[type[BaseModel], FieldInfo | None]:
    """Return the group that a location is in, and its field there, if there is one."""
    inner = _groups(model).get(str(location[0])) if len(location) > 1 else None
    name = location[1] if inner else location[0]
    group = inner or model
    return group, group.model_fields.get(str(name)) if len(location) <= 1 + bool(inner) else None


def _example(name: str | int, field: FieldInfo | None) -> str:
    """Return a line that a person could write; empty where the field has no example."""
    if field is None or not field.examples:
        return ""
    return f"`{name}: {flow(field.examples[0])}`"


def _may_be_null(field: FieldInfo | None) -> bool:
    return field is not None and NoneType in get_args(field.annotation)
