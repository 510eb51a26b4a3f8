"""One warehouse row becomes one candidate for delivery: a payload, or the reasons why there is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from msgspec import Struct
from msgspec.structs import replace
from pydantic import ValidationError

from followups.directory import Directory
from followups.errors import PermanentError
from followups.feeds import Feed
from followups.follow_up import COLUMNS, FollowUp
from followups.keys import RowHasher, content_hash, content_hashes, delivery_keys
from followups.model import State
from followups.policies import DatePolicy, EndBeforeDueError, Times
from followups.row_checks import CHECKS_EDITION, check_row
from followups.row_errors import explain

REQUIRED_COLUMNS = ("followup_id", "task_type", "subject", "due_at")
OWNER_COLUMNS = ("owner_email", "owner_id")
MAX_ID_SHOWN = 200
CANCELLED = "cancelled in the warehouse before it was sent"
#: From this likeness on a column is taken for a misspelt one; created_at and related_to, at 0.8, are two columns.
MISSPELT = 0.85
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ColumnError(PermanentError):
    """The feed's query lacks a column, or misspells one. The text names it."""


class PayloadBuilder(Protocol):
    """Builds the JSON text of one payload in LeadSquared's form."""

    def __call__(self, candidate: Candidate, marker: str) -> str:
        """Raise ValueError, free of personal data, where LeadSquared has no form for the row."""


class Outline(Struct, frozen=True, gc=False):
    """What tells a row from all others, and from what it was before, without a look at what it says."""

    key: str
    #: equal: the row is just as it was; None: no hash can be taken, and nothing follows
    row_hash: int | None = None


class Outlines(NamedTuple):
    """The same of many rows, in their order; most of them are never looked at one by one."""

    keys: Sequence[str]
    row_hashes: Sequence[int | None]

    def each(self) -> list[Outline]:
        """Return the rows' outlines one by one."""
        return list(map(Outline, self.keys, self.row_hashes))


class Refused(Struct, frozen=True, gc=False):
    """What is kept of a row that is no follow-up."""

    followup_id: str
    #: all that it says
    raw: str
    #: free of personal data
    reason: str

    def content(self) -> str:
        """Return what makes the row what it is."""
        return self.raw


class Candidate(Struct, frozen=True, kw_only=True, gc=False):
    """What one row would become; `state` is planned, held, invalid or cancelled."""

    key: str
    followup_id: str
    state: State
    content_hash: str
    #: of an invalid or cancelled row only where the row alone says so
    row_hash: int | None = None
    reason: str | None = None
    task_type: str | None = None
    due_at: datetime | None = None
    follow_up: FollowUp | None = None
    times: Times | None = None
    owner_email: str | None = None
    #: A payload that was given ready-made, instead of a follow-up.
    payload: Mapping[str, Any] | None = None


def check_columns(feed: Feed, columns: Sequence[str]) -> list[str]:
    """Refuse a query whose result cannot become follow-ups; return the columns that are ignored."""
    unknown = [name for name in columns if name not in (*COLUMNS, *feed.identity)]
    query = f"feed {feed.name}: include/sql/{feed.sql}"
    for name in unknown:
        absent = [column for column in COLUMNS if column not in columns]
        if near := get_close_matches(name, absent, n=1, cutoff=MISSPELT):
            raise ColumnError(f"{query} returns a column {name}; did you mean {near[0]}? Name it so, or leave it out")
    known = set(columns) | set(feed.defaults)
    missing = [name for name in (*REQUIRED_COLUMNS, *feed.identity) if name not in known]
    if missing:
        raise ColumnError(
            f"{query} returns no column {', '.join(missing)}: select it, "
            f"or give it a value under `defaults` in include/feeds/{feed.name}.yaml"
        )
    if not known.intersection(OWNER_COLUMNS):
        raise ColumnError(f"{query} returns neither owner_email nor owner_id: select one of them")
    return unknown


@dataclass(frozen=True)
class RowReader:
    """Checks rows of one feed."""

    feed: Feed
    now: datetime
    directory: Directory

    @cached_property
    def _dates(self) -> DatePolicy:
        return DatePolicy(self.feed, self.now)

    @cached_property
    def _defaults(self) -> Sequence[tuple[str, Any]]:
        return tuple(self.feed.defaults.items())

    @cached_property
    def _row_hashes(self) -> RowHasher:
        return RowHasher(COLUMNS, self.feed.defaults, edition=CHECKS_EDITION)

    @cached_property
    def _marker_field(self) -> str | None:
        return self.feed.marker.custom_field

    def outlines(self, rows: Sequence[Mapping[str, Any]]) -> Outlines:
        """Return the rows' keys and hashes."""
        hashes = self._row_hashes([row.get(column) for column in COLUMNS] for row in rows)
        return Outlines(delivery_keys(self.feed.name, map(self.identity, rows)), hashes)

    def identity(self, row: Mapping[str, Any]) -> Sequence[str]:
        """Return what a row's key is made of; a bad row without an id has its content for one, to be recorded once."""
        followup_id = self._id(row)
        return (followup_id, *self._identity(row)) if followup_id else ("", content_hash(_raw(self._filled(row))))

    def read(self, rows: Iterable[Mapping[str, Any]], outlines: Sequence[Outline]) -> list[Candidate]:
        """Return the candidates of rows."""
        return self.judge([self.check(row) for row in rows], outlines)

    def check(self, row: Mapping[str, Any]) -> FollowUp | Refused:
        """Check one row, with the feed's defaults where it has no value."""
        filled = self._filled(row)
        try:
            return check_row(filled)
        except ValidationError as error:
            return Refused(_storable(self._id(row)), _raw(filled), explain(error))

    def judge(self, checked: Sequence[FollowUp | Refused], outlines: Sequence[Outline]) -> list[Candidate]:
        """Return the candidates of rows that were checked."""
        contents = content_hashes([each.content() for each in checked])
        return [
            self._judge(each, outline, content) if isinstance(each, FollowUp) else _invalid(each, outline, content)
            for each, outline, content in zip(checked, outlines, contents, strict=True)
        ]

    def _filled(self, row: Mapping[str, Any]) -> dict[str, Any]:
        filled = {**row}
        for name, default in self._defaults:
            if filled.get(name) is None:
                filled[name] = default
        return filled

    def _judge(self, follow_up: FollowUp, outline: Outline, content: str) -> Candidate:
        if follow_up.cancelled:
            return _candidate(follow_up, outline, content, State.CANCELLED, CANCELLED)
        owner, problem = self.directory.owner(follow_up.owner_email, follow_up.owner_id)
        problems = [
            problem,
            self.directory.task_type_problem(follow_up.task_type),
            self.directory.rules_problem(
                follow_up.task_type, has_lead=follow_up.related_to == "lead", fields=follow_up.custom_fields
            ),
            self._marker_problem(follow_up.task_type),
        ]
        try:
            times = self._dates.times(follow_up)
        except EndBeforeDueError:
            problems.append("end_at: before due_at")
        except (OverflowError, ValueError):
            problems.append("due_at: out of range")
        reasons = [text for text in problems if text]
        if reasons or owner is None:
            return refused(_candidate(follow_up, outline, content, State.INVALID, None), "; ".join(reasons))
        state = State.HELD if times.held else State.PLANNED
        return _candidate(follow_up, outline, content, state, times.held, times, owner)

    def _marker_problem(self, task_type: str) -> str | None:
        """Say where a task type has no field for the marker: what LeadSquared drops can never be found again."""
        field = self._marker_field
        if field is None or self.directory.has_field(task_type, field):
            return None
        return f"marker: task type {task_type!r} has no field {field}; add it there, or change `marker` in the feed"

    def _value(self, row: Mapping[str, Any], column: str) -> Any:
        given = row.get(column)
        return self.feed.defaults.get(column) if given is None else given

    def _id(self, row: Mapping[str, Any]) -> str:
        """Return the id as the checked follow-up has it, and as much as is shown of one that fails the checks."""
        given = self._value(row, "followup_id")
        if given is None:
            return ""
        text = given.decode("utf-8", "replace") if isinstance(given, bytes | bytearray) else str(given)
        return shown(text)

    def _identity(self, row: Mapping[str, Any]) -> list[str]:
        """Return the identity columns as text; a moment has one text, whatever zone the warehouse shows it in."""
        given = [self._value(row, column) for column in self.feed.identity]
        return [str(each - _EPOCH if isinstance(each, datetime) and each.tzinfo else each) for each in given]


def refused(candidate: Candidate, reason: str) -> Candidate:
    """Return a candidate that is invalid for what its row alone does not tell: without a hash it is read again."""
    return replace(candidate, state=State.INVALID, reason=reason, row_hash=None)


def _candidate(
    follow_up: FollowUp,
    outline: Outline,
    content: str,
    state: State,
    reason: str | None,
    times: Times | None = None,
    owner: str | None = None,
) -> Candidate:
    return Candidate(
        key=outline.key,
        followup_id=follow_up.followup_id,
        state=state,
        reason=reason,
        content_hash=content,
        row_hash=outline.row_hash,
        task_type=follow_up.task_type,
        due_at=times.due_at if times else None,
        follow_up=follow_up,
        times=times,
        owner_email=owner,
    )


def _invalid(row: Refused, outline: Outline, content: str) -> Candidate:
    return Candidate(
        key=outline.key,
        followup_id=row.followup_id,
        state=State.INVALID,
        reason=row.reason,
        content_hash=content,
        row_hash=outline.row_hash,
    )


def _raw(row: Mapping[str, Any]) -> str:
    """Return all that a row without a follow-up says."""
    return repr(sorted([(name, str(value)) for name, value in row.items()]))


def shown(followup_id: str) -> str:
    """Return an id as far as it is shown, and tells rows apart."""
    return followup_id.strip()[:MAX_ID_SHOWN]


def _storable(text: str) -> str:
    """Return the text without what no database stores: NUL, halves of surrogate pairs."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()
