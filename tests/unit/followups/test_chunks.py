"""What the ledger is asked of a chunk, and which of its rows are read."""

from __future__ import annotations

from collections.abc import Mapping, Set

from followups.ledger.rows import Known, Standing
from followups.model import State
from followups.planning.beside import Beside
from followups.planning.chunks import Looks
from tests.support.follow_ups import make_reader, make_row, make_rows


class FakeLedger:
    """Holds rows by key; remembers what it was asked."""

    def __init__(self) -> None:
        self.delivered: dict[str, int] = {}
        self.asked: list[tuple[list[str], set[State]]] = []

    def standing(self, row_hashes: Mapping[str, int | None], states: Set[State]) -> Standing:
        self.asked.append((list(row_hashes), set(states)))
        met = {key: row_hash for key, row_hash in row_hashes.items() if key in self.delivered}
        same = [key for key, row_hash in met.items() if states and self.delivered[key] == row_hash]
        known = {key: Known(1, State.CREATED, "c", 1, 0, "1-1") for key in met if key not in same}
        return Standing({State.CREATED: same} if same else {}, known)


def looks_of(ledger: FakeLedger, *states: State) -> Looks:
    return Looks(ledger, set(states), Beside())


def test_rows_that_are_as_they_were_are_not_asked_for_again_and_not_read() -> None:
    ledger, reader = FakeLedger(), make_reader()
    for each in reader.outlines(make_rows(2)).each():
        assert each.row_hash is not None
        ledger.delivered[each.key] = each.row_hash
    rows = [make_row("f-1"), make_row("f-2", subject="other"), make_row("f-3")]
    chunk = looks_of(ledger, State.CREATED).chunk(rows, reader)
    unchanged, known = chunk.standing()
    first, second, third = chunk.outlines.keys
    assert unchanged == {State.CREATED: [first]}
    assert list(known) == [second]
    (candidates,) = chunk.read({first})
    assert [each.key for each in candidates] == [second, third]


def test_ledger_is_asked_once_of_all_rows_of_a_chunk() -> None:
    ledger = FakeLedger()
    chunk = looks_of(ledger, State.CREATED).chunk([*make_rows(3), make_row("f-1")], make_reader())
    assert chunk.standing() == ({}, {})
    assert ledger.asked == [(list(chunk.outlines.keys[:3]), {State.CREATED})]


def test_rows_keep_their_places_among_those_that_are_left_out() -> None:
    chunk = looks_of(FakeLedger(), State.CREATED).chunk(make_rows(5), make_reader())
    left = {chunk.outlines.keys[0], chunk.outlines.keys[3]}
    (candidates,) = chunk.read(left)
    assert [each.followup_id for each in candidates] == ["f-2", "f-3", "f-5"]
    assert [each.key for each in candidates] == [chunk.outlines.keys[place] for place in (1, 2, 4)]
    assert [each.row_hash for each in candidates] == [chunk.outlines.row_hashes[place] for place in (1, 2, 4)]


def test_rows_are_read_some_at_a_time_in_their_order() -> None:
    chunk = looks_of(FakeLedger(), State.CREATED).chunk(make_rows(5), make_reader())
    pieces = [[each.followup_id for each in piece] for piece in chunk.read((), 2)]
    assert pieces == [["f-1", "f-2"], ["f-3", "f-4"], ["f-5"]]
    assert [len(piece) for piece in chunk.read(())] == [5]
    assert len(chunk) == 5


def test_chunk_of_no_rows_has_nothing_to_read() -> None:
    chunk = looks_of(FakeLedger(), State.CREATED).chunk([], make_reader())
    assert chunk.standing() == ({}, {})
    assert list(chunk.read(())) == []
