"""Follow the pages of a look-up whose order may change and whose pages may be cut without notice."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any, cast

from leadsquared.wire.bodies import PAGE_SIZE
from leadsquared.wire.records import Page

log = logging.getLogger(__name__)

_USELESS_PAGES = 2
_PASSES = 3

Fetch = Callable[[int, int], Page]
Identify = Callable[[dict[str, Any]], str | None]


def follow_pages(
    fetch: Fetch,
    *,
    identify: Identify,
    page_size: int = PAGE_SIZE,
    short_page_ends: bool = True,
    is_enough: Callable[[Page], bool] = lambda _: False,
    on_short: Callable[[], None] = lambda: None,
) -> Iterator[dict[str, Any]]:
    """Yield every item once, by its id, or by its content if it has none.

    While fewer items came than RecordCount announced, as the order of equal ones may change between pages, all pages
    are gone through again, at most twice, and not again after a pass that brought nothing. A server that repeats
    itself is left after two pages without anything new. What is missing in the end is logged: what was not found is
    not proved absent.

    :param fetch: takes the number of the page, from 1, and the number of items received so far in this pass.
    :param short_page_ends: whether a short page is the last one of replies that do not tell how many items there are;
        if it may have been cut, such a look-up costs one call more.
    :param is_enough: tells after a page that the rest is not wanted.
    :param on_short: called where fewer items came than were announced.
    """
    seen: set[str] = set()
    announced: int | None = None
    for _ in range(_PASSES):
        known, useless, counts = len(seen), 0, list[int]()
        for page in _go_through(fetch, page_size, short_page_ends=short_page_ends):
            counts += [] if page.record_count is None else [page.record_count]
            before = len(seen)
            yield from _new_items(page, identify, seen)
            if is_enough(page):
                return
            useless = useless + 1 if len(seen) == before else 0
            if useless == _USELESS_PAGES:
                break
        # Of items that became fewer meanwhile some moved up, onto a page that was read already.
        announced = max(counts, default=announced)
        if announced is None or len(seen) >= announced or len(seen) == known or useless == _USELESS_PAGES:
            break
    if announced is not None and len(seen) < announced:
        log.warning("A look-up announced %d items and gave %d different ones.", announced, len(seen))
        on_short()


def passed(since: datetime | None, moment_of: Callable[[dict[str, Any]], datetime | None]) -> Callable[[Page], bool]:
    """Return what tells that the pages of a look-up, newest first, have passed `since`.

    That is believed only of pages that are seen to keep the order and, as fewer items would move up unseen, of a
    look-up that does not shrink meanwhile.
    """
    moments: list[datetime | None] = []
    counts: list[int | None] = []

    def is_enough(page: Page) -> bool:
        moments.extend(map(moment_of, page.items))
        counts.append(page.record_count)
        if since is None or None in moments or None in counts:
            return False
        times, totals = cast("list[datetime]", moments), cast("list[int]", counts)
        in_order = all(left >= right for left, right in pairwise(times)) and totals == sorted(totals)
        return in_order and bool(times) and times[0] > times[-1] and times[-1] < since

    return is_enough


def _go_through(fetch: Fetch, page_size: int, *, short_page_ends: bool) -> Iterator[Page]:
    """Yield pages up to an empty one, or a short one unless more was announced: pages may be cut by the server."""
    received = number = 0
    announced: int | None = None
    while True:
        number += 1
        page = fetch(number, received)
        received += len(page.items)
        announced = announced if page.record_count is None else page.record_count
        yield page
        complete = short_page_ends if announced is None else received >= announced
        if not page.items or (complete and len(page.items) < page_size):
            return


def _new_items(page: Page, identify: Identify, seen: set[str]) -> Iterator[dict[str, Any]]:
    for item in page.items:
        identity = identify(item) or f"\0{json.dumps(item, sort_keys=True)}"
        if identity not in seen:
            seen.add(identity)
            yield item
