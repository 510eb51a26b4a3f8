"""Identity of a delivery and the marker by which its CRM task is found again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec
from xxhash import xxh3_64_intdigest

from followups import base32

MARKER_LENGTH = 12
_SEPARATOR = "\x1f"
#: What the encoder raises for values that JSON has not.
_WITHOUT_FORM = (TypeError, ValueError, OverflowError, RecursionError)
_BLANK = blake2b(digest_size=16)
#: Less by this, 64 bits fit a signed column.
_HALF = 1 << 63


def _digests(begun: blake2b, contents: Iterable[bytes]) -> list[bytes]:
    """Return the digest of each content; a copy of a begun hash costs less than another one."""
    copy, digests = begun.copy, []
    for content in contents:
        each = copy()
        each.update(content)
        digests.append(each.digest())
    return digests


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _all_encoded(texts: Sequence[str]) -> Sequence[bytes]:
    try:
        return list(map(str.encode, texts))
    except UnicodeEncodeError:
        return list(map(_encoded, texts))


@lru_cache
def _begun(feed: str) -> blake2b:
    return blake2b(_encoded(f"{feed}{_SEPARATOR}"), digest_size=16)


def delivery_key(feed: str, followup_id: str, *identity: str) -> str:
    """Return the key of one follow-up: 26 characters that depend on feed, id and the feed's identity columns alone."""
    return delivery_keys(feed, [(followup_id, *identity)])[0]


def delivery_keys(feed: str, identities: Iterable[Sequence[str]]) -> list[str]:
    """Return the keys of many follow-ups, each given by its id and its feed's identity columns."""
    return base32.encode_all(_digests(_begun(feed), _all_encoded(list(map(_SEPARATOR.join, identities)))))


def content_hash(content: str | bytes) -> str:
    """Return 26 characters that change when the follow-up's content does."""
    return content_hashes([content])[0]


def content_hashes(contents: Iterable[str | bytes]) -> list[str]:
    """Return the same of each content."""
    plain = [content if isinstance(content, bytes) else _encoded(content) for content in contents]
    return base32.encode_all(_digests(_BLANK, plain))


def marker(key: str, generation: int = 0) -> str:
    """Return the 12 characters that mark the CRM task of a delivery; another generation has another marker.

    Generation 0 is the beginning of the key, so that a person can search the ledger by what a rep reads.
    """
    return (key if generation == 0 else content_hash(f"{key}{_SEPARATOR}{generation}"))[:MARKER_LENGTH]


class RowHasher:
    """Takes hashes of rows as a warehouse gives them, before anything is checked.

    :param edition: of the checks; other checks may judge the same row otherwise.
    """

    def __init__(self, columns: Iterable[str], defaults: Mapping[str, Any], *, edition: int) -> None:
        self._encode = msgspec.json.Encoder(decimal_format="number").encode
        # Other columns, or other defaults, make another row of the same values.
        self._seed = xxh3_64_intdigest(_encoded(repr((edition, list(columns), sorted(defaults.items())))))

    def __call__(self, rows: Iterable[Sequence[Any]]) -> list[int | None]:
        """Return for each row 64 bits that change when its values do; None where one has no form to be hashed."""
        seed = self._seed
        return [
            None if content is None else xxh3_64_intdigest(content, seed) - _HALF
            for content in self._contents(list(rows))
        ]

    def _contents(self, rows: Sequence[Sequence[Any]]) -> Sequence[bytes | None]:
        try:
            return list(map(self._encode, rows))
        except _WITHOUT_FORM:
            return [self._content(values) for values in rows]

    def _content(self, values: Sequence[Any]) -> bytes | None:
        try:
            return self._encode(values)
        except _WITHOUT_FORM:
            return None
