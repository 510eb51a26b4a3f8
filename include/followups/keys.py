"""Identity of a delivery and the marker by which its CRM task is found again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from itertools import product
from operator import itemgetter
from typing import Any

import msgspec

MARKER_LENGTH = 12
_SEPARATOR = "\x1f"
#: Base 32, two digits at a time: half the cost of `base64.b32encode`, and a run makes two million digests.
_DIGITS = ["".join(pair) for pair in product("abcdefghijklmnopqrstuvwxyz234567", repeat=2)]
_SHIFTS = tuple(range(120, -1, -10))


def _digest(parts: Iterable[str]) -> str:
    return _text(_SEPARATOR.join(parts).encode("utf-8", "surrogatepass"))


def _text(content: bytes) -> str:
    digest = blake2b(content, digest_size=16).digest()
    number = int.from_bytes(digest, "big") << 2  # 128 bits and two of padding: 26 digits of 5
    return "".join([_DIGITS[number >> shift & 1023] for shift in _SHIFTS])


def delivery_key(feed: str, followup_id: str, *identity: str) -> str:
    """Return the key of one follow-up: 26 characters that depend on feed, id and the feed's identity columns alone."""
    return _digest((feed, followup_id, *identity))


def content_hash(content: str | bytes) -> str:
    """Return 26 characters that change when the follow-up's content does."""
    return _text(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))


def marker(key: str, generation: int = 0) -> str:
    """Return the 12 characters that mark the CRM task of a delivery; another generation has another marker.

    Generation 0 is the beginning of the key, so that a person can search the ledger by what a rep reads.
    """
    return (key if generation == 0 else _digest((key, str(generation))))[:MARKER_LENGTH]


class RowHasher:
    """Takes hashes of rows as a warehouse gives them, before anything is checked."""

    def __init__(self, columns: Iterable[str], defaults: Mapping[str, Any]) -> None:
        self._columns = tuple(columns)
        self._pick = itemgetter(*self._columns)
        self._encode = msgspec.json.Encoder(decimal_format="number").encode
        # Other defaults make another row of the same columns.
        self._salt = blake2b(repr(sorted(defaults.items())).encode(), digest_size=16).digest()

    def __call__(self, row: Mapping[str, Any]) -> int | None:
        """Return 64 bits that change when the row's columns do; None where a value has no form to be hashed."""
        try:
            values = self._pick(row)
        except KeyError:  # the query leaves some out
            values = tuple(row.get(column) for column in self._columns)
        try:
            content = self._encode(values)
        except (TypeError, ValueError, OverflowError, RecursionError):
            return None
        return int.from_bytes(blake2b(content, digest_size=8, salt=self._salt).digest(), "big", signed=True)
