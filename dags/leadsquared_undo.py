"""By hand: delete from LeadSquared what a run created there."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, Param

from leadsquared.operators.undo import UndoOperator
from leadsquared.retrying import RETRY_POLICY

TEXT = ["null", "string"]
PARAMS = {
    "run_id": Param(None, type=TEXT, title="Run",
                    description="Id of the run whose CRM tasks are to be deleted, such as manual__2031-04-05."),
    "feed": Param(None, type=TEXT, title="Feed", description="Needed with dates, and where two feeds have such a run."),
    "from": Param(None, type=TEXT, format="date-time", title="Created from",
                  description="Instead of a run: CRM tasks that were sent from then on. Without an offset in UTC."),
    "to": Param(None, type=TEXT, format="date-time", title="Created before",
                description="Instead of a run: CRM tasks that were sent before then. Without an offset in UTC."),
    "mode": Param("preview", type="string", enum=["preview", "send"], title="Mode",
                  description="preview deletes nothing; the log of the task shows what would be deleted."),
    "confirm": Param(None, type=["null", "integer"], minimum=0, title="Confirm",
                     description="The number of created CRM tasks that the preview shows, to delete them."),
}  # fmt: skip

with DAG(
    dag_id="leadsquared_undo",
    description="Deletes the CRM tasks that a run created, but for those that a person completed or touched.",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC")),
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
    tags=["leadsquared"],
    default_args={
        "owner": "revops",
        "retries": 3,
        "retry_delay": timedelta(seconds=30),
        "retry_policy": RETRY_POLICY,
    },
    doc_md=UndoOperator.__doc__,
) as dag:
    UndoOperator(task_id="undo")
