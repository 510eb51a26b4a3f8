"""Feeds: configured sources of follow-ups, one YAML file each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from followups.errors import PermanentError
from followups.feed_fields import Address, ClockTime, Columns, CronLine, Share, TableName, TimeZone


class FeedError(PermanentError):
    """A feed file is wrong. The text names the file, the line, the field and the cure."""


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class QuietHours(_Settings):
    """Local hours in which nothing may fall due; such a follow-up is moved to their end."""

    start: ClockTime = Field(description="first quiet minute, in the feed's time zone, as HH:MM")
    end: ClockTime = Field(description="first minute after, as HH:MM; may lie on the next day")


class Marker(_Settings):
    """Where the marker is written by which a CRM task can be found again."""

    place: Literal["description", "custom_field", "off"] = "description"
    custom_field: str | None = Field(
        None, pattern="^mx_[A-Za-z0-9_]+$", description="schema name, for place: custom_field"
    )

    @model_validator(mode="after")
    def _named(self) -> Marker:
        if (self.place == "custom_field") != (self.custom_field is not None):
            raise PydanticCustomError("marker", "name `custom_field` exactly where `place` is custom_field")
        return self


class Thresholds(_Settings):
    """When a run fails. Shares are of the rows that were due; null never fails."""

    max_invalid_share: Share | None = Field(0.5, description="rows that failed validation")
    max_rejected_share: Share | None = Field(0.2, description="rows that LeadSquared refused or dropped")
    max_unknown: int | None = Field(0, ge=0, description="rows whose outcome is not known when the run ends")


class Approval(_Settings):
    """Ask a person before a large run is sent."""

    above_rows: int = Field(ge=1, description="ask where more rows than this would be sent")
    timeout_hours: float = Field(
        24, gt=0, le=24 * 30, description="without an answer for so long, the rows are held as if it had been no"
    )

    @property
    def timeout(self) -> timedelta:
        """How long an answer is waited for."""
        return timedelta(hours=self.timeout_hours)


class WriteBack(_Settings):
    """Where the outcome of each follow-up is written for the company's own reports."""

    table: TableName = Field(description="table, with its schema if need be; made if missing")
    conn_id: str | None = Field(None, description="Airflow connection of its database; null: the feed's warehouse")


class Feed(_Settings):
    """A source of follow-ups: query, schedule, defaults and policies. DAG id `leadsquared_<name>`."""

    name: str = Field(pattern="^[a-z][a-z0-9_]{0,60}$", description="the file's name without .yaml")
    description: str = Field("", description="shown as the DAG's description")
    schedule: CronLine | None = Field(None, description="cron line, in `timezone`; null: by hand only")
    timezone: TimeZone = Field("Asia/Kolkata", description="for the schedule and for dates that have no zone")
    start_date: datetime = Field(description="first date the schedule and backfills may cover")
    warehouse_conn_id: str = Field("warehouse_default", description="Airflow connection of the warehouse")
    leadsquared_conn_id: str = Field("leadsquared_default", description="Airflow connection of LeadSquared")
    sql: str = Field(description="the query's file, relative to include/sql")
    identity: tuple[str, ...] = Field((), description="columns that, with followup_id, tell follow-ups apart")
    defaults: Columns = Field(default_factory=dict, description="values for columns that are missing or null")
    ahead_hours: int = Field(0, ge=0, le=24 * 366, description="send this long before the due date")
    late_days: int = Field(
        1, ge=0, le=31, description="how many days before their interval scheduled runs begin, for rows that come late"
    )
    look_back_days: int = Field(
        7, ge=1, le=3650, description="how far runs without an interval look back, and feeds that are kept in step"
    )
    past_due: Literal["keep", "shift", "hold"] = Field("keep", description="what to do with dates already past")
    quiet_hours: QuietHours | None = None
    check_leads: bool = Field(
        False, description="look up before sending whether leads exist: a call for each 1,000 rows"
    )
    check_opportunities: str | None = Field(
        None, pattern="^[0-9]+$", description="code of the opportunities' type, to look them up likewise; null: not"
    )
    max_per_owner_per_day: int | None = Field(None, ge=1, description="more than this for one owner and day are held")
    marker: Marker = Marker()
    verify: bool = Field(True, description="look in LeadSquared whether accepted tasks exist")
    on_unknown: Literal["verify", "hold", "resend"] = Field(
        "verify", description="what becomes of rows that were sent without a usable answer"
    )
    duplicates: Literal["report", "delete_younger"] = Field(
        "report", description="what to do about a second CRM task with the marker of one follow-up"
    )
    on_change: Literal["ignore", "update", "recreate"] = Field(
        "ignore", description="what becomes of an open CRM task whose follow-up changed in the warehouse"
    )
    on_cancel: Literal["ignore", "complete", "delete"] = Field(
        "ignore", description="what becomes of an open CRM task whose follow-up was cancelled in the warehouse"
    )
    thresholds: Thresholds = Thresholds()
    approval: Approval | None = None
    write_back: WriteBack | None = Field(None, description="write each follow-up's outcome to a table; null: nowhere")
    notify: tuple[Address, ...] = Field(
        (),
        description="addresses that get a mail, by the connection smtp_default, when a run fails, holds rows or asks",
    )
    owner: str = Field("revops", description="shown as the DAG's owner")
    tags: tuple[str, ...] = ()
    max_active_runs: int = Field(4, ge=1, le=100)
    batches_per_slice: int | None = Field(
        None, ge=1, le=2000, description="calls per mapped task; null: 50, and at most 100 mapped tasks"
    )
    retries: int = Field(3, ge=0, le=20)
    quota_patience_hours: float = Field(
        24, ge=0, le=48, description="how long a run waits for the next day's calls; then its rows stay planned"
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


def read_query(feed: Feed) -> str:
    """Return the text of the feed's query."""
    path = sql_dir() / feed.sql
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        where = f"{feed.name}.yaml: `sql`: "
        raise FeedError(f"{where}no readable query at include/sql/{feed.sql}; write it there, or mend `sql`") from error


def load_feed(path: Path) -> Feed:
    """Read and check one feed file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FeedError(f"{path.name}: no such feed file in {path.parent.name}; write it, or mend the name") from error
    except UnicodeDecodeError as error:
        raise FeedError(f"{path.name}: not UTF-8 text; save it as UTF-8") from error
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise FeedError(f"{path.name}{where}: not valid YAML: {getattr(error, 'problem', error)}") from error
    if not isinstance(content, dict):
        raise FeedError(f"{path.name}: a feed file holds fields such as `sql: appointments.sql`; this one holds none")
    if content.get("name", path.stem) != path.stem:
        raise FeedError(f"{path.name}: `name` differs from the file's name: leave it out, or rename the file")
    try:
        feed = Feed.model_validate({**content, "name": path.stem})
    except ValidationError as error:
        lines = [_explain(path, tree, problem) for problem in error.errors(include_url=False, include_input=False)]
        raise FeedError("\n".join(lines)) from error
    read_query(feed)
    return feed


def load_feeds(folder: Path | None = None) -> list[Feed]:
    """Read every feed file of a folder, in the files' order by name."""
    return [load_feed(path) for path in sorted((folder or feeds_dir()).glob("*.yaml"))]


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of feed files, for editors; it ships as `include/feeds/feed.schema.json`."""
    schema = Feed.model_json_schema()
    schema["properties"].pop("name")
    schema["required"].remove("name")
    schema["properties"]["start_date"]["format"] = "date"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _explain(path: Path, tree: yaml.Node | None, problem: Any) -> str:
    location: Sequence[str | int] = problem["loc"]
    field = ".".join(str(part) for part in location)
    line = _line_of(tree, location)
    where = f"{path.name}, line {line}" if line else path.name
    subject = f"`{field}`: " if field else ""
    return f"{where}: {subject}{_sentence(problem, location)}"


def _sentence(problem: Any, location: Sequence[str | int]) -> str:
    if location == ("name",):
        return "taken from the file's name, which holds a to z, 0 to 9 and _ alone; rename the file"
    if problem["type"] == "missing":
        return "missing; add it"
    if problem["type"] == "extra_forbidden":
        known = _fields_at(location[:-1])
        return f"no such field; known are {', '.join(known)}" if known else "no such field; remove it"
    return re.sub(r"^(Input|Value|String) ", "value ", str(problem["msg"])).replace("tuple", "list")


def _fields_at(location: Sequence[str | int]) -> list[str]:
    parts: dict[str, type[_Settings]] = {
        "quiet_hours": QuietHours, "marker": Marker, "thresholds": Thresholds, "approval": Approval,
        "write_back": WriteBack,
    }  # fmt: skip
    model = Feed if not location else parts.get(str(location[0]))
    return [name for name in model.model_fields if name != "name"] if model else []


def _line_of(node: yaml.Node | None, location: Sequence[str | int]) -> int | None:
    """Return the line of the deepest part of `location` that the file holds."""
    line: int | None = None
    for part in location:
        if not isinstance(node, yaml.MappingNode):
            break
        found = next(((key, value) for key, value in node.value if key.value == part), None)
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line
