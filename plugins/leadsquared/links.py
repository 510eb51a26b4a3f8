"""The button on a task that leads to its run on our page."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperatorLink, conf

from leadsquared.names import run_page


class RunPageLink(BaseOperatorLink):
    """Opens the run with its rows, calls and time left.

    An operator that may plan rows itself tells by `run_on_page` where those are.
    """

    name = "Follow-ups of this run"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the page's address."""
        own = getattr(operator, "run_on_page", None)
        dag_id, run_id = own(ti_key) if own else (ti_key.dag_id, ti_key.run_id)
        return run_page(str(conf.get("api", "base_url", fallback="") or ""), dag_id, run_id)
