"""Follow-ups and payloads given in a DAG instead of a warehouse: read, planned and keyed as rows of a feed are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from followups.directory import Directory
from followups.feeds import Feed, Marker
from followups.keys import content_hash, delivery_keys
from followups.ledger.planning import INLINE, PlanLedger
from followups.model import State
from followups.planning.chunks import CHUNK_ROWS, Reader
from followups.planning.counts import PlanCounts
from followups.planning.planner import Planner
from followups.rows import Candidate, Outline, Outlines, PayloadBuilder
from leadsquared.errors import ConfigurationError
from leadsquared.wire.payload_rules import (
    end_problem,
    fields_of,
    fields_problem,
    related_problem,
    related_to,
    reminder_problem,
)
from leadsquared.wire.payloads import payload_builder
from leadsquared.wire.values import to_moment

PAYLOAD_ID = "followup_id"


def inline_feed(name: str, *, timezone: str = "UTC", marker: Marker | None = None) -> Feed:
    """Return the feed under which inline rows are kept in the ledger."""
    slug = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_")[:60] or "inline"
    slug = slug if slug[0].isalpha() else f"f_{slug}"[:60]
    return Feed(
        name=slug, sql="", start_date=datetime(2000, 1, 1, tzinfo=UTC), timezone=timezone, marker=marker or Marker()
    )


def marker_at(place: str) -> Marker:
    """Return where a marker is written: `description`, `off`, or the name of a custom field.

    :raises ConfigurationError: none of these.
    """
    if place in ("description", "off"):
        return Marker(place=place)
    if re.fullmatch(r"mx_[A-Za-z0-9_]+", place):
        return Marker(place="custom_field", custom_field=place)
    raise ConfigurationError("marker: description, off or a custom field's name like mx_Custom_1 is wanted")


def check_rows(name: str, rows: Any) -> Iterator[Mapping[str, Any]]:
    """Yield rows as they were given.

    :raises ConfigurationError: no list of mappings.
    """
    if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable):
        raise ConfigurationError(f"{name}: a list of mappings is wanted, not {type(rows).__name__}")
    return _each_row(name, rows)


def _each_row(name: str, rows: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise ConfigurationError(f"{name}: row {number} is no mapping of names to values, but {type(row).__name__}")
        yield row


class PayloadReader:
    """Takes payloads in LeadSquared's own form; their identity is `followup_id` if given, else their content."""

    def __init__(self, feed: Feed, directory: Directory) -> None:
        self._feed = feed
        self._directory = directory

    def outlines(self, rows: Sequence[Mapping[str, Any]]) -> Outlines:
        """Return the keys of payloads."""
        identities = [(str(row.get(PAYLOAD_ID) or _content(row)),) for row in rows]
        return Outlines(delivery_keys(self._feed.name, identities), [None] * len(rows))

    def read(self, rows: Iterable[Mapping[str, Any]], outlines: Sequence[Outline]) -> list[Candidate]:
        """Return the candidates of payloads."""
        return [self._read(row, outline.key) for row, outline in zip(rows, outlines, strict=True)]

    def _read(self, row: Mapping[str, Any], key: str) -> Candidate:
        payload = _payload(row)
        content = _content(row)
        followup_id = str(row.get(PAYLOAD_ID) or content)
        task_type = self._task_type(payload.get("TaskType"))
        email = str(payload.get("OwnerEmailAddress") or "").strip().lower() or None
        owner, problem = self._directory.owner(email, payload.get("OwnerId"))
        due = to_moment(payload.get("DueDate"))
        problems = [
            self._text_problem("Name", payload.get("Name"), mandatory=True),
            self._text_problem("Description", payload.get("Description")),
            self._text_problem(PAYLOAD_ID, followup_id, mandatory=True),
            None if due else "DueDate: missing or not a date-time like 2031-04-05 06:00:00 (UTC)",
            end_problem(payload, due),
            related_problem(payload),
            fields_problem(payload),
            *(self._type_problems(task_type, payload) if task_type else ['TaskType: not given as {"Name": "…"}']),
            problem,
        ]
        reasons = "; ".join(text for text in problems if text) or None
        return Candidate(
            key=key,
            followup_id=followup_id.encode("utf-8", "replace").decode().replace("\x00", "?"),
            state=State.INVALID if reasons else State.PLANNED,
            reason=reasons,
            content_hash=content,
            task_type=task_type,
            due_at=due,
            owner_email=owner,
            payload={**payload, "OwnerEmailAddress": owner},
        )

    def _type_problems(self, name: str, payload: Mapping[str, Any]) -> list[str | None]:
        has_lead, field = related_to(payload) == "lead", self._feed.marker.custom_field
        lacks_marker = field is not None and not self._directory.has_field(name, field)
        return [
            self._directory.task_type_problem(name),
            self._directory.rules_problem(name, has_lead=has_lead, fields=fields_of(payload)),
            reminder_problem(payload, self._directory.category(name)),
            f"marker: task type {name!r} has no field {field}" if lacks_marker else None,
        ]

    @staticmethod
    def _task_type(value: Any) -> str | None:
        name = value.get("Name") if isinstance(value, Mapping) else None
        return name if isinstance(name, str) and name else None

    @staticmethod
    def _text_problem(field: str, value: Any, *, mandatory: bool = False) -> str | None:
        if value is None or value == "":
            return f"{field}: missing" if mandatory else None
        if not isinstance(value, str):
            return f"{field}: not text"
        return (
            None if value.isascii() or value.encode("utf-8", "ignore").decode() == value else f"{field}: broken Unicode"
        )


def _payload(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != PAYLOAD_ID}


def _content(row: Mapping[str, Any]) -> str:
    return content_hash(json.dumps(_payload(row), sort_keys=True, ensure_ascii=False, default=str))


def plan_inline(
    ledger: PlanLedger,
    feed: Feed,
    reader: Reader,
    rows: Iterable[Mapping[str, Any]],
    *,
    kind: str = INLINE,
    build: PayloadBuilder | None = None,
) -> PlanCounts:
    """Plan inline rows under a plan of their own; `ledger.plan_id` names it.

    Rows for bulk creates are joined by those of their feed that dead runs left planned.
    """
    ledger.open(kind=kind, mode="send", window=None)
    planner = Planner(feed, ledger, reader, build or payload_builder(feed.marker))
    iterator = iter(rows)
    while chunk := list(islice(iterator, CHUNK_ROWS)):
        planner.add(chunk)
    if kind == INLINE:
        planner.add_leftovers()
    counts = planner.finish()
    ledger.close(counts.as_json())
    return counts
