"""Every few minutes: settle what runs left behind, and look again at what was settled."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from airflow.sdk import DAG

from leadsquared.operators.reconcile import ListAccountsOperator, ReconcileOperator

with DAG(
    dag_id="leadsquared_reconcile",
    description="Settles rows whose outcome runs left open, sends again what is proved absent, finds duplicates.",
    schedule=timedelta(minutes=5),
    start_date=datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC")),
    catchup=False,
    max_active_runs=1,
    tags=["leadsquared"],
    default_args={"owner": "revops", "retries": 1, "retry_delay": timedelta(seconds=30)},
) as dag:
    accounts = ListAccountsOperator(task_id="accounts")
    ReconcileOperator.partial(
        task_id="reconcile",
        map_index_template="{{ account_label | default('') }}",
    ).expand(leadsquared_conn_id=accounts.output)
