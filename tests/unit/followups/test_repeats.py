"""The same id again in one window."""

from __future__ import annotations

from followups.model import State
from followups.planning.beside import CHUNKS_AHEAD
from followups.planning.repeats import Repeats
from followups.rows import Candidate


def row(key: str, content: str = "a") -> Candidate:
    return Candidate(key=key, followup_id=key, state=State.PLANNED, content_hash=content)


def test_first_row_of_an_id_is_told_from_those_behind_it() -> None:
    repeats = Repeats("visits")
    repeats.begin_chunk({})
    assert repeats.first(row("k")) is None
    assert repeats.first(row("k", "b")) == "a"


def test_rows_are_remembered_for_as_long_as_looks_may_not_show_them_or_their_batch_is_open() -> None:
    repeats = Repeats("visits")
    unseen = CHUNKS_AHEAD + 1
    repeats.begin_chunk({})
    repeats.first(row("k"))
    for _ in range(unseen):
        repeats.begin_chunk({})
        assert repeats.first(row("k", "b")) == "a"
    repeats.begin_chunk({"k": "a"})
    assert repeats.first(row("k", "b")) == "a"
    # The chunk before let its batch be written, which a look for this one and the next may not show.
    for _ in range(unseen):
        repeats.begin_chunk({})
        assert repeats.first(row("k", "b")) == "a"
    repeats.begin_chunk({})
    assert repeats.first(row("k", "b")) is None


def test_equal_rows_are_no_conflict_and_each_other_content_is_one() -> None:
    repeats = Repeats("visits")
    assert not repeats.conflicts(row("k", "a"), "a")
    assert repeats.conflicts(row("k", "b"), "a")
    assert not repeats.conflicts(row("k", "b"), "a")
    assert repeats.conflicts(row("k", "c"), "a")
    assert repeats.conflicting == 2
    taken = repeats.take_conflicts()
    assert [each.content_hash for each in taken.values()] == ["b", "c"]
    assert "k" not in taken
    assert repeats.conflicting == 0
    assert repeats.take_conflicts() == {}
