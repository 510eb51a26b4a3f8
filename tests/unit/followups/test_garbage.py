"""How Python is kept from searching for garbage at the wrong time."""

from __future__ import annotations

import gc

from followups.garbage import NEW_OBJECTS, only_new_searched, seldom_collected


def test_what_is_there_is_left_out_of_searches_and_put_back() -> None:
    there = [object()]
    with only_new_searched():
        assert gc.get_freeze_count() > 1000
        assert not any(each is there for each in gc.get_objects())
    assert gc.get_freeze_count() == 0
    assert any(each is there for each in gc.get_objects())


def test_searches_are_seldom_for_a_while() -> None:
    usual = gc.get_threshold()
    with seldom_collected():
        assert gc.get_threshold()[0] == NEW_OBJECTS
        assert gc.get_freeze_count() > 1000
    assert gc.get_threshold() == usual
    assert gc.get_freeze_count() == 0
