"""Many digests at once have the texts that the standard library gives each."""

from __future__ import annotations

from base64 import b32decode, b32encode

from hypothesis import given
from hypothesis import strategies as st

from followups import base32

DIGESTS = st.binary(min_size=16, max_size=16)


def encoded(digest: bytes) -> str:
    return b32encode(digest).decode().rstrip("=").lower()


@given(st.lists(DIGESTS, max_size=50))
def test_all_at_once_are_as_one_by_one(digests: list[bytes]) -> None:
    assert base32.encode_all(digests) == [encoded(digest) for digest in digests]


def test_more_than_are_taken_at_once() -> None:
    digests = [number.to_bytes(16, "little") for number in range(2 * base32._AT_ONCE + 1)]
    assert base32.encode_all(digests) == [encoded(digest) for digest in digests]


@given(DIGESTS)
def test_nothing_of_a_digest_is_lost(digest: bytes) -> None:
    (text,) = base32.encode_all([digest])
    assert len(text) == base32.LENGTH
    assert b32decode(f"{text.upper()}======") == digest
