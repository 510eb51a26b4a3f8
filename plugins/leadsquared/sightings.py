"""See how CRM tasks given by their ids stand, in few calls.

The API has no look-up of many ids. A CRM task whose owner and day are known is looked for among that owner's of those
days, many in one call. Of many ids about which nothing is known, one is looked up, and others of them are sought around
it, as what was made together often lies together. What is not met so is looked up by its id alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Protocol, TypeVar

from leadsquared.errors import RequestRejected
from leadsquared.wire.bodies import PAGE_SIZE
from leadsquared.wire.records import CrmTask

#: Fewer than these are asked for one by one.
MIN_TOGETHER = 3
#: Of so many, some are sought around the first ones; after so many vain searches no longer.
MIN_TO_SEARCH = 20
VAIN_SEARCHES = 3
SEARCHED_DAYS = timedelta(days=15)
#: Days that lie no further apart are looked up in one call.
MAX_GAP = timedelta(days=2)
APPOINTMENT, TO_DO = 0, 1
DEFAULT_IN_FLIGHT = 8

Item = TypeVar("Item")
Result = TypeVar("Result")


class LookUps(Protocol):
    """What looking asks of a hook; see `leadsquared.hook.LeadSquaredHook`."""

    #: look-ups that gave fewer items than they announced
    looks_cut_short: int

    def get_task(self, task_id: str) -> CrmTask | None: ...  # noqa: D102
    def iter_appointments(self, users: Sequence[str], from_date: date, to_date: date) -> Iterator[CrmTask]: ...  # noqa: D102
    def iter_to_dos(self, users: Sequence[str], from_date: date, to_date: date) -> Iterator[CrmTask]: ...  # noqa: D102


class LookStoppedError(Exception):
    """The caller's `stop` said so between two calls."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a CRM task is looked for; `category` is 0 for appointments, 1 for to-dos."""

    owner_email: str
    due_at: datetime
    category: int


class Sightings:
    """Looks, and remembers where each CRM task was seen.

    :param in_flight: calls that may be under way at once.
    :param stop: asked between calls.
    """

    def __init__(
        self, hook: LookUps, *, in_flight: int = DEFAULT_IN_FLIGHT, stop: Callable[[], bool] = lambda: False
    ) -> None:
        self._hook = hook
        self._in_flight = in_flight
        self._stop = stop
        self._places: dict[str, Place] = {}

    def expect(self, places: Mapping[str, Place | None]) -> None:
        """Tell where CRM tasks are to be found, by id, which saves calls; None: nobody knows."""
        for task_id, place in places.items():
            if place is None:
                self._places.pop(task_id.lower(), None)
            else:
                self._places[task_id.lower()] = place

    def see(self, task_ids: Iterable[str], *, expect_absence: bool = False) -> dict[str, CrmTask | None]:
        """Return each CRM task as it stands, by its id in lower case.

        None stands for one that is not there, or that these keys may not see.

        :param expect_absence: they were deleted: one that is no longer among its owner's of those days is gone, and
            not asked for by its id as well.
        """
        wanted = list(dict.fromkeys(task_id.lower() for task_id in task_ids))
        seen = self._see_together(wanted, expect_absence=expect_absence)
        seen |= self._search([task_id for task_id in wanted if task_id not in seen])
        missing = [task_id for task_id in wanted if task_id not in seen]
        alone = for_each(self._see_alone, missing, self._in_flight)
        result = {**seen, **dict(zip(missing, alone, strict=True))}
        self._places |= {task_id: place for task_id, task in result.items() if (place := place_of(task))}
        return {task_id: result[task_id] for task_id in wanted}

    def _see_alone(self, task_id: str) -> CrmTask | None:
        self._check_stop()
        return self._hook.get_task(task_id)

    def _search(self, wanted: Sequence[str]) -> dict[str, CrmTask | None]:
        """Look one up, then read its owner's CRM tasks of those weeks for as long as others of `wanted` turn up."""
        found: dict[str, CrmTask | None] = {}
        rest = dict.fromkeys(wanted)
        vain = 0
        while len(rest) >= MIN_TO_SEARCH and vain < VAIN_SEARCHES:
            task_id = next(iter(rest))
            del rest[task_id]
            found[task_id] = self._see_alone(task_id)
            place = place_of(found[task_id])
            near = self._read_around(place, rest) if place else {}
            found |= near
            rest = {task_id: None for task_id in rest if task_id not in near}
            vain = 0 if len(near) > 1 else vain + 1
        return found

    def _read_around(self, place: Place, rest: Mapping[str, object]) -> dict[str, CrmTask]:
        self._check_stop()
        found: dict[str, CrmTask] = {}
        since_last = 0
        day = place.due_at.date()
        with suppress(RequestRejected):
            for task in self._look_up(place.category)([place.owner_email], day - SEARCHED_DAYS, day + SEARCHED_DAYS):
                task_id = (task.id or "").lower()
                since_last = 0 if task_id in rest else since_last + 1
                if task_id in rest:
                    found[task_id] = task
                if since_last == PAGE_SIZE or len(found) == len(rest):
                    break
        return found

    def _look_up(self, category: int) -> Callable[[Sequence[str], date, date], Iterator[CrmTask]]:
        return self._hook.iter_to_dos if category == TO_DO else self._hook.iter_appointments

    def _see_together(self, wanted: Sequence[str], *, expect_absence: bool) -> dict[str, CrmTask | None]:
        known = {task_id: self._places[task_id] for task_id in wanted if task_id in self._places}
        groups = [group for group in _neighbours(known) if len(group) >= MIN_TOGETHER]
        found: dict[str, CrmTask | None] = {}
        for group, (part, complete) in zip(groups, for_each(self._read_group, groups, self._in_flight), strict=True):
            found |= {**dict.fromkeys(group), **part} if complete and expect_absence else part
        return found

    def _read_group(self, group: Mapping[str, Place]) -> tuple[dict[str, CrmTask], bool]:
        """Read on until all of the group were met, but no more pages than half the calls that asking singly costs.

        Return those that were met, and whether the others cannot have been overlooked.
        """
        self._check_stop()
        category = next(iter(group.values())).category
        days = [place.due_at.date() for place in group.values()]
        owners = sorted({place.owner_email for place in group.values()})
        found: dict[str, CrmTask] = {}
        most, read, cut_short = PAGE_SIZE * (len(group) // 2), 0, self._hook.looks_cut_short
        tasks = self._look_up(category)(owners, min(days), max(days))
        try:
            for read, task in enumerate(islice(tasks, most), 1):  # noqa: B007 - told below
                task_id = (task.id or "").lower()
                if task_id in group:
                    found[task_id] = task
                if len(found) == len(group):
                    break
        except RequestRejected:  # whether an owner who left spoils a look-up is not documented: ask singly
            return found, False
        return found, read < most and self._hook.looks_cut_short == cut_short

    def _check_stop(self) -> None:
        if self._stop():
            raise LookStoppedError


def for_each(work: Callable[[Item], Result], items: Sequence[Item], in_flight: int) -> list[Result]:
    """Return the results of `work` for each item, in their order; after a failure no other is begun."""
    if len(items) <= 1 or in_flight <= 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(min(in_flight, len(items)), thread_name_prefix="leadsquared") as pool:
        try:
            return list(pool.map(work, items))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def place_of(task: CrmTask | None) -> Place | None:
    """Return where a CRM task was seen, None where the look-up told too little."""
    if task is None or not task.owner_email or task.due_at is None or task.category not in {APPOINTMENT, TO_DO}:
        return None
    return Place(task.owner_email, task.due_at, task.category)


def _neighbours(places: Mapping[str, Place]) -> Iterator[dict[str, Place]]:
    """Group CRM tasks of one category whose days lie close together."""
    by_category: dict[int, list[tuple[datetime, str]]] = defaultdict(list)
    for task_id, place in places.items():
        by_category[place.category].append((place.due_at.astimezone(UTC), task_id))
    for members in by_category.values():
        group: dict[str, Place] = {}
        before: datetime | None = None
        for due_at, task_id in sorted(members):
            if before is not None and due_at.date() - before.date() > MAX_GAP:
                yield group
                group = {}
            group[task_id] = places[task_id]
            before = due_at
        yield group
