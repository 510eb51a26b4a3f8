"""The demo's story: a scheduled run, a run by hand, a backfill, the backfill again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from demo.accounting import Pace, last_report, pace_of
from demo.client import AirflowClient
from followups.report import RunReport

FEEDS = ("appointments", "document_collection")
ZONE = ZoneInfo("Asia/Kolkata")


@dataclass(frozen=True, kw_only=True)
class Finished:
    """One run that ended."""

    title: str
    dag_id: str
    run_id: str
    state: str
    #: of the run's last plan: a run that is done again is planned again
    report: RunReport
    pace: Pace


class Scenario:
    """Plays the story against a running Airflow."""

    def __init__(self, airflow: AirflowClient, ledger: sa.Engine, say: Callable[[str], None]) -> None:
        self._airflow = airflow
        self._ledger = ledger
        self._say = say
        self.now = datetime.now(ZONE)

    def play(self) -> list[Finished]:
        """Play all of it and return the runs in order."""
        self._airflow.wait_for_dags([f"leadsquared_{feed}" for feed in FEEDS])
        return [*self.scheduled(), self.by_hand(), *self.backfill("backfill"), *self.backfill("backfill again")]

    def scheduled(self) -> list[Finished]:
        """Unpause both feeds: the scheduler starts the run of their last interval at once."""
        self._say("scheduled: both feeds are unpaused, the scheduler starts their last interval")
        for feed in FEEDS:
            self._airflow.unpause(f"leadsquared_{feed}")
        done = []
        for feed in FEEDS:
            run_id = self._airflow.wait_for_first_run(f"leadsquared_{feed}", "scheduled")
            done.append(self._finish("scheduled", f"leadsquared_{feed}", run_id))
        return done

    def by_hand(self) -> Finished:
        """Trigger a wide window by hand; the scheduled run's rows lie in it and are left alone."""
        first, last = self.now - timedelta(days=7), self.now + timedelta(days=8)
        self._say("by hand: document_collection for 15 days, with params `from` and `to`")
        conf = {"from": first.isoformat(), "to": last.isoformat(), "mode": "send"}
        run_id = self._airflow.trigger("leadsquared_document_collection", conf)
        return self._finish("by hand", "leadsquared_document_collection", run_id)

    def backfill(self, title: str) -> list[Finished]:
        """Backfill the three days before the scheduled run's."""
        dag_id = "leadsquared_appointments"
        again = title.endswith("again")
        self._say(f"{title}: appointments, three past days" + (", which sends nothing" if again else ""))
        midnight = datetime.combine(self.now.date(), time(), tzinfo=ZONE)
        first, last = midnight - timedelta(days=5), midnight - timedelta(days=2, seconds=1)
        self._airflow.wait_for_backfill(self._airflow.backfill(dag_id, first, last, again=again))
        runs = self._airflow.runs(dag_id, "backfill")
        return [self._finish(title, dag_id, run["dag_run_id"]) for run in runs]

    def _finish(self, title: str, dag_id: str, run_id: str) -> Finished:
        state = self._airflow.wait_for_run(dag_id, run_id)
        feed = dag_id.removeprefix("leadsquared_")
        return Finished(
            title=title,
            dag_id=dag_id,
            run_id=run_id,
            state=state,
            report=last_report(self._ledger, f"{feed}/{run_id}"),
            pace=pace_of(self._ledger, f"{feed}/{run_id}"),
        )
