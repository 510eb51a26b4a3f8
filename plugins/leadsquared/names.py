"""Ids of Airflow connections, and other words that DAG files need before anything heavy is imported."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import quote

DEFAULT_LEADSQUARED = "leadsquared_default"
DEFAULT_LEDGER = "followups_ledger"
POOL = "leadsquared"
#: The mail server, as Airflow names it.
SMTP = "smtp_default"

#: What to do about CRM tasks that are not there.
Missing = Literal["fail", "ignore"]
#: How many of the CRM tasks that are waited for must be completed.
Until = Literal["all", "any"]

#: Where the web parts are mounted in Airflow's API server, and the status webhook's path below that.
WEB_PREFIX = "/leadsquared"
HOOK_PATH = "/hook/{batch_id}"
NOTE_PATH = "/runs/note"
PAGE_PATH = "/page/"


def hook_url(base_url: str, batch_id: str, token: str) -> str:
    """Return the status webhook's address to give to LeadSquared; `base_url` is Airflow's public one.

    The token is a parameter of that name because Airflow's access log blots those out, and shows paths as they are.
    """
    return f"{base_url.rstrip('/')}{WEB_PREFIX}{HOOK_PATH.format(batch_id=batch_id)}?token={quote(token, safe='')}"


def inline_run_id(ti: Any) -> str:
    """Return how the run is called that one task's inline rows make up in the ledger."""
    return f"{ti.run_id}/{ti.task_id}[{ti.map_index}]"


def run_page(base_url: str, dag_id: str, run_id: str) -> str:
    """Return the address of a run on our page; `base_url` is Airflow's, or its path."""
    return f"{base_url.rstrip('/')}{WEB_PREFIX}{PAGE_PATH}#/run/{quote(dag_id, safe='')}/{quote(run_id, safe='')}"
