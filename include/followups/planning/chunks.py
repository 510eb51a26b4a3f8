"""A chunk of rows with what the ledger holds of it, which is asked for before the chunk's turn comes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from followups.ledger.rows import Known
from followups.model import State
from followups.planning.beside import Beside
from followups.planning.unchanged import comparable
from followups.rows import Candidate, Outline, Outlines

#: How many rows a chunk has, where nothing else decides.
CHUNK_ROWS = 5000


class Ledger(Protocol):
    """What is asked of the ledger for each chunk."""

    def known(self, keys: Sequence[str]) -> dict[str, Known]: ...  # noqa: D102
    def unchanged(self, row_hashes: Mapping[str, int], states: Collection[State]) -> dict[State, list[str]]: ...  # noqa: D102


class Reader(Protocol):
    """Makes candidates of what was read: `TableReader` for a query's rows, `RowReader` for mappings."""

    def outlines(self, rows: Sequence[Any]) -> Outlines: ...  # noqa: D102
    def read(self, rows: Sequence[Any], outlines: Sequence[Outline]) -> list[Candidate]: ...  # noqa: D102


class Standing(NamedTuple):
    """What the ledger holds of a chunk: keys by state of rows that nothing moved, and the others that it knows."""

    unchanged: Mapping[State, Sequence[str]]
    known: Mapping[str, Known]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows with their outlines, and what gives their standing."""

    rows: Sequence[Any]
    outlines: Outlines
    reader: Reader
    standing: Callable[[], Standing]

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, left: Collection[str], step: int | None = None) -> Iterator[list[Candidate]]:
        """Yield the candidates of the rows whose keys are not among those that are left alone, `step` at a time."""
        rows, outlines = self._others(left) if left else (self.rows, self.outlines.each())
        step = step or len(rows)
        for start in range(0, len(rows), step or 1):
            yield self.reader.read(rows[start : start + step], outlines[start : start + step])

    def _others(self, left: Collection[str]) -> tuple[list[Any], list[Outline]]:
        others = [
            (row, Outline(key, row_hash))
            for row, key, row_hash in zip(self.rows, *self.outlines, strict=True)
            if key not in left
        ]
        return [row for row, _ in others], [outline for _, outline in others]


class Looks:
    """Begins looks at the ledger; rows that are as they were in one of the states `left_alone` need not be read."""

    def __init__(self, ledger: Ledger, left_alone: Collection[State], beside: Beside) -> None:
        self._ledger = ledger
        self._left_alone = left_alone
        self._beside = beside
        #: whether the chunk before had rows that the ledger knows; among new rows none is as it was
        self._meets_known = True

    def chunk(self, rows: Sequence[Any], reader: Reader) -> Chunk:
        """Return a chunk whose look at the ledger is under way."""
        outlines = reader.outlines(rows)
        return Chunk(rows, outlines, reader, self._beside.look(lambda: self._look(outlines)))

    def _look(self, outlines: Outlines) -> Standing:
        unchanged: Mapping[State, Sequence[str]] = {}
        if self._left_alone and self._meets_known:
            unchanged = self._ledger.unchanged(comparable(outlines), self._left_alone)
        left = {key for keys in unchanged.values() for key in keys}
        known = self._ledger.known([key for key in outlines.keys if key not in left])
        self._meets_known = bool(unchanged or known)
        return Standing(unchanged, known)
