"""Rows, feeds and payloads for tests of the core. All persons are invented."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from followups.directory import Directory
from followups.feeds import Feed
from followups.planning.chunks import Reader
from followups.rows import Candidate, Outline, RowReader

#: The moment at which the tests' runs read the warehouse.
NOW = datetime(2031, 4, 1, 6, 0, tzinfo=UTC)
OWNER = "ananya.iyer@example.com"
LEAD = "00000000-0000-4000-8000-000000000001"


def make_row(followup_id: Any = "f-1", **changes: Any) -> dict[str, Any]:
    """A valid row of the warehouse, with changes; a value of `...` leaves the column out."""
    row = {
        "followup_id": followup_id,
        "task_type": "Meeting",
        "subject": "Explain the offer",
        "owner_email": OWNER,
        "due_at": datetime(2031, 4, 5, 6, 0, tzinfo=UTC),
        **changes,
    }
    return {name: value for name, value in row.items() if value is not ...}


def make_rows(count: int, **changes: Any) -> list[dict[str, Any]]:
    """So many valid rows with ids of their own."""
    return [make_row(f"f-{number}", **changes) for number in range(1, count + 1)]


def make_feed(**changes: Any) -> Feed:
    """A feed with the defaults of every setting, with changes."""
    return Feed.model_validate(
        {"name": "visits", "sql": "appointments.sql", "start_date": datetime(2031, 1, 1, tzinfo=UTC), **changes}
    )


def make_reader(feed: Feed | None = None, directory: Directory | None = None, now: datetime = NOW) -> RowReader:
    return RowReader(feed or make_feed(), now, directory or Directory())


def read(row: dict[str, Any], feed: Feed | None = None, directory: Directory | None = None) -> Candidate:
    """The candidate of one row."""
    return read_one(make_reader(feed, directory), row)


def read_one(reader: Reader, row: Any) -> Candidate:
    """What a reader makes of one row."""
    (candidate,) = reader.read([row], reader.outlines([row]).each())
    return candidate


def outline_of(reader: Reader, row: Any) -> Outline:
    """The outline of one row."""
    (outline,) = reader.outlines([row]).each()
    return outline


def build_payload(candidate: Candidate, marker: str) -> str:
    """A payload as the core sees it: a text that carries the marker. A subject of `unsendable` has no form."""
    assert candidate.follow_up is not None
    assert candidate.times is not None
    if candidate.follow_up.subject == "unsendable":
        raise ValueError("subject: cannot be sent")
    return json.dumps(
        {
            "Name": candidate.follow_up.subject,
            "Description": f"[ref:{marker}]",
            "OwnerEmailAddress": candidate.owner_email,
            "DueDate": f"{candidate.times.due_at:%Y-%m-%d %H:%M:%S}",
            "RelatedEntityId": candidate.follow_up.related_id,
        }
    )
