"""Feeds: configured sources of follow-ups, one YAML file each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError, PydanticKnownError

from followups.errors import PermanentError
from followups.feed_checks import file_problems, read_query_file
from followups.feed_fields import (
    Address,
    ClockTime,
    Code,
    Columns,
    ConnectionId,
    CronLine,
    CustomField,
    MarkerPlace,
    QueryFile,
    Share,
    StartDate,
    TableName,
    Tag,
    TimeZone,
    is_query_file,
    is_switch_for_number,
)
from followups.feed_text import FeedText
from followups.feed_trouble import Problem, explain, in_order, yaml_problem


class FeedError(PermanentError):
    """A feed file is wrong. The text names the file, the line, the field and the cure."""


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _number(cls, value: Any, field: ValidationInfo) -> Any:
        if is_switch_for_number(value, cls.model_fields[str(field.field_name)].annotation):
            raise PydanticKnownError("float_type")
        return value


class QuietHours(_Settings):
    """Local hours in which nothing may fall due; such a follow-up is moved to their end."""

    start: ClockTime = Field(
        description="first quiet minute, in the feed's `timezone`, as HH:MM of 24 hours", examples=["20:00"]
    )
    end: ClockTime = Field(
        description="first minute that is no longer quiet, as HH:MM; earlier than `start`: on the next day",
        examples=["09:00"],
    )


class Marker(_Settings):
    """Where the short text is written by which a CRM task can be found again."""

    place: MarkerPlace = Field(
        "description",
        description="description: at the end of the task's description; custom_field: in the field named below; "
        "off: nowhere, so that tasks are found again by name, owner, due date and lead alone, which is less sure",
    )
    custom_field: CustomField | None = Field(
        None,
        description="schema name of the task's field that takes the marker, for `place: custom_field` alone",
        examples=["mx_Custom_1"],
    )

    @model_validator(mode="after")
    def _named(self) -> Marker:
        if (self.place == "custom_field") != (self.custom_field is not None):
            raise PydanticCustomError(
                "marker",
                "`place: custom_field` and the field's name go together; write both, like "
                "{place: custom_field, custom_field: mx_Custom_1}, or neither",
            )
        return self


class Thresholds(_Settings):
    """When a run fails, so that somebody looks. Shares are of the rows that were due, from 0 to 1; null never fails."""

    max_invalid_share: Share | None = Field(
        0.5, description="fail above this share of rows with faulty columns; 0.1 is 10 %, null never fails"
    )
    max_rejected_share: Share | None = Field(
        0.2, description="fail above this share of rows that LeadSquared refused or dropped; 0.1 is 10 %, null never"
    )
    max_unknown: int | None = Field(
        0,
        ge=0,
        description="fail above this number of rows of which nobody can tell, when the run ends, whether LeadSquared "
        "has them; null never fails",
    )


class Approval(_Settings):
    """Ask a person before a large run is sent."""

    above_rows: int = Field(
        ge=1, description="ask where a run would send more rows than this; fewer go out unasked", examples=[1000]
    )
    timeout_hours: float = Field(
        24,
        gt=0,
        le=24 * 30,
        description="hours that an answer is waited for; without one the rows are held, as if it had been no",
    )

    @property
    def timeout(self) -> timedelta:
        """How long an answer is waited for."""
        return timedelta(hours=self.timeout_hours)


class WriteBack(_Settings):
    """Where the outcome of each follow-up is written for the company's own reports."""

    table: TableName = Field(
        description="table's name, with its schema if need be; it is made if it is missing",
        examples=["reports.followup_outcomes"],
    )
    conn_id: ConnectionId | None = Field(
        None, description="Airflow connection of the table's database; null: the feed's `warehouse_conn_id`"
    )


class Feed(_Settings):
    """A source of follow-ups: query, schedule, defaults and policies. DAG id `leadsquared_<name>`."""

    name: str = Field(
        pattern="^[a-z][a-z0-9_]{0,60}$",
        description="the file's name without .yaml; it is part of each row's identity, so that renaming the file makes "
        "all rows new and sends what is due once more",
    )
    description: str = Field(
        "", description="what the feed sends, in your words; shown as the DAG's description in Airflow"
    )
    schedule: CronLine | None = Field(
        None,
        description="when it runs, in `timezone`: a cron line of five fields (minute, hour, day, month, weekday) or "
        "@hourly, @daily, @weekly, @monthly, @yearly; null: when somebody triggers it alone",
        examples=["0 6 * * *"],
    )
    timezone: TimeZone = Field(
        "Asia/Kolkata",
        description="zone of the schedule, of quiet hours, and of dates in the warehouse that have none",
        examples=["Asia/Kolkata"],
    )
    start_date: StartDate = Field(
        description="first date that the schedule and backfills may cover; nothing is sent for it by itself",
        examples=["2026-01-31"],
    )
    warehouse_conn_id: ConnectionId = Field(
        "warehouse_default", description="Airflow connection of the warehouse that the query reads"
    )
    leadsquared_conn_id: ConnectionId = Field(
        "leadsquared_default", description="Airflow connection of the LeadSquared account that gets the tasks"
    )
    sql: QueryFile = Field(description="file of the query, in include/sql", examples=["appointments.sql"])
    identity: tuple[str, ...] = Field(
        (),
        description="columns of the query that tell follow-ups apart together with followup_id, for ids that come "
        "again, such as one for each visit; changing the list makes all rows new and sends what is due once more",
        examples=[["due_at"]],
    )
    defaults: Columns = Field(
        default_factory=dict,
        description="values for columns that the query does not return, or where it returns null",
        examples=[{"duration_minutes": 30}],
    )
    ahead_hours: int = Field(
        0,
        ge=0,
        le=24 * 366,
        description="hours before the due date that rows are sent. A scheduled run covers the due dates since the run "
        "before, moved into the future by this: with 0 a daily run sends what fell due in the past day, with 24 what "
        "falls due in the coming one. A run by hand without dates goes up to now and so many hours more",
    )
    late_days: int = Field(
        1,
        ge=0,
        le=31,
        description="days before its due dates that a scheduled run covers once more, for rows that come late into the "
        "warehouse; what was sent is left alone. Backfills, runs by hand and given dates cover none",
    )
    look_back_days: int = Field(
        7,
        ge=1,
        le=3650,
        description="days into the past that a run by hand without dates covers; with `on_change` or `on_cancel` also "
        "the days that each scheduled run looks back for changes of rows that were sent",
    )
    past_due: Literal["keep", "shift", "hold"] = Field(
        "keep",
        description="what becomes of rows whose due date is over when they are read. keep: sent with that date; "
        "shift: sent, due a minute from now; hold: kept back until a person sends them by `requeue: held`",
    )
    quiet_hours: QuietHours | None = Field(
        None,
        description="hours in which nothing may fall due: such a follow-up is moved to their end; null: none",
        examples=[{"start": "20:00", "end": "09:00"}],
    )
    check_leads: bool = Field(
        False,
        description="look up, before sending, whether the rows' leads exist, at a call for each 1,000 rows; "
        "rows without are refused",
    )
    check_opportunities: Code | None = Field(
        None,
        description="code of the opportunities' type, to look up, before sending, whether the rows' opportunities "
        "exist; rows without are refused; null: not looked up",
        examples=[12000],
    )
    max_per_owner_per_day: int | None = Field(
        None,
        ge=1,
        description="follow-ups that one owner may get for one day; what is more is held and shown; null: no limit",
    )
    marker: Marker = Field(
        Marker(),
        description="where the short text is written by which a task can be found again in LeadSquared",
        examples=[{"place": "off"}],
    )
    verify: bool = Field(True, description="look in LeadSquared, after sending, whether the tasks exist there")
    on_unknown: Literal["verify", "hold", "resend"] = Field(
        "verify",
        description="what becomes of rows that were sent and got no usable answer. verify: looked for in LeadSquared, "
        "and sent again if they are proved absent; hold: looked for, and held if absent; resend: sent again at once, "
        "which can make two tasks of one row",
    )
    duplicates: Literal["report", "delete_younger"] = Field(
        "report",
        description="what becomes of a second CRM task of one follow-up. report: shown; delete_younger: the later is "
        "deleted",
    )
    on_change: Literal["ignore", "update", "recreate"] = Field(
        "ignore",
        description="what becomes of an open CRM task whose row changed in the warehouse. ignore: stays; update: "
        "changed; recreate: deleted and made anew",
    )
    on_cancel: Literal["ignore", "complete", "delete"] = Field(
        "ignore",
        description="what becomes of an open CRM task whose row was cancelled in the warehouse. ignore: stays; "
        "complete: marked as completed; delete: deleted",
    )
    thresholds: Thresholds = Field(
        Thresholds(), description="when a run fails, so that somebody looks", examples=[{"max_invalid_share": 0.1}]
    )
    approval: Approval | None = Field(
        None, description="ask a person before a large run is sent; null: never", examples=[{"above_rows": 1000}]
    )
    write_back: WriteBack | None = Field(
        None,
        description="write each follow-up's outcome to a table of your own; null: nowhere",
        examples=[{"table": "followup_outcomes"}],
    )
    notify: tuple[Address, ...] = Field(
        (),
        description="addresses that get a mail, by the connection smtp_default, when a run fails, holds rows or asks",
        examples=[["lead@example.com"]],
    )
    owner: str = Field("revops", description="person or team that is shown as the DAG's owner in Airflow")
    tags: tuple[Tag, ...] = Field(
        (), description="labels to find the DAG by in Airflow, beside `leadsquared`", examples=[["sales", "india"]]
    )
    max_active_runs: int = Field(
        4, ge=1, le=100, description="runs of the feed that may be under way at once; others wait"
    )
    batches_per_slice: int | None = Field(
        None,
        ge=1,
        le=2000,
        description="calls, each of up to 50 rows, that one parallel Airflow task makes; null: 50, or more where a run "
        "would need over 100 such tasks",
    )
    retries: int = Field(
        3, ge=0, le=20, description="times that Airflow tries a failed task again; nothing is sent twice by it"
    )
    quota_patience_hours: float = Field(
        24,
        ge=0,
        le=48,
        description="hours that a run waits for new calls when the day's are used up; if that is not enough its rows "
        "stay planned, for the next run",
    )

    @property
    def dag_id(self) -> str:
        """The feed's DAG."""
        return f"leadsquared_{self.name}"

    @property
    def keeps_in_step(self) -> bool:
        """Whether CRM tasks follow the warehouse after they were created."""
        return (self.on_change, self.on_cancel) != ("ignore", "ignore")

    @property
    def zone(self) -> ZoneInfo:
        """The zone of dates without one."""
        return ZoneInfo(self.timezone)

    @property
    def look_back(self) -> timedelta:
        """How far runs without an interval look back."""
        return timedelta(days=self.look_back_days)

    @property
    def late(self) -> timedelta:
        """How far before their interval scheduled runs begin."""
        return timedelta(days=self.late_days)

    @property
    def quota_patience(self) -> timedelta:
        """How long runs wait for calls when the day's are used up."""
        return timedelta(hours=self.quota_patience_hours)

    @property
    def ahead(self) -> timedelta:
        """How long before the due date runs send."""
        return timedelta(hours=self.ahead_hours)


def feeds_dir() -> Path:
    """The folder of the feed files that ship with the project."""
    return Path(__file__).resolve().parents[1] / "feeds"


def sql_dir() -> Path:
    """The folder of the feeds' queries."""
    return Path(__file__).resolve().parents[1] / "sql"


def feed_files(folder: Path) -> list[Path]:
    """Return a folder's feed files by name; also those that end in .yml, to be refused instead of overlooked."""
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in {".yaml", ".yml"})


def read_query(feed: Feed) -> str:
    """Return the text of the feed's query."""
    try:
        return read_query_file(sql_dir(), feed.sql)
    except ValueError as error:
        raise FeedError(f"{feed.name}.yaml: `sql`: {error}") from error


def load_feed(path: Path) -> Feed:
    """Read and check one feed file; all that is wrong is told at once, each on a line of its own."""
    text = _read(path)
    problems = [*file_problems(path, text), *_query_problems(text)]
    try:
        feed = Feed.model_validate({**text.content, "name": path.stem})
    except ValidationError as error:
        problems += explain(error, Feed, text)
    else:
        if not problems:
            return feed
    raise FeedError("\n".join(problem.told(path.name) for problem in in_order(problems)))


def load_feeds(folder: Path | None = None) -> list[Feed]:
    """Read every feed file of a folder, in the files' order by name."""
    return [load_feed(path) for path in feed_files(folder or feeds_dir())]


def _read(path: Path) -> FeedText:
    try:
        text = FeedText(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FeedError(f"{path.name}: no such feed file in {path.parent.name}; write it, or mend the name") from error
    except UnicodeDecodeError as error:
        raise FeedError(f"{path.name}: not UTF-8 text; save it as UTF-8") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FeedError(yaml_problem(error).told(path.name)) from error
    if not isinstance(text.content, dict):
        raise FeedError(f"{path.name}: a feed file holds fields such as `sql: appointments.sql`; this one holds none")
    return text


def _query_problems(text: FeedText) -> Iterator[Problem]:
    name = text.content.get("sql")
    if isinstance(name, str) and is_query_file(name):
        try:
            read_query_file(sql_dir(), name)
        except ValueError as error:
            yield Problem(text.line_of(["sql"]), f"`sql`: {error}")
