"""Tell a rate-limit refusal from other replies, and read the limit and the waiting time out of it.

The vendor documents HTTP 429 with `API calls exceeded the limit of 25 in 5 second(s)`; integrators met the same text in
HTTP 200 and 500 (`/rate-limits/`, `/create-tasks-in-bulk/`). The number follows the account's plan. What is refused is
sent again at once, so a reply of a server or proxy that failed, which may follow the work, needs that text or its name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST_WAIT_SECONDS: Final = 86_400.0
_HALF_A_DAY_SECONDS: Final = 43_200

_LIMIT: Final = re.compile(r"limit of (\d{1,7}) in (\d{1,6}) second", re.IGNORECASE)
_CALLS_EXCEEDED: Final = re.compile(r"\bcalls? (?:have |has )?exceeded the limit of \d", re.IGNORECASE)
_RATE_NAME: Final = re.compile(r"rate_?limit|throttl", re.IGNORECASE)
_RATE_WORDS: Final = re.compile(r"rate[ _-]?limit|exceeded the limit of|throttl", re.IGNORECASE)
_DAY: Final = re.compile(
    r"\bdaily\b|\b(?:per|a|for the|of the|in \d+) day\b|\btoday\b|\b24 ?h(?:ou)?rs?\b", re.IGNORECASE
)
_SECONDS: Final = re.compile(r"\d{1,9}(?:\.\d{1,6})?\Z")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal's own text and what it says about the limit (calls, seconds) and the day."""

    message: str
    limit: tuple[int, float] | None
    daily: bool


def find(status: int, exception_type: str | None, message: str, plain_text: str) -> Refusal | None:
    """Return the refusal that a reply amounts to, None if it is something else.

    :param plain_text: the start of a body that is not JSON, else "".
    """
    text = message or plain_text
    refused = status == 429 or _CALLS_EXCEEDED.search(text) or _is_named(status, exception_type)
    # A named error may quote a customer, a failing server says many things: there the whole phrase counts alone.
    may_be = status == 200 or 400 <= status < 500
    vague = may_be and exception_type is None and _RATE_WORDS.search(message)
    return _read(text) if refused or vague else None


def _is_named(status: int, exception_type: str | None) -> bool:
    """Tell whether the exception is that of the rate limit; a failing server must have given LeadSquared's own."""
    if exception_type is None or not _RATE_NAME.search(exception_type):
        return False
    return status < 500 or (status == 500 and exception_type.startswith("MX"))


def _read(text: str) -> Refusal:
    found = _LIMIT.search(text)
    calls, seconds = (int(found.group(1)), int(found.group(2))) if found else (0, 0)
    # A proxy's page says many things; it must not close the day for everybody.
    is_html = text.lstrip().startswith("<")
    daily = seconds >= _HALF_A_DAY_SECONDS or (not is_html and _DAY.search(text) is not None)
    usable = calls > 0 and seconds > 0 and not daily
    return Refusal(text, (calls, float(seconds)) if usable else None, daily)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds asked for by Retry-After (a number or an HTTP date), None without one that can be read."""
    by_name = {name.lower(): value for name, value in headers.items()}
    asked = by_name.get("retry-after", "").strip()
    if _SECONDS.match(asked):
        return min(float(asked), LONGEST_WAIT_SECONDS)
    at = _parse_date(asked)
    if at is None:
        return None
    since = _parse_date(by_name.get("date", "")) or now or datetime.now(UTC)
    return min(max((at - since).total_seconds(), 0.0), LONGEST_WAIT_SECONDS)


def _parse_date(text: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
