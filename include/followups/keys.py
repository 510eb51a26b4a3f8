"""Identity of a delivery and the marker by which its CRM task is found again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from struct import unpack
from typing import Any

import msgspec

from followups import base32

MARKER_LENGTH = 12
_SEPARATOR = "\x1f"


def _begin(content: str | bytes) -> blake2b:
    encoded = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    return blake2b(encoded, digest_size=16)


@lru_cache
def _begun(feed: str) -> blake2b:
    return _begin(f"{feed}{_SEPARATOR}")


def _key_digest(begun: blake2b, identity: str) -> bytes:
    key = begun.copy()
    key.update(identity.encode("utf-8", "surrogatepass"))
    return key.digest()


def delivery_key(feed: str, followup_id: str, *identity: str) -> str:
    """Return the key of one follow-up: 26 characters that depend on feed, id and the feed's identity columns alone."""
    return base32.encode(_key_digest(_begun(feed), _SEPARATOR.join((followup_id, *identity))))


def delivery_keys(feed: str, identities: Iterable[Sequence[str]]) -> list[str]:
    """Return the keys of many follow-ups, each given by its id and its feed's identity columns."""
    begun = _begun(feed)
    return base32.encode_all([_key_digest(begun, _SEPARATOR.join(identity)) for identity in identities])


def content_hash(content: str | bytes) -> str:
    """Return 26 characters that change when the follow-up's content does."""
    return base32.encode(_begin(content).digest())


def content_hashes(contents: Iterable[str | bytes]) -> list[str]:
    """Return the same of each content."""
    return base32.encode_all([_begin(content).digest() for content in contents])


def marker(key: str, generation: int = 0) -> str:
    """Return the 12 characters that mark the CRM task of a delivery; another generation has another marker.

    Generation 0 is the beginning of the key, so that a person can search the ledger by what a rep reads.
    """
    return (key if generation == 0 else content_hash(f"{key}{_SEPARATOR}{generation}"))[:MARKER_LENGTH]


class RowHasher:
    """Takes hashes of rows as a warehouse gives them, before anything is checked."""

    def __init__(self, columns: Iterable[str], defaults: Mapping[str, Any]) -> None:
        self._encode = msgspec.json.Encoder(decimal_format="number").encode
        # Other columns, or other defaults, make another row of the same values.
        salted = repr((list(columns), sorted(defaults.items())))
        self._begun = blake2b(digest_size=8, salt=_begin(salted).digest())

    def __call__(self, rows: Iterable[Sequence[Any]]) -> list[int | None]:
        """Return for each row 64 bits that change when its values do; None where one has no form to be hashed."""
        digests = [self._digest(values) for values in rows]
        numbers = iter(unpack(f">{len(digests) - digests.count(None)}q", b"".join(filter(None, digests))))
        return [None if digest is None else next(numbers) for digest in digests]

    def _digest(self, values: Sequence[Any]) -> bytes | None:
        try:
            content = self._encode(values)
        except (TypeError, ValueError, OverflowError, RecursionError):
            return None
        row_hash = self._begun.copy()
        row_hash.update(content)
        return row_hash.digest()
