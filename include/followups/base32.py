"""Digests of 128 bits as 26 letters and digits, by the thousand: taken one by one they cost more than the hash."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

LENGTH = 26
_ALPHABET = b"abcdefghijklmnopqrstuvwxyz234567"
#: By a byte that holds five bits.
_LETTERS = _ALPHABET * (256 // len(_ALPHABET))
#: A digest's lane has a byte for each of 32 letters; their 160 bits stand at its lower end, the digest's first.
_LANE_BYTES = 32
_BEFORE, _AFTER = bytes(12), bytes(4)
#: Enough for the work on one number to outweigh the calls, and little enough for it to stay in the cache.
_AT_ONCE = 1000


def encode_all(digests: Sequence[bytes]) -> list[str]:
    """Return digests of 128 bits in base 32, small letters, without padding."""
    return [text for start in range(0, len(digests), _AT_ONCE) for text in _encode(digests[start : start + _AT_ONCE])]


def _encode(digests: Sequence[bytes]) -> list[str]:
    """Spread the bits of all digests at once, held as one number: halves of lanes move apart until each has five."""
    bits = int.from_bytes(_BEFORE + (_AFTER + _BEFORE).join(digests) + _AFTER, "big")
    for low, high, shift in _halvings(len(digests)):
        bits = bits & low | (bits & high) << shift
    letters = bits.to_bytes(_LANE_BYTES * len(digests), "big").translate(_LETTERS).decode()
    return [letters[start : start + LENGTH] for start in range(0, len(letters), _LANE_BYTES)]


@lru_cache(maxsize=16)
def _halvings(lanes: int) -> list[tuple[int, int, int]]:
    """Return, for each step, the masks of lower and of higher halves and by how much the higher ones move."""
    steps = []
    for size in (80, 40, 20, 10, 5):
        lane_bytes = _LANE_BYTES * size // 80
        low = int.from_bytes(((1 << size) - 1).to_bytes(lane_bytes, "big") * (lanes * 80 // size), "big")
        steps.append((low, low << size, lane_bytes * 4 - size))
    return steps
