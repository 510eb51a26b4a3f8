"""Identity of a delivery and its marker."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from followups.keys import MARKER_LENGTH, content_hash, delivery_key, marker

TEXTS = st.text(max_size=20)


def test_key_does_not_change_between_versions() -> None:
    assert delivery_key("visits", "f-1") == "d7z6yoexublqrna2jun7jowz4y"


@given(TEXTS, TEXTS)
def test_key_is_26_small_letters_and_digits_whatever_the_id_holds(feed: str, followup_id: str) -> None:
    assert re.fullmatch("[a-z2-7]{26}", delivery_key(feed, followup_id))


def test_key_depends_on_feed_id_and_identity_columns_alone() -> None:
    keys = {delivery_key("visits", "f-1"), delivery_key("calls", "f-1"), delivery_key("visits", "f-2"),
            delivery_key("visits", "f-1", "2031-04-05"), delivery_key("visits", "f-1", "2031-04-06")}  # fmt: skip
    assert len(keys) == 5
    assert delivery_key("visits", "f-1", "x") == delivery_key("visits", "f-1", "x")


def test_parts_do_not_run_into_each_other() -> None:
    assert delivery_key("visits", "ab", "c") != delivery_key("visits", "a", "bc")


def test_half_surrogate_pairs_have_a_key_too() -> None:
    assert delivery_key("visits", "\ud800") != delivery_key("visits", "\ud801")


def test_content_hash_follows_the_content() -> None:
    assert content_hash("one") == content_hash("one") != content_hash("two")


def test_first_marker_is_the_beginning_of_the_key_so_that_people_can_search_the_ledger() -> None:
    key = delivery_key("visits", "f-1")
    assert marker(key) == key[:MARKER_LENGTH]


def test_each_generation_has_a_marker_of_its_own() -> None:
    markers = {marker(delivery_key("visits", "f-1"), generation) for generation in range(20)}
    assert len(markers) == 20
    assert {len(each) for each in markers} == {MARKER_LENGTH}
