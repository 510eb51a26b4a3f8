"""The same id again in one window: harmless if the rows are equal; else nobody can tell which one is meant."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from followups.keys import delivery_key
from followups.planning.beside import CHUNKS_AHEAD
from followups.rows import Candidate


class Repeats:
    """Knows a window's rows for as long as a look at the ledger may not show them."""

    def __init__(self, feed: str) -> None:
        self._feed = feed
        self._seen: dict[str, str] = {}
        self._open: dict[str, str] = {}
        #: content by key of the last chunks, and of the batches that were open when they began: what a chunk lets be
        #: written a look may not show that began before, and those of the chunks ahead began with it
        self._lately: deque[dict[str, str]] = deque(maxlen=CHUNKS_AHEAD + 1)
        self._carried: dict[str, str] = {}
        self._conflicts: dict[str, Candidate] = {}

    def begin_chunk(self, unwritten: Mapping[str, str]) -> Mapping[str, str]:
        """Return the content by key of rows that came in earlier chunks; `unwritten` are those of the open batch."""
        self._lately.append(self._open | self._seen)
        self._open, self._seen = dict(unwritten), {}
        self._carried = dict(unwritten)
        for met in self._lately:
            self._carried.update(met)
        return self._carried

    def first(self, candidate: Candidate) -> str | None:
        """Return the content of the first row of this id; None for the first itself."""
        key = candidate.key
        content = self._seen.get(key) or self._carried.get(key)
        if content is None:
            self._seen[key] = candidate.content_hash
        return content

    def conflicts(self, candidate: Candidate, first: str) -> bool:
        """Take a row whose id came before with the content `first`; tell whether it says what no row before did."""
        if candidate.content_hash == first:
            return False
        key = delivery_key(self._feed, candidate.key, "duplicate", candidate.content_hash)
        if key in self._conflicts:
            return False
        self._conflicts[key] = candidate
        return True

    @property
    def conflicting(self) -> int:
        """How many rows are not like the first of their id, and not taken yet."""
        return len(self._conflicts)

    def take_conflicts(self) -> dict[str, Candidate]:
        """Return the rows that are not like the first of their id, each by a key of its own."""
        conflicts, self._conflicts = self._conflicts, {}
        return conflicts
