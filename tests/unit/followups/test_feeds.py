"""A wrong feed file is refused with its name, the line, the field and the cure."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest

from followups.feeds import FeedError, feed_files, load_feed, load_feeds, read_query
from followups.feeds.checks import RESERVED
from tests.support.feed_files import GOOD, error_of
from tests.support.follow_ups import make_feed


def test_file_that_is_not_there_or_not_text_is_refused_by_name(write: Any, tmp_path: Path) -> None:
    assert error_of(tmp_path / "gone.yaml").startswith("gone.yaml: no such feed file")
    assert error_of(write(b"sql: \xff\xfe\n")) == "visits.yaml: not UTF-8 text; save it as UTF-8"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gone.sql", "no query at include/sql/gone.sql; write it there, or name one of visits.sql"),
        ("visit.sql", "no query at include/sql/visit.sql; did you mean 'visits.sql'?"),
        ("include/sql/visits.sql", "no query at include/sql/include/sql/visits.sql; did you mean 'visits.sql'?"),
        ("''", "no query at include/sql/; write it there"),
        ("latin.sql", "include/sql/latin.sql is not UTF-8 text; save it as UTF-8"),
        ("blank.sql", "include/sql/blank.sql is empty; write the query there"),
        ("/etc/hostname", "names a file outside include/sql; put it there and write its name alone"),
        ("../visits.sql", "names a file outside include/sql; put it there and write its name alone"),
        ("a/../../visits.sql", "names a file outside include/sql; put it there and write its name alone"),
        ("SELECT * FROM visits", "holds a query; put it into a file in include/sql and write the file's name"),
        ("5", "wants text; write it like `sql: appointments.sql`"),
    ],
)
def test_query_is_a_file_in_the_folder_of_queries(write: Any, tmp_path: Path, name: str, expected: str) -> None:
    (tmp_path / "latin.sql").write_bytes(b"SELECT '\xff'")
    (tmp_path / "blank.sql").write_text(" \n")
    text = f"start_date: 2031-01-01\nsql: {name}\n"
    if name == "gone.sql":
        (tmp_path / "latin.sql").unlink()
        (tmp_path / "blank.sql").unlink()
    assert error_of(write(text)).startswith(f"visits.yaml, line 2: `sql`: {expected}")


def test_query_may_lie_in_a_folder_below(write: Any, tmp_path: Path) -> None:
    (tmp_path / "india").mkdir()
    (tmp_path / "india" / "calls.sql").write_text("SELECT 2")
    feed = load_feed(write("start_date: 2031-01-01\nsql: india/calls.sql\n"))
    assert read_query(feed) == "SELECT 2"


def test_query_that_went_away_is_named_when_it_is_read(write: Any, tmp_path: Path) -> None:
    feed = load_feed(write(GOOD))
    (tmp_path / "visits.sql").unlink()
    with pytest.raises(FeedError, match=r"visits.yaml: `sql`: no query at include/sql/visits.sql"):
        read_query(feed)


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_feed_may_not_take_the_name_of_another_dag(write: Any, name: str) -> None:
    assert error_of(write(GOOD, f"{name}.yaml")) == (
        f"{name}.yaml: its DAG would be leadsquared_{name}, which there is for another purpose; rename the file, "
        f"for example to {name}_visits.yaml"
    )


@pytest.mark.parametrize("name", ["calls.yml", "calls.YML", "calls.YAML"])
def test_file_of_another_ending_is_refused_and_not_overlooked(write: Any, tmp_path: Path, name: str) -> None:
    path = write(GOOD, name)
    (tmp_path / "notes.txt").write_text("no feed")
    assert feed_files(tmp_path) == [path]
    assert error_of(path) == f"{name}: feed files end in .yaml; rename this one to calls.yaml"


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


def test_feed_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="frozen"):
        make_feed().name = "other"  # type: ignore[misc]


def test_start_date_may_be_a_plain_date(write: Any) -> None:
    quoted, aware = "start_date: '2031-01-01'", "start_date: 2031-01-01 00:00:00+05:30"
    assert load_feed(write(f"{quoted}\nsql: visits.sql\n")).start_date == datetime.fromisoformat("2031-01-01")
    assert load_feed(write(f"{aware}\nsql: visits.sql\n")).start_date.isoformat() == "2031-01-01T00:00:00+05:30"
    assert load_feed(write(GOOD)).start_date == datetime.fromisoformat("2031-01-01")
    assert make_feed().start_date == datetime(2031, 1, 1, tzinfo=UTC)
