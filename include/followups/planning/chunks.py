"""A chunk of rows with what the ledger holds of it, which is asked for before the chunk's turn comes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import compress, starmap
from typing import Any, Protocol

from followups.ledger.rows import Standing
from followups.model import State
from followups.planning.beside import Beside
from followups.planning.unchanged import comparable
from followups.rows import Candidate, Outline, Outlines

#: How many rows a chunk has, where nothing else decides.
CHUNK_ROWS = 5000


class Ledger(Protocol):
    """What is asked of the ledger for each chunk."""

    def standing(self, row_hashes: Mapping[str, int | None], states: Set[State]) -> Standing: ...  # noqa: D102


class Reader(Protocol):
    """Makes candidates of what was read: `TableReader` for a query's rows, `RowReader` for mappings."""

    def outlines(self, rows: Sequence[Any]) -> Outlines: ...  # noqa: D102
    def read(self, rows: Sequence[Any], outlines: Sequence[Outline]) -> list[Candidate]: ...  # noqa: D102


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
        needed = [key not in left for key in self.outlines.keys]
        outlines = compress(zip(*self.outlines, strict=True), needed)
        return list(compress(self.rows, needed)), list(starmap(Outline, outlines))


class Looks:
    """Begins looks at the ledger; rows that are as they were in one of the states `left_alone` need not be read."""

    def __init__(self, ledger: Ledger, left_alone: Set[State], beside: Beside) -> None:
        self._ledger = ledger
        self._left_alone = left_alone
        self._beside = beside

    def chunk(self, rows: Sequence[Any], reader: Reader) -> Chunk:
        """Return a chunk whose look at the ledger is under way."""
        outlines = reader.outlines(rows)
        hashes = comparable(outlines)
        look = self._beside.look(lambda: self._ledger.standing(hashes, self._left_alone))
        return Chunk(rows, outlines, reader, look)
