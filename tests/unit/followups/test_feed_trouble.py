"""What is wrong in a feed file is told with line, field and cure."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followups.feeds import Feed, load_feed
from tests.support.feed_files import GOOD, error_of, trouble_of

SWITCH = "YAML reads on and yes as true, off and no as false"
CRON = 'it has five fields (minute, hour, day, month, weekday), like "0 6 * * *" for each day at six; or write null'
NO_DATE = "not a date from 2000 to 2099; write it like 2026-01-31"
CLOCK = 'not a time of day; write it like "21:00"'
TOGETHER = "`place: custom_field` and the field's name go together; write both, like {place: custom_field,"
SHARE = "wants a share from 0 to 1, like 0.1 for 10 %, or null for no limit"
CONNECTION = "wants the id of an Airflow connection, like warehouse_default; its address goes there"
TABLE = (
    "not a table's name; it has letters, digits and _ alone, with a schema before a dot if need be, "
    "like reports.followup_outcomes"
)

#: What would come from the model's own library.
PYDANTIC = re.compile("[Ii]nput|should be|valid (integer|string)|pattern|dictionary|tuple")

FIELDS: list[tuple[str, str]] = [
    ("shedule: x", "`shedule`: no such field; did you mean 'schedule'?"),
    ("zzzz: x", "`zzzz`: no such field; known are description, schedule, timezone,"),
    ("on: x", "`on`: no such field; known are description,"),
    ("max_unknown: 1", "`max_unknown`: no such field here; write it under `thresholds`, indented"),
    ("duration_minutes: 30", "`duration_minutes`: no such field here; write it under `defaults`, indented"),
    (
        "quiet_hours: {start: '20:00', end: '09:00', begin: 1}",
        "`quiet_hours.begin`: no such field; known are start, end",
    ),
    (
        "thresholds: {retries: 3}",
        "`thresholds.retries`: no such field here; it is the feed's own: write it without indentation",
    ),
    ("thresholds: {max_invalid: 1}", "`thresholds.max_invalid`: no such field; did you mean 'max_invalid_share'?"),
    ("description:", "`description`: empty; write a value, or remove the line"),
    ("owner: 5", "`owner`: wants text; put it in quotes"),
    ("owner: [a, b]", "`owner`: wants text; this is a list"),
    ("owner: {name: a}", "`owner`: wants text; this is a group of fields"),
    ("tags: sales", "`tags`: wants a list; write it like `tags: [sales, india]`"),
    ("tags: {a: b}", "`tags`: wants a list; this is a group of fields; write it like `tags: [sales, india]`"),
    ("tags: [sales, on]", f"`tags`, item 2: wants text; {SWITCH}; put it in quotes"),
    ("tags: ['']", "`tags`, item 1: should have at least 1 character"),
    (f"tags: [{'x' * 101}]", "`tags`, item 1: should have at most 100 characters"),
    ("identity: due_at", "`identity`: wants a list; write it like `identity: [due_at]`"),
    ("notify: lead@example.com", "`notify`: wants a list; write it like `notify: [lead@example.com]`"),
    ("notify: [a@example.com, b]", "`notify`, item 2: not an e-mail address; write one like lead@example.com"),
    ("verify: perhaps", "`verify`: wants true or false"),
    ("past_due: drop", "`past_due`: wants 'keep', 'shift' or 'hold'"),
    ("retries: many", "`retries`: wants a whole number"),
    ("retries: 2.5", "`retries`: wants a whole number"),
    ("retries: -1", "`retries`: wants 0 or more"),
    ("retries: 21", "`retries`: wants 20 or less"),
    ("retries: yes", f"`retries`: wants a number; {SWITCH}"),
    ("retries: [3]", "`retries`: wants a whole number; this is a list"),
    ("max_per_owner_per_day: off", f"`max_per_owner_per_day`: wants a number, or null; {SWITCH}"),
    ("quota_patience_hours: off", f"`quota_patience_hours`: wants a number; {SWITCH}"),
    ("timezone: India", "`timezone`: not an IANA time zone; write one like Asia/Kolkata"),
    ("timezone: IST", "`timezone`: not an IANA time zone; write one like Asia/Kolkata"),
    ("timezone: asia/kolkata", "`timezone`: not an IANA time zone; did you mean 'Asia/Kolkata'?"),
    ("timezone: Asia/Calcuta", "`timezone`: not an IANA time zone; did you mean 'Asia/Calcutta'?"),
    ("schedule: 0 6 * *", f"`schedule`: not a cron line: {CRON}; this one has 4"),
    ("schedule: 0 6 * * * *", f"`schedule`: not a cron line: {CRON}; this one has 6"),
    ("schedule: 0 25 * * *", f"`schedule`: not a cron line: {CRON}"),
    ("schedule: R R * * *", f"`schedule`: not a cron line: {CRON}"),
    ("schedule: '@dayly'", f"`schedule`: not a cron line: {CRON}"),
    ("schedule: 0 0 30 2 *", "`schedule`: such a day never comes; write a cron line like 0 6 * * *"),
    ("schedule: 6", "`schedule`: wants text, or null; write it like `schedule: 0 6 * * *`"),
    ("quiet_hours: {start: 25:00, end: '08:00'}", f"`quiet_hours.start`: {CLOCK}"),
    ("quiet_hours: {start: 21, end: '08:00'}", f"`quiet_hours.start`: {CLOCK}"),
    ("quiet_hours: {start: '21:00+05:30', end: '08:00'}", f"`quiet_hours.start`: {CLOCK}"),
    ("quiet_hours: {start: '21:00'}", "`quiet_hours.end`: missing; add it, like `end: 09:00`"),
    (
        "quiet_hours: 21:00-08:00",
        "`quiet_hours`: wants a group of fields, or null; write it like `quiet_hours: {start: '20:00', end: '09:00'}`",
    ),
    ("marker: off", f"`marker`: wants a group of fields; {SWITCH}; write it like `marker: {{place: 'off'}}`"),
    ("marker: {place: custom_field}", f"`marker`: {TOGETHER}"),
    ("marker: {custom_field: mx_A}", f"`marker`: {TOGETHER}"),
    (
        "marker: {place: custom_field, custom_field: ref}",
        "`marker.custom_field`: not a field's schema name, which begins with mx_; write it like mx_Custom_1",
    ),
    (
        "marker: {place: custom_field, custom_field: [mx_A]}",
        "`marker.custom_field`: wants text, or null; this is a list; write it like `custom_field: mx_Custom_1`",
    ),
    ("check_opportunities: Deal", "`check_opportunities`: wants the code's digits, like 12000, or null"),
    ("check_opportunities: on", "`check_opportunities`: wants the code's digits, like 12000, or null"),
    ("thresholds: 0.1", "`thresholds`: wants a group of fields; write it like `thresholds: {max_invalid_share: 0.1}`"),
    ("thresholds: {max_invalid_share: 10}", f"`thresholds.max_invalid_share`: {SHARE}"),
    ("thresholds: {max_invalid_share: 10%}", f"`thresholds.max_invalid_share`: {SHARE}"),
    ("thresholds: {max_invalid_share: -0.1}", f"`thresholds.max_invalid_share`: {SHARE}"),
    ("thresholds: {max_invalid_share: .nan}", f"`thresholds.max_invalid_share`: {SHARE}"),
    ("thresholds: {max_rejected_share: off}", f"`thresholds.max_rejected_share`: wants a number, or null; {SWITCH}"),
    ("thresholds: {max_unknown: -1}", "`thresholds.max_unknown`: wants 0 or more, or null"),
    ("approval: 1000", "`approval`: wants a group of fields, or null; write it like `approval: {above_rows: 1000}`"),
    ("approval: {above_rows: 5, timeout_hours: 0}", "`approval.timeout_hours`: wants more than 0"),
    ("write_back: {table: my-table}", f"`write_back.table`: {TABLE}"),
    ("write_back: {table: a.b.c.d}", f"`write_back.table`: {TABLE}"),
    ("write_back: {table: 'a; DROP TABLE b'}", f"`write_back.table`: {TABLE}"),
    ("warehouse_conn_id: postgresql://a:b@db/c", f"`warehouse_conn_id`: {CONNECTION}"),
    ("leadsquared_conn_id: ''", f"`leadsquared_conn_id`: {CONNECTION}"),
    ("write_back: {table: a, conn_id: my warehouse}", f"`write_back.conn_id`: {CONNECTION}"),
    ("defaults: x", "`defaults`: wants a group of fields; write it like `defaults: {duration_minutes: 30}`"),
    ("defaults: {task_tipe: x}", "`defaults.task_tipe`: no such column; did you mean 'task_type'?"),
    (
        "defaults: {past_due: keep}",
        "`defaults.past_due`: no such column here; it is the feed's own: write it without indentation",
    ),
    ("defaults: {duration_minutes: half}", "`defaults.duration_minutes`: wants a whole number"),
    ("defaults: {duration_minutes: -5}", "`defaults.duration_minutes`: wants 0 or more"),
    ("defaults: {reminder_minutes: off}", f"`defaults.reminder_minutes`: wants a whole number; {SWITCH}"),
    ("defaults: {related_to: Lead}", "`defaults.related_to`: wants 'lead' or 'opportunity'"),
    ("defaults: {notify_owner: maybe}", "`defaults.notify_owner`: wants true or false"),
    ("defaults: {owner_email: asha}", "`defaults.owner_email`: not an e-mail address"),
    ("defaults: {owner_id: 5}", "`defaults.owner_id`: wants an id like 00000000-0000-4000-8000-000000000001"),
    ('defaults: {location: "\\a"}', "`defaults.location`: wants text without control characters"),
    ("defaults: {subject: }", "`defaults.subject`: empty; write a value, or remove the line"),
    ("defaults: {custom_fields: [a]}", "`defaults.custom_fields`: not a JSON object of mx_… fields"),
    ("name: calls", "`name` differs from the file's name: leave it out, or rename the file"),
]


@pytest.mark.parametrize(("line", "expected"), FIELDS, ids=[line for line, _ in FIELDS])
def test_slip_is_told_with_its_line_its_field_and_the_cure(write: Any, line: str, expected: str) -> None:
    error = error_of(write(f"{GOOD}{line}\n"))
    assert error.startswith(f"visits.yaml, line 3: {expected}")
    assert "\n" not in error


@pytest.mark.parametrize(
    ("lines", "line", "expected"),
    [
        ("retries: 3\nretries: 3", 4, "`retries`: given twice, on line 3 and on line 4; remove one of them"),
        ("thresholds:\n  max_unknown: 1\n  max_unknown: 2", 5, "`max_unknown`: given twice, on line 4 and on line 5;"),
        ("defaults:\n  custom_fields:\n    mx_A: 1\n    'mx_A': 1", 6, "`mx_A`: given twice, on line 5 and on line 6;"),
        ("notify:\n  - a@example.com\n  - b", 5, "`notify`, item 2: not an e-mail address"),
    ],
)
def test_line_told_is_that_of_the_part_that_is_wrong(write: Any, lines: str, line: int, expected: str) -> None:
    assert error_of(write(f"{GOOD}{lines}\n")).startswith(f"visits.yaml, line {line}: {expected}")


@pytest.mark.parametrize(
    ("lines", "line", "cure"),
    [
        ("tags: [sales", 4, ""),
        ("tags: !!python/object:os.system x", 3, ""),
        ("---\n" + GOOD, 3, ""),
        ("? [a]\n: b", 3, ""),
        ("schedule: */5 * * * *", 3, "put a value that begins with * or & in quotes"),
        ("schedule: *five * * * *", 3, "put a value that begins with * or & in quotes"),
        ("schedule: @daily", 3, "put a value that begins with @, % or ` in quotes"),
        ("description: Calls: new", 3, "put a text that holds a colon in quotes, and begin all fields of a group"),
        ("\ttags: x", 3, "indent with spaces, not with tabs"),
        ("marker:\n   place: off\n  custom_field: mx_A", 5, "begin all fields of a group in one column"),
    ],
)
def test_text_that_is_no_yaml_is_told_with_its_line_and_the_likely_cure(
    write: Any, lines: str, line: int, cure: str
) -> None:
    error = error_of(write(f"{GOOD}{lines}\n"))
    assert error.startswith(f"visits.yaml, line {line}: not valid YAML: ")
    assert cure in error


def test_text_that_is_nested_without_end_is_refused(write: Any) -> None:
    assert error_of(write(f"{GOOD}tags: {'[' * 5000}\n")).startswith("visits.yaml: not valid YAML: ")


@pytest.mark.parametrize(
    "date", ["2026", "soon", "2026-02-30", "01/02/2026", "0026-01-01", "[2026-01-01]", "true", "1767225600"]
)
def test_start_date_is_a_date(write: Any, date: str) -> None:
    text = f"start_date: {date}\nsql: visits.sql\n"
    assert error_of(write(text)) == f"visits.yaml, line 1: `start_date`: {NO_DATE}"


def test_fields_that_must_be_there_are_asked_for(write: Any) -> None:
    assert error_of(write("retries: 3\n")).splitlines() == [
        "visits.yaml: `start_date`: missing; add it, like `start_date: '2026-01-31'`",
        "visits.yaml: `sql`: missing; add it, like `sql: appointments.sql`",
    ]
    assert (
        error_of(write("start_date:\nsql: visits.sql\n")) == "visits.yaml, line 1: `start_date`: empty; write a value"
    )


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "visits"])
def test_file_without_fields_is_refused(write: Any, text: str) -> None:
    assert error_of(write(text)) == (
        "visits.yaml: a feed file holds fields such as `sql: appointments.sql`; this one holds none"
    )


def test_all_that_is_wrong_is_told_at_once_from_top_to_bottom(write: Any) -> None:
    text = "sql: gone.sql\nretries: -1\nretries: 3\ndefaults:\n  cancelled: x\n  due: x\nnotify:\n  - a\n"
    assert [line.partition(": ")[0] for line in error_of(write(text, "undo.yml")).splitlines()] == [
        "undo.yml",  # the suffix
        "undo.yml",  # the name
        "undo.yml",  # no start date
        *(f"undo.yml, line {line}" for line in (1, 3, 5, 6, 8)),
    ]


def test_value_of_a_wrong_field_is_not_shown(write: Any) -> None:
    text = f"{GOOD}warehouse_conn_id: db://u:hunter2@db\nnotify: [hunter2]\nleadsquared_con: hunter2\n"
    assert "hunter2" not in error_of(write(text))


def test_defaults_need_not_make_a_whole_row(write: Any) -> None:
    path = write(f"{GOOD}defaults: {{related_to: lead, end_at: '2000-01-01', duration_minutes: '30'}}\n")
    assert load_feed(path).defaults == {"related_to": "lead", "end_at": "2000-01-01", "duration_minutes": "30"}


@pytest.mark.parametrize("name", sorted(set(Feed.model_fields) - {"name", "start_date", "sql"}))
def test_field_takes_a_value_or_says_in_our_words_why_not(write: Any, name: str) -> None:
    values = ["", "on", "-7", "99999", "1.5", ".nan", "2026-01-01", "some text", "[1, [a]]", "{a: 1}"]
    told = {value: trouble_of(write(f"{GOOD}{name}: {value}\n")) for value in values}
    assert [value for value in values if not told[value].startswith(("visits.yaml, line 3: `" + name, "none"))] == []
    assert [value for value in values if PYDANTIC.search(told[value])] == []
    assert set(told.values()) != {"none"}


@given(st.text(alphabet="ab:-#'\"[]{}&*!|>?%@,0 \n\t", max_size=40))
def test_whatever_the_text_holds_the_error_is_one_of_feeds(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("feeds") / "visits.yaml"
    path.write_text(GOOD + text, encoding="utf-8")
    assert error_of(path).startswith("visits.yaml")  # there is no visits.sql


def test_place_of_the_marker_may_be_off_without_quotes(write: Any) -> None:
    assert load_feed(write(f"{GOOD}marker: {{place: off}}\n")).marker.place == "off"


@pytest.mark.parametrize("code", ["12000", "'12000'"])
def test_code_of_opportunities_may_be_written_without_quotes(write: Any, code: str) -> None:
    assert load_feed(write(f"{GOOD}check_opportunities: {code}\n")).check_opportunities == "12000"


@pytest.mark.parametrize("line", ["0 6 * * *", "'*/15 8-18 * * MON-FRI'", "'@daily'", "'@hourly'"])
def test_schedule_is_a_cron_line_or_an_alias(write: Any, line: str) -> None:
    assert load_feed(write(f"{GOOD}schedule: {line}\n")).schedule == line.strip("'")


def test_what_is_merged_in_is_not_given_twice(write: Any) -> None:
    text = f"{GOOD}thresholds: &t {{max_unknown: 1}}\nquiet_hours: null\n"
    assert load_feed(write(text)).thresholds.max_unknown == 1
    merged = "start_date: 2031-01-01\nsql: visits.sql\ndefaults:\n  <<: {location: Pune}\n  location: Delhi\n"
    assert load_feed(write(merged)).defaults == {"location": "Delhi"}
