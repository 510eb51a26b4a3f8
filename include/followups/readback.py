"""Find out from LeadSquared itself what became of rows that were sent. Pure, but for the reader it is given.

Rows are looked up by owners and dates, many at a time, and recognised by their marker; where it was not written, or did
not survive, by the fingerprint name + owner + due date + related entity.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Protocol

from followups.ledger.sent_rows import OpenRow
from followups.sought import Fingerprint, Sought, fingerprint_of, sought_of

#: owners, and the first and the last day
DayRange = tuple[list[str], date, date]


class SeenTask(Protocol):
    """A CRM task as a look-up returns it."""

    @property
    def id(self) -> str | None: ...  # noqa: D102
    @property
    def name(self) -> str | None: ...  # noqa: D102
    @property
    def marker(self) -> str | None: ...  # noqa: D102
    @property
    def markers(self) -> Collection[str]: ...  # noqa: D102
    @property
    def category(self) -> int | None: ...  # noqa: D102
    @property
    def due_at(self) -> datetime | None: ...  # noqa: D102
    @property
    def owner_email(self) -> str | None: ...  # noqa: D102
    @property
    def related_id(self) -> str | None: ...  # noqa: D102
    @property
    def task_type(self) -> str | None: ...  # noqa: D102
    @property
    def created_at(self) -> datetime | None: ...  # noqa: D102
    @property
    def status_code(self) -> int | None: ...  # noqa: D102


class UnansweredError(Exception):
    """One look-up got no answer that can be used; others may."""


class Reader(Protocol):
    """Looks up CRM tasks; every call takes a slot of the rate limit."""

    def __call__(self, ranges: Sequence[DayRange]) -> Iterable[SeenTask]:
        """Return the CRM tasks of many owners that are due in ranges of days."""

    def of_related(self, entity: int, related_id: str) -> Iterable[SeenTask] | None:
        """Return all CRM tasks of a lead (entity 1) or an opportunity (5), whoever owns them.

        None where LeadSquared refuses to tell of it.

        :raises UnansweredError: nobody can tell what it has.
        """

    def of_owner(self, owner: str, created_since: datetime) -> Iterable[SeenTask]:
        """Return an owner's CRM tasks, whenever they are due, that were created since.

        :raises UnansweredError: nobody can tell what the owner has.
        """

    @property
    def cut_short(self) -> int:
        """How many looks so far gave fewer CRM tasks than they announced; what these do not show is not absent."""

    @property
    def refused(self) -> Collection[str]:
        """Owners for whom LeadSquared would not answer; what is theirs is not absent."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a look came to."""

    #: CRM tasks by delivery, the oldest first; several are duplicates
    tasks: Mapping[int, Sequence[SeenTask]]
    #: deliveries that nothing is left of by which they could be found
    impossible: Sequence[int]
    #: names of the task types that were seen at all: those of others may be hidden from these keys
    visible_types: frozenset[str]
    #: whether every look was answered and gave all that it announced
    complete: bool
    #: deliveries that a look would not show though they were there, as it was not answered, or not in full
    unanswered: frozenset[int] = frozenset()


#: Days that lie no further apart are looked up in one call.
MAX_GAP = timedelta(days=2)
#: LeadSquared may keep a to-do's date alone: its midnight, in whatever zone, lies within this of what was sent.
TO_DO_SHIFT = timedelta(hours=24)
TO_DO = 1


def look(rows: Sequence[OpenRow], read: Reader) -> Found:
    """Look for all rows in as few calls as their owners and dates allow."""
    sought, impossible = [], []
    for row in rows:
        wanted = sought_of(row)
        if wanted is None:
            impossible.append(row.id)
        else:
            sought.append(wanted)
    places = {(one.owner, one.due.date()) for one in sought}
    tasks = list(read(list(day_ranges(places))))
    seen = {task.id: task for task in tasks if task.id}
    found = _by_marker(sought, seen)
    missing = [one for one in sought if one.row.id not in found]
    found |= _by_fingerprint(missing, seen, sought)
    return Found(
        tasks={row_id: sorted((seen[task_id] for task_id in ids), key=_age) for row_id, ids in found.items()},
        impossible=impossible,
        visible_types=frozenset(task.task_type for task in seen.values() if task.task_type),
        complete=not read.cut_short,
        unanswered=frozenset(
            {one.row.id for one in sought if one.owner in read.refused}
            | _shown_without_id(sought, [task for task in tasks if not task.id])
        ),
    )


def look_closely(rows: Sequence[OpenRow], read: Reader, created_since: datetime) -> Found:
    """Look for rows that were not where they should be, one lead, opportunity or owner a call.

    A rule of the account, or a rep, may have changed owner or date: a lead shows its CRM tasks all the same, and an
    owner those of any date. A CRM task of the same name that bears no marker, or one with the row's marker among
    others or without an id, may be the row's or not: then nobody can tell, and the row is among the `impossible` ones.
    A look that fails, or is cut short, leaves its own rows `unanswered`.
    """
    tasks: dict[int, list[SeenTask]] = defaultdict(list)
    doubtful: set[int] = set()
    unanswered: set[int] = set()
    for group in _grouped(one for row in rows if (one := sought_of(row))):
        seen, all_of_them = _near(group, read, created_since)
        if not all_of_them:
            unanswered.update(one.row.id for one in group)
        for one, task in product(group, seen):
            if one.marker and task.marker == one.marker and task.id:
                tasks[one.row.id].append(task)
            elif _may_be(one, task, created_since):
                doubtful.add(one.row.id)
    return Found(
        tasks={row_id: sorted(found, key=_age) for row_id, found in tasks.items()},
        impossible=sorted(doubtful - set(tasks)),
        visible_types=frozenset(),
        complete=not unanswered,
        unanswered=frozenset(unanswered),
    )


def _near(group: Sequence[Sought], read: Reader, created_since: datetime) -> tuple[list[SeenTask], bool]:
    """Return the CRM tasks of the group's lead or opportunity, else of its owners, and whether these are all."""
    cut_short = read.cut_short
    entity, related_id = group[0].related
    try:
        seen = read.of_related(entity, related_id) if related_id else None
        if seen is None:
            owners = sorted({one.owner for one in group})
            seen = [task for owner in owners for task in read.of_owner(owner, created_since)]
        return list(seen), read.cut_short == cut_short
    except UnansweredError:
        return [], False


def _shown_without_id(sought: Sequence[Sought], tasks: Sequence[SeenTask]) -> set[int]:
    """Return the rows whose CRM task may be one of those without an id, which nobody can record."""
    markers = {task.marker for task in tasks if task.marker}
    unmarked = {_of_task(task) for task in tasks if not task.marker}
    alike = {_of_task(task) for task in tasks}
    return {
        one.row.id for one in sought if one.marker in markers or one.fingerprint in (unmarked if one.marker else alike)
    }


def _may_be(one: Sought, task: SeenTask, created_since: datetime) -> bool:
    if one.marker in task.markers:
        return True
    young = task.created_at is None or task.created_at >= created_since
    return young and not _is_strange(one, task) and (task.name or "").strip() == one.fingerprint[0]


def _is_strange(one: Sought, task: SeenTask) -> bool:
    """Tell whether a task bears a marker that not even the row's own text quotes."""
    return task.marker is not None and task.marker not in (one.row.payload or "")


def _grouped(sought: Iterable[Sought]) -> Iterable[Sequence[Sought]]:
    """Group rows by what one call can be asked for: their lead or opportunity, else their owner."""
    groups: dict[tuple[int, str], list[Sought]] = defaultdict(list)
    for one in sought:
        groups[one.related if one.related[1] else (0, one.owner)].append(one)
    return groups.values()


def _age(task: SeenTask) -> tuple[datetime, str]:
    return task.created_at or datetime.max.replace(tzinfo=UTC), task.id or ""


def _by_marker(sought: Sequence[Sought], seen: Mapping[str, SeenTask]) -> dict[int, list[str]]:
    rows = {one.marker: one.row.id for one in sought if one.marker}
    tasks: dict[int, list[str]] = defaultdict(list)
    for task_id, task in seen.items():
        if (row_id := rows.get(task.marker or "")) is not None:
            tasks[row_id].append(task_id)
    return tasks


def _by_fingerprint(
    missing: Sequence[Sought], seen: Mapping[str, SeenTask], sought: Sequence[Sought]
) -> dict[int, list[str]]:
    """Give each of several alike rows one of the tasks; what is left over goes to the last, as duplicates.

    A task with another marker than ours is nobody's but of rows without one: it may quote what a customer wrote.
    """
    if not missing:
        return {}
    ours = {one.marker for one in sought if one.marker}
    rows: dict[Fingerprint, list[Sought]] = defaultdict(list)
    for one in missing:
        rows[one.fingerprint].append(one)
    tasks: dict[int, list[str]] = defaultdict(list)
    taken: set[str] = set()
    # Those that are due to the second are given away first.
    for exactly, (task_id, task) in product((True, False), seen.items()):
        if task.marker in ours or task_id in taken:
            continue
        alike = [
            one.row.id
            for one in rows.get(_of_task(task), [])
            if not (one.marker and _is_strange(one, task)) and _is_due_alike(one.due, task, exactly=exactly)
        ]
        chosen = next((row_id for row_id in alike if row_id not in tasks), alike[-1] if alike else None)
        if chosen is not None:
            tasks[chosen].append(task_id)
            taken.add(task_id)
    return tasks


def _is_due_alike(due: datetime, task: SeenTask, *, exactly: bool) -> bool:
    if exactly or task.due_at is None:
        return task.due_at == due
    return task.category == TO_DO and abs(task.due_at - due) < TO_DO_SHIFT


def _of_task(task: SeenTask) -> Fingerprint:
    return fingerprint_of(task.name or "", task.owner_email or "", task.related_id)


def day_ranges(places: Iterable[tuple[str, date]]) -> Iterator[DayRange]:
    """Group owners and days into look-ups: runs of days that lie close together, all owners of such a run in one."""
    days: dict[date, set[str]] = defaultdict(set)
    for owner, due in places:
        days[due].add(owner)
    run: list[date] = []
    for day in [*sorted(days), None]:
        if run and (day is None or day - run[-1] > MAX_GAP):
            users = sorted(set().union(*(days[each] for each in run)))
            yield users, run[0], run[-1]
            run = []
        if day is not None:
            run.append(day)
