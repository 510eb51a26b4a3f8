"""What all lookups of CRM tasks share: who may be seen, in which order, how much of it, in which reply."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from sandbox.crm_task import CrmTask
from sandbox.operations.base import Request
from sandbox.replies import RefusedError
from sandbox.settings import Settings
from sandbox.situations import Situation
from sandbox.state import Sandbox


def shows_everything(settings: Settings) -> bool:
    """Whether no switch keeps tasks out of lookups or shakes their order."""
    return not settings.lookup_lag_ms and not settings.hide_types and not settings.unstable_order


def visible(sandbox: Sandbox, tasks: Sequence[CrmTask]) -> list[CrmTask]:
    """The tasks that lookups show: not of a hidden type (by name), and made before the lag of the lookups."""
    settings = sandbox.settings
    hidden = {index for index, item in enumerate(sandbox.people.task_types) if item.name in settings.hide_types}
    latest = time.time() - settings.lookup_lag_ms / 1000
    return [task for task in tasks if task.created <= latest and task.task_type not in hidden]


def ordered(
    request: Request, tasks: Sequence[CrmTask], key: Callable[[CrmTask], Any], *, descending: bool = False
) -> list[CrmTask]:
    """Sorted by a key; with the switch `unstable_order`, equal keys come in another order at every call."""
    shaken = list(tasks)
    if request.sandbox.settings.unstable_order:
        random.Random(f"{request.sandbox.settings.seed}/{request.call.number}").shuffle(shaken)  # noqa: S311
    shaken.sort(key=key, reverse=descending)
    return shaken


def clamp(request: Request, asked: int | None, most: int, field: str) -> int:
    """The size of a page: at most `most`, silently or as an error, by the switch `page_overflow`."""
    if asked is None:
        return most
    if asked < 1:
        raise RefusedError(Situation.INPUT, field)
    if asked > most and request.sandbox.settings.page_overflow == "error":
        raise RefusedError(Situation.PAGE_SIZE, field, limit=most)
    return min(asked, most)


def page_bounds(request: Request, most: int) -> tuple[int, int]:
    """First row and size of the page that `PageIndex` (from 1) and `PageSize` ask for; without them, the first."""
    paging = request.body.object("Paging")
    index = paging.number("PageIndex") if paging else None
    if index is not None and index < 1:
        raise RefusedError(Situation.INPUT, "PageIndex")
    size = clamp(request, paging.number("PageSize") if paging else None, most, "PageSize")
    return ((index or 1) - 1) * size, size


def listing(request: Request, key: str, total: int, items: list[dict[str, Any]]) -> dict[str, Any]:
    """`{RecordCount, <key>: [...]}`; the list may be missing when it is empty (switch `omit_empty_list`)."""
    request.call.rows = len(items)
    if not items and request.sandbox.settings.omit_empty_list:
        return {"RecordCount": total}
    return {"RecordCount": total, key: items}
