"""Pages that are fetched before they are asked for."""

from __future__ import annotations

import threading

import pytest

from leadsquared.hook.ahead import PagesAhead
from leadsquared.wire.records import Page


class Server:
    """Pages of one item each; notes what is asked for, and how many calls were under way at once."""

    def __init__(self, announced: int | None, *, together: int = 1) -> None:
        self.announced = announced
        self.asked: list[int] = []
        self._meeting = threading.Barrier(together)

    def __call__(self, number: int, received: int) -> Page:
        self.asked.append(number)
        if number > 1:
            self._meeting.wait(10)
        return Page(self.announced, ({"number": number},))


def numbers(pages: PagesAhead, last: int) -> list[int]:
    return [pages(number, 0).items[0]["number"] for number in range(1, last + 1)]


def test_pages_after_the_first_are_under_way_together_and_come_in_order() -> None:
    server = Server(7, together=3)
    with PagesAhead(server, 1, 3) as pages:
        assert numbers(pages, 7) == [1, 2, 3, 4, 5, 6, 7]
    assert server.asked[0] == 1
    assert sorted(server.asked) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("announced", [None, 1])
def test_nothing_is_fetched_ahead_that_was_not_announced(announced: int | None) -> None:
    server = Server(announced)
    with PagesAhead(server, 1, 8) as pages:
        assert numbers(pages, 3) == [1, 2, 3]
    assert server.asked == [1, 2, 3]


def test_one_at_a_time_is_fetched_when_it_is_asked_for() -> None:
    server = Server(100)
    with PagesAhead(server, 1, 1) as pages:
        assert numbers(pages, 2) == [1, 2]
    assert server.asked == [1, 2]


def test_no_more_are_ahead_than_may_be_under_way() -> None:
    server = Server(100)
    with PagesAhead(server, 1, 4) as pages:
        numbers(pages, 2)
    assert max(server.asked) <= 6


def test_going_through_the_pages_again_asks_for_all_of_them_again() -> None:
    server = Server(4)
    with PagesAhead(server, 1, 2) as pages:
        assert numbers(pages, 4) + numbers(pages, 4) == [1, 2, 3, 4] * 2
    assert sorted(server.asked) == sorted([1, 2, 3, 4] * 2)


def test_what_a_page_raises_is_raised_when_it_is_asked_for() -> None:
    def fetch(number: int, _: int) -> Page:
        if number == 3:
            raise LookupError
        return Page(4, ({"number": number},))

    with PagesAhead(fetch, 1, 4) as pages:
        assert numbers(pages, 2) == [1, 2]
        with pytest.raises(LookupError):
            pages(3, 0)
