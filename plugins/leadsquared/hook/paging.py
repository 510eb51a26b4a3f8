"""Follow the pages of a look-up whose order may change and whose pages may be cut without notice."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

from leadsquared.bodies import PAGE_SIZE
from leadsquared.records import Page

log = logging.getLogger(__name__)

_USELESS_PAGES = 2


def follow_pages(
    fetch: Callable[[int, int], Page],
    *,
    identify: Callable[[dict[str, Any]], str | None],
    page_size: int = PAGE_SIZE,
) -> Iterator[dict[str, Any]]:
    """Yield every item once, by its id; items without an id are all yielded.

    Ends at an empty page, or at a short one unless RecordCount announced more: a server may cut pages below the size
    asked for. One that repeats itself is left after two pages without anything new. Fewer distinct items than announced
    are logged: what was not found is then not proved absent.

    :param fetch: takes the number of the page, from 1, and the number of items received so far.
    """
    seen: set[str] = set()
    received = distinct = useless = number = 0
    announced: int | None = None
    while useless < _USELESS_PAGES:
        number += 1
        page = fetch(number, received)
        received += len(page.items)
        announced = page.record_count if page.record_count is not None else announced
        before = distinct
        for item in page.items:
            identity = identify(item)
            if identity is not None and identity in seen:
                continue
            if identity is not None:
                seen.add(identity)
            distinct += 1
            yield item
        useless = useless + 1 if distinct == before else 0
        complete = announced is None or received >= announced
        if not page.items or (len(page.items) < page_size and complete):
            break
    if announced is not None and distinct < announced:
        log.warning("A look-up announced %d items and gave %d different ones.", announced, distinct)
