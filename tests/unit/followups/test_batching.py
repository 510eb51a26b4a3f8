"""Calls of at most 50 payloads and of a body's size; slices that cover all calls once."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followups.planning.batching import (
    MAX_BYTES_PER_CALL,
    MAX_ROWS_PER_CALL,
    MAX_SLICES,
    MAX_SLICES_MAPPED,
    BatchCutter,
    Slice,
    batch_name,
    cut_slices,
    plan_of,
)

SIZES = st.lists(st.integers(1, MAX_BYTES_PER_CALL + 10) | st.integers(1, 2000), max_size=300)


@given(SIZES)
def test_batches_lose_and_repeat_nothing_and_keep_both_limits(sizes: list[int]) -> None:
    cutter = BatchCutter(7)
    batches: dict[str, list[int]] = {}
    for size in sizes:
        batches.setdefault(cutter.next(size), []).append(size)
    assert [size for batch in batches.values() for size in batch] == sizes
    assert list(batches) == [batch_name(7, number) for number in range(1, cutter.batches + 1)]
    for batch in batches.values():
        assert len(batch) <= MAX_ROWS_PER_CALL
        assert sum(batch) <= MAX_BYTES_PER_CALL or len(batch) == 1


@given(st.integers(0, 500))
def test_batches_of_small_payloads_are_full(rows: int) -> None:
    cutter = BatchCutter(1)
    for _ in range(rows):
        cutter.next(1)
    assert cutter.batches == -(-rows // MAX_ROWS_PER_CALL)


def test_closed_batch_takes_no_more() -> None:
    cutter = BatchCutter(1)
    first = cutter.next(1)
    cutter.close()
    assert cutter.next(1) != first
    assert cutter.next(1) == batch_name(1, 2)


@given(st.integers(0, 200_000), st.none() | st.integers(1, 2000))
def test_slices_cover_every_call_once_in_order(batches: int, batches_per_slice: int | None) -> None:
    slices = cut_slices(3, batches, batches_per_slice)
    limits = [bound for each in slices for bound in (each.first_batch, each.last_batch)]
    assert limits == sorted(limits)
    assert sum(each.last_batch - each.first_batch + 1 for each in slices) == batches
    assert all(after.first_batch == each.last_batch + 1 for each, after in pairwise(slices))
    assert len(slices) <= (MAX_SLICES_MAPPED if batches_per_slice else MAX_SLICES)


@given(st.integers(1, 100_000), st.integers(1, 2000))
def test_slices_differ_by_one_call_at_most_and_keep_the_feeds_size(batches: int, batches_per_slice: int) -> None:
    sizes = {each.last_batch - each.first_batch + 1 for each in cut_slices(3, batches, batches_per_slice)}
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= batches_per_slice or batches > batches_per_slice * MAX_SLICES_MAPPED


def test_million_rows_make_at_most_100_mapped_tasks() -> None:
    assert len(cut_slices(1, 1_000_000 // 50)) == 100


def test_slice_survives_xcom() -> None:
    one = Slice(plan_id=3, first_batch=1, last_batch=9, label="calls 1 to 9 of 9")
    assert Slice.from_json({**one.as_json(), "added_by_a_later_version": 1}) == one


@pytest.mark.parametrize("name", ["3-000009", "3-000009.1", "3-000009.2.1.1"])
def test_batches_that_were_split_off_stay_in_their_slice(name: str) -> None:
    first, end = Slice(plan_id=3, first_batch=1, last_batch=9, label="").bounds
    assert first <= name < end
    assert plan_of(name) == 3
