"""Tell the API server that a run went on, so that it writes the run's note: tasks have no way to set one themselves."""

from __future__ import annotations

import logging

import requests
from airflow.sdk import conf

from leadsquared.names import NOTE_PATH, WEB_PREFIX

TIMEOUT_SECONDS = 2.0
_DEFAULT_URL = "http://localhost:8080"

log = logging.getLogger(__name__)


def api_server_url() -> str:
    """Return the address at which a worker reaches the API server."""
    execution = conf.get("core", "execution_api_server_url", fallback=None)
    if execution:
        return str(execution).rstrip("/").removesuffix("/execution")
    return str(conf.get("api", "base_url", fallback=None) or _DEFAULT_URL).rstrip("/")


def poke(plan_id: int) -> None:
    """Ask for the run's note to be brought up to date. Never fails, and waits no longer than two seconds."""
    try:
        url = f"{api_server_url()}{WEB_PREFIX}{NOTE_PATH}/{plan_id}"
        requests.post(url, timeout=TIMEOUT_SECONDS, allow_redirects=False)
    except Exception as error:  # a note is a courtesy
        log.debug("the run's note was not brought up to date: %s", type(error).__name__)
