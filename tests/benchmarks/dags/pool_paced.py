"""The obvious way to send follow-ups: one HttpOperator for each batch of 50, mapped, in a pool that slows them down.

Written as a careful user would: bodies go through files instead of XCom, failed calls are retried, a reply that names
an error fails its task. It cannot tell what a failed call left behind, and does not look.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.providers.http.operators.http import HttpOperator
from airflow.sdk import DAG, BaseHook, task

QUERY = """
SELECT task_type, subject, owner_email, due_at, end_at, duration_minutes, description, related_to, related_id
FROM followups
WHERE feed = 'appointments' AND due_at IS NOT NULL AND subject IS NOT NULL AND owner_email IS NOT NULL
  AND (related_to IS NULL OR related_to IN ('lead', 'opportunity'))
ORDER BY due_at, followup_id
LIMIT ?
"""


def payload(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return a row in LeadSquared's form."""
    task_type, subject, owner, due_at, end_at, minutes, description, related_to, related_id = row
    begins = due_at.astimezone(UTC)
    ends = end_at.astimezone(UTC) if end_at else begins + timedelta(minutes=minutes or 30)
    found = {
        "Name": subject,
        "TaskType": {"Name": task_type},
        "OwnerEmailAddress": owner,
        "DueDate": f"{begins:%Y-%m-%d %H:%M:%S}",
        "EndDate": f"{ends:%Y-%m-%d %H:%M:%S}",
    }
    if description:
        found["Description"] = description
    if related_to and related_id:
        found |= {"RelatedEntity": {"lead": 1, "opportunity": 5}[related_to], "RelatedEntityId": related_id}
    return found


class FileHttpOperator(HttpOperator):
    """An HttpOperator whose `data` is the path of a file."""

    def execute(self, context: Any) -> Any:
        self.data = Path(str(self.data)).read_text(encoding="utf-8")
        return super().execute(context)


with DAG("pool_paced", schedule=None, params={"limit": 1000}) as dag:

    @task
    def bodies(params: dict[str, Any]) -> list[str]:
        """Write a body for each batch and return their paths."""
        hook: DbApiHook = BaseHook.get_hook("warehouse_default")
        rows = hook.get_records(QUERY, [params["limit"]])
        folder = Path(os.environ["POOL_PACED_BODIES"])
        paths = []
        for first in range(0, len(rows), 50):
            path = folder / f"{first}.json"
            body = {"TaskList": [payload(row) for row in rows[first : first + 50]]}
            path.write_text(json.dumps(body), encoding="utf-8")
            paths.append(str(path))
        return paths

    FileHttpOperator.partial(
        task_id="create",
        http_conn_id="leadsquared_http",
        endpoint="v2/Task.svc/Bulk/Create",
        headers={"Content-Type": "application/json"},
        response_check=lambda response: response.json().get("Status") == "Success",
        pool="pool_paced",
        retries=3,
        retry_delay=timedelta(seconds=5),
    ).expand(data=bodies())
