"""A feed: one configured source of follow-ups."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from followups.feeds.fields import (
    Address,
    Code,
    Columns,
    ConnectionId,
    CronLine,
    QueryFile,
    StartDate,
    Tag,
    TimeZone,
)
from followups.feeds.groups import Approval, Marker, QuietHours, Settings, Thresholds, WriteBack


class Feed(Settings):
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
