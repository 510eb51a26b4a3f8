"""What the ledger is asked of a chunk, and which of its rows are read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from followups.ledger.rows import Known
from followups.model import State
from followups.planning.beside import Beside
from followups.planning.chunks import Looks
from tests.support.follow_ups import make_reader, make_row, make_rows


class FakeLedger:
    """Holds rows by key; remembers what it was asked."""

    def __init__(self) -> None:
        self.delivered: dict[str, int] = {}
        self.compared: list[int] = []

    def known(self, keys: Sequence[str]) -> dict[str, Known]:
        return {key: Known(1, State.CREATED, "c", 1, 0, "1-1") for key in keys if key in self.delivered}

    def unchanged(self, row_hashes: Mapping[str, int], states: Collection[State]) -> dict[State, list[str]]:
        assert State.CREATED in states
        self.compared.append(len(row_hashes))
        same = [key for key, row_hash in row_hashes.items() if self.delivered.get(key) == row_hash]
        return {State.CREATED: same} if same else {}


def looks_of(ledger: FakeLedger, *states: State) -> Looks:
    return Looks(ledger, states, Beside())


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


def test_among_new_rows_none_is_compared_until_one_is_known() -> None:
    ledger, reader = FakeLedger(), make_reader()
    looks = looks_of(ledger, State.CREATED)
    looks.chunk(make_rows(3), reader).standing()
    looks.chunk(make_rows(3), reader).standing()
    assert ledger.compared == [3]
    ledger.delivered = {each.key: each.row_hash or 0 for each in reader.outlines(make_rows(1)).each()}
    looks.chunk(make_rows(3), reader).standing()
    assert ledger.compared == [3]
    assert looks.chunk(make_rows(3), reader).standing().unchanged != {}
    assert ledger.compared == [3, 3]


def test_nothing_is_compared_where_every_row_is_to_be_read() -> None:
    ledger = FakeLedger()
    looks_of(ledger).chunk(make_rows(3), make_reader()).standing()
    assert ledger.compared == []


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
