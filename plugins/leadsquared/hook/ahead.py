"""Fetch the pages of a look-up before they are asked for, several at a time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from math import ceil
from types import TracebackType
from typing import Self

from leadsquared.wire.records import Page

Fetch = Callable[[int, int], Page]


class PagesAhead:
    """A `fetch` for `follow_pages`: once the first page has told how many items there are, the next are under way.

    For look-ups whose pages are asked for by number, and that are read to their end.

    :param in_flight: pages that may be under way at once; with 1 each is fetched when it is asked for.
    """

    def __init__(self, fetch: Fetch, page_size: int, in_flight: int) -> None:
        self._fetch = fetch
        self._page_size = page_size
        self._in_flight = in_flight
        self._pool = ThreadPoolExecutor(in_flight, thread_name_prefix="pages")
        self._under_way: dict[int, Future[Page]] = {}
        self._last = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        """Fetch no more; calls under way end first, so that none outlives the hook."""
        self._pool.shutdown(cancel_futures=True)

    def __call__(self, number: int, received: int) -> Page:
        """Return a page; page 1 begins anew."""
        if number == 1:
            self._forget()
            first = self._fetch(1, received)
            self._last = ceil((first.record_count or 0) / self._page_size)
            self._begin(2)
            return first
        self._begin(number)
        page = self._under_way.pop(number, None)
        return page.result() if page else self._fetch(number, received)

    def _forget(self) -> None:
        for page in self._under_way.values():
            page.cancel()
        self._under_way.clear()

    def _begin(self, number: int) -> None:
        """Have this page and the next ones under way, as far as there are so many."""
        if self._in_flight == 1:
            return
        for each in range(number, min(number + self._in_flight - 1, self._last) + 1):
            if each not in self._under_way:
                self._under_way[each] = self._pool.submit(self._fetch, each, 0)
