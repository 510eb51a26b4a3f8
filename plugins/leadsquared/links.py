"""The button on a task that leads to its run on our page."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperatorLink, conf

from leadsquared.names import run_page


class RunPageLink(BaseOperatorLink):
    """Opens the run with its rows, calls and time left."""

    name = "Follow-ups of this run"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the page's address."""
        return run_page(str(conf.get("api", "base_url", fallback="") or ""), ti_key.dag_id, ti_key.run_id)
