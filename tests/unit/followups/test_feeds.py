"""A wrong feed file is refused with its name, the line, the field and the cure."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest

from followups import feeds
from followups.feeds import Feed, FeedError, feeds_dir, json_schema, load_feed, load_feeds, read_query
from tests.support.follow_ups import make_feed

GOOD = "start_date: 2031-01-01\nsql: visits.sql\n"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write a feed file beside a query `visits.sql`; return its path."""
    (tmp_path / "visits.sql").write_text("SELECT 1", encoding="utf-8")
    monkeypatch.setattr(feeds, "sql_dir", lambda: tmp_path)

    def write(text: str | bytes, name: str = "visits.yaml") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def error_of(path: Path) -> str:
    with pytest.raises(FeedError) as caught:
        load_feed(path)
    return str(caught.value)


WRONG: list[tuple[str, str]] = [
    ("sql: visits.sql\n", "visits.yaml: `start_date`: missing; add it"),
    (GOOD + "shedule: x\n", "visits.yaml, line 3: `shedule`: no such field; known are description, schedule,"),
    (
        GOOD + "schedule: 0 6 * *\n",
        "visits.yaml, line 3: `schedule`: not a cron line; write one like 0 6 * * *, or null",
    ),
    (GOOD + "timezone: India\n", "visits.yaml, line 3: `timezone`: not an IANA time zone; write one like Asia/Kolkata"),
    (GOOD + "past_due: drop\n", "visits.yaml, line 3: `past_due`: value should be 'keep', 'shift' or 'hold'"),
    (GOOD + "look_back_days: 0\n", "visits.yaml, line 3: `look_back_days`: value should be greater than or equal to 1"),
    (GOOD + "max_active_runs: many\n", "visits.yaml, line 3: `max_active_runs`: value should be a valid integer"),
    (GOOD + "tags: sales\n", "visits.yaml, line 3: `tags`: value should be a valid list"),
    (GOOD + "verify: perhaps\n", "visits.yaml, line 3: `verify`: value should be a valid boolean"),
    (
        GOOD + "quiet_hours:\n  start: 25:00\n  end: 8:00\n",
        'visits.yaml, line 4: `quiet_hours.start`: not a time of day; write it like "21:00"',
    ),
    (
        GOOD + "quiet_hours:\n  start: 21\n  end: 8:00\n",
        'visits.yaml, line 4: `quiet_hours.start`: not a time of day; write it like "21:00"',
    ),
    (
        GOOD + "quiet_hours:\n  start: 21:00+05:30\n  end: 8:00\n",
        'visits.yaml, line 4: `quiet_hours.start`: not a time of day; write it like "21:00"',
    ),
    (
        GOOD + "quiet_hours:\n  begin: 21:00\n",
        "visits.yaml, line 4: `quiet_hours.begin`: no such field; known are start, end",
    ),
    (
        GOOD + "marker:\n  place: custom_field\n",
        "visits.yaml, line 3: `marker`: name `custom_field` exactly where `place` is custom_field",
    ),
    (
        GOOD + "marker:\n  place: custom_field\n  custom_field: ref\n",
        "visits.yaml, line 5: `marker.custom_field`: value should match pattern",
    ),
    (
        GOOD + "thresholds:\n  max_invalid_share: 10\n",
        "visits.yaml, line 4: `thresholds.max_invalid_share`: value should be less than or equal to 1",
    ),
    (GOOD + "approval: {}\n", "visits.yaml, line 3: `approval.above_rows`: missing; add it"),
    (
        GOOD + "approval:\n  above_rows: 5\n  timeout_hours: 0\n",
        "visits.yaml, line 5: `approval.timeout_hours`: value should be greater than 0",
    ),
    (
        GOOD + "notify: [lead]\n",
        "visits.yaml, line 3: `notify.0`: not an e-mail address; write one like lead@example.com",
    ),
    (
        GOOD + "check_opportunities: Deal\n",
        "visits.yaml, line 3: `check_opportunities`: value should match pattern '^[0-9]+$'",
    ),
    (
        GOOD + "defaults:\n  task_tipe: x\n",
        "visits.yaml, line 3: `defaults`: no such column: task_tipe; known are followup_id, task_type,",
    ),
    (
        "start_date: 2031-01-01\nsql: gone.sql\n",
        "visits.yaml: `sql`: no readable query at include/sql/gone.sql; write it there, or mend `sql`",
    ),
    (GOOD + "name: calls\n", "visits.yaml: `name` differs from the file's name: leave it out, or rename the file"),
    ("", "visits.yaml: a feed file holds fields such as `sql: appointments.sql`; this one holds none"),
    ("- a\n- b\n", "visits.yaml: a feed file holds fields such as `sql: appointments.sql`; this one holds none"),
    (GOOD + "tags: [sales\n", "visits.yaml, line 4: not valid YAML:"),
    (GOOD + "\ttags: x\n", "visits.yaml, line 3: not valid YAML:"),
    (GOOD + "---\n" + GOOD, "visits.yaml, line 3: not valid YAML:"),
    (GOOD + "tags: !!python/object:os.system x\n", "visits.yaml, line 3: not valid YAML:"),
]


@pytest.mark.parametrize(("text", "expected"), WRONG, ids=[text.splitlines()[-1] if text else "-" for text, _ in WRONG])
def test_error_names_file_line_field_and_cure(write: Any, text: str, expected: str) -> None:
    assert expected in error_of(write(text))


def test_all_that_is_wrong_is_named_line_by_line(write: Any) -> None:
    assert error_of(write(GOOD + "past_due: drop\nretries: -1\n")).splitlines() == [
        "visits.yaml, line 3: `past_due`: value should be 'keep', 'shift' or 'hold'",
        "visits.yaml, line 4: `retries`: value should be greater than or equal to 0",
    ]


def test_file_that_is_not_there_or_not_text_is_refused_by_name(write: Any, tmp_path: Path) -> None:
    assert error_of(tmp_path / "gone.yaml").startswith("gone.yaml: no such feed file")
    assert error_of(write(b"sql: \xff\xfe\n")) == "visits.yaml: not UTF-8 text; save it as UTF-8"


def test_query_that_is_not_text_is_refused_by_name(write: Any, tmp_path: Path) -> None:
    (tmp_path / "visits.sql").write_bytes(b"SELECT '\xff'")
    assert error_of(write(GOOD)).startswith("visits.yaml: `sql`: no readable query at include/sql/visits.sql")


def test_name_that_cannot_be_a_dag_id_is_refused(write: Any) -> None:
    assert error_of(write(GOOD, "My Visits.yaml")) == (
        "My Visits.yaml: `name`: taken from the file's name, which holds a to z, 0 to 9 and _ alone; rename the file"
    )


def test_feed_is_named_after_its_file(write: Any) -> None:
    feed = load_feed(write(GOOD))
    assert (feed.name, feed.dag_id, feed.schedule) == ("visits", "leadsquared_visits", None)
    assert read_query(feed) == "SELECT 1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("21:00", time(21)), ("'21:00'", time(21)), ("6:30", time(6, 30)), ("06:30", time(6, 30)), ("0:05", time(0, 5))],
)
def test_times_of_day_may_be_written_with_and_without_quotes(write: Any, text: str, expected: time) -> None:
    feed = load_feed(write(f"{GOOD}quiet_hours:\n  start: {text}\n  end: 08:00\n"))
    assert feed.quiet_hours is not None
    assert (feed.quiet_hours.start, feed.quiet_hours.end) == (expected, time(8))


def test_feeds_of_a_folder_come_in_the_order_of_their_names(write: Any, tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yaml"):
        write(GOOD, name)
    assert [feed.name for feed in load_feeds(tmp_path)] == ["a", "b"]


def test_shipped_feeds_load() -> None:
    assert [feed.dag_id for feed in load_feeds()] == ["leadsquared_appointments", "leadsquared_document_collection"]
    for feed in load_feeds():
        assert ":window_start" in read_query(feed)
        assert ":window_end" in read_query(feed)


def test_shipped_schema_for_editors_is_current() -> None:
    shipped = json.loads((feeds_dir() / "feed.schema.json").read_text(encoding="utf-8"))
    assert shipped == json_schema(), (
        "write it anew: python -c 'import json; from followups.feeds import *; "
        "print(json.dumps(json_schema(), indent=2))' > include/feeds/feed.schema.json"
    )


def test_schema_knows_every_field_but_the_name_and_no_other() -> None:
    schema = json_schema()
    assert set(schema["properties"]) == set(Feed.model_fields) - {"name"}
    assert schema["required"] == ["start_date", "sql"]
    assert schema["additionalProperties"] is False


def test_feed_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="frozen"):
        make_feed().name = "other"  # type: ignore[misc]


def test_start_date_may_be_a_plain_date(write: Any) -> None:
    assert load_feed(write(GOOD)).start_date == datetime.fromisoformat("2031-01-01")
    assert make_feed().start_date == datetime(2031, 1, 1, tzinfo=UTC)
