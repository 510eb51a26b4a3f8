"""What is wrong with a row, in sentences for whoever keeps the warehouse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from followups.follow_up import GUID_PATTERN
from followups.row_checks import CONTROL_CHARACTER, TEXT_PATTERN

_MISSING = "missing"
_NOT_MATCHED = {
    GUID_PATTERN: "not an id like 00000000-0000-4000-8000-000000000001",
    TEXT_PATTERN: CONTROL_CHARACTER,
}
_SENTENCES: dict[str, Callable[[dict[str, Any]], str]] = {
    "string_too_long": lambda context: f"longer than {context['max_length']} characters",
    "string_too_short": lambda _: _MISSING,
    "string_pattern_mismatch": lambda context: _NOT_MATCHED[context["pattern"]],
    "string_type": lambda _: "not text",
    "string_unicode": lambda _: "not valid Unicode text (a broken emoji, or text cut in the middle)",
    "int_parsing_size": lambda _: "not a number of a sensible size",
    "literal_error": lambda context: f"not one of {context['expected']}",
    "greater_than_equal": lambda context: f"less than {context['ge']}",
    "less_than_equal": lambda context: f"more than {context['le']}",
    "missing": lambda _: _MISSING,
}


def explain(error: ValidationError) -> str:
    """Say what is wrong with a row, column by column, without a word of its content."""
    reasons = []
    for problem in error.errors(include_url=False, include_input=True):
        column = str(problem["loc"][0]) if problem["loc"] else ""
        sentence = _SENTENCES.get(problem["type"])
        text = sentence(problem.get("ctx", {})) if sentence else problem["msg"].removeprefix("Input should be ")
        if problem["input"] is None and problem["loc"]:
            text = _MISSING
        reasons.append(f"{column}: {text}" if column else text)
    return "; ".join(reasons)
