"""Keep LeadSquared's words, drop the customer's: texts that go to logs, errors and the ledger."""

from __future__ import annotations

import re
from typing import Final

MAX_LENGTH: Final = 300

_E_MAIL: Final = re.compile(r"[^\s@'\"<>(),;:]{1,64}@[^\s@'\"<>(),;:]{1,255}")
# A GUID or another id with letters is no telephone number; ten digits in a row with spaces, dots or hyphens is one.
_NUMBER: Final = re.compile(r"(?<![\w-])\+?\d(?:[ ().-]{0,2}\d){6,14}(?![\w-])")
_QUOTED: Final = re.compile(r"(?<!\w)'([^']*)'(?!\w)|\"([^\"]*)\"")
_NAME: Final = re.compile(r"[A-Za-z0-9_.<>-]{1,64}\Z")
_VALUE_FOLLOWS: Final = re.compile(r"(?:entry|value|input|text|string)\s*:?\s*\Z", re.IGNORECASE)


def redact(text: str) -> str:
    """Return `text` on one line without e-mail addresses, telephone numbers and quoted values, cut to 300 characters.

    Quoted words that can be the name of a field or an id stay (`'leadId' is mandatory`), except after words that
    announce a value (`Duplicate entry '…'`). A person's name without quotes can not be told from other words.
    """
    flat = " ".join(_printable(text[: 8 * MAX_LENGTH]).split())
    without_values = _QUOTED.sub(lambda found: _quoted(found, flat), flat)
    clean = _NUMBER.sub("<number>", _E_MAIL.sub("<e-mail>", without_values))
    return clean if len(clean) <= MAX_LENGTH else clean[: MAX_LENGTH - 1] + "…"


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _quoted(found: re.Match[str], text: str) -> str:
    value = found.group(1) if found.group(1) is not None else found.group(2)
    announced = _VALUE_FOLLOWS.search(text[: found.start()][-20:])
    return found.group() if _NAME.match(value) and not announced else "<value>"
