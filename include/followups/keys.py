"""Identity of a delivery and the marker by which its CRM task is found again."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Iterable
from hashlib import blake2b

MARKER_LENGTH = 12
_SEPARATOR = "\x1f"


def _digest(parts: Iterable[str]) -> str:
    digest = blake2b(_SEPARATOR.join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return b32encode(digest)[:26].decode().lower()


def delivery_key(feed: str, followup_id: str, *identity: str) -> str:
    """Return the key of one follow-up: 26 characters that depend on feed, id and the feed's identity columns alone."""
    return _digest((feed, followup_id, *identity))


def content_hash(text: str) -> str:
    """Return 26 characters that change when the follow-up's content does."""
    return _digest((text,))


def marker(key: str, generation: int = 0) -> str:
    """Return the 12 characters that mark the CRM task of a delivery; another generation has another marker.

    Generation 0 is the beginning of the key, so that a person can search the ledger by what a rep reads.
    """
    return (key if generation == 0 else _digest((key, str(generation))))[:MARKER_LENGTH]
