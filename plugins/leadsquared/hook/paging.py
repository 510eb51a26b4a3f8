"""Follow the pages of a look-up whose order may change and whose pages may be cut without notice."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

from leadsquared.bodies import PAGE_SIZE
from leadsquared.records import Page

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
    on_short: Callable[[], None] = lambda: None,
) -> Iterator[dict[str, Any]]:
    """Yield every item once, by its id, or by its content if it has none.

    While fewer items came than RecordCount announced, as the order of equal ones may change between pages, all pages
    are gone through again, at most twice, and not again after a pass that brought nothing. A server that repeats
    itself is left after two pages without anything new. What is missing in the end is logged: what was not found is
    not proved absent.

    :param fetch: takes the number of the page, from 1, and the number of items received so far in this pass.
    :param on_short: called where fewer items came than were announced.
    :param short_page_ends: False for replies that do not tell how many items there are, where a short page may have
        been cut: such a look-up costs one call more.
    """
    seen: set[str] = set()
    announced: int | None = None
    for _ in range(_PASSES):
        known, useless = len(seen), 0
        for page in _go_through(fetch, page_size, short_page_ends=short_page_ends):
            announced = announced if page.record_count is None else page.record_count
            before = len(seen)
            yield from _new_items(page, identify, seen)
            useless = useless + 1 if len(seen) == before else 0
            if useless == _USELESS_PAGES:
                break
        if announced is None or len(seen) >= announced or len(seen) == known or useless == _USELESS_PAGES:
            break
    if announced is not None and len(seen) < announced:
        log.warning("A look-up announced %d items and gave %d different ones.", announced, len(seen))
        on_short()


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
        short = short_page_ends and len(page.items) < page_size
        if not page.items or (short and (announced is None or received >= announced)):
            return


def _new_items(page: Page, identify: Identify, seen: set[str]) -> Iterator[dict[str, Any]]:
    for item in page.items:
        identity = identify(item) or f"\0{json.dumps(item, sort_keys=True)}"
        if identity not in seen:
            seen.add(identity)
            yield item
