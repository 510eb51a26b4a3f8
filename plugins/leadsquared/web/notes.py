"""Copy what the ledger says of a run to the run's note in Airflow.

Anybody may ask for it: nothing is taken from the caller but a plan's number, and nothing is answered. It is done once
a second at most for a run, however often it is asked for.
"""

from __future__ import annotations

import logging
import threading
import time
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from fastapi import APIRouter, Response
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from followups.ledger.overview import Overview, RunView
from followups.notes import merged, summary
from leadsquared.databases import open_ledger_engine
from leadsquared.names import NOTE_PATH, run_page

PAUSE_SECONDS = 1.0
MAX_REMEMBERED = 1000
ATTEMPTS = 4

log = logging.getLogger(__name__)
router = APIRouter()

_lock = threading.Lock()
#: when a run's note was last written
_written: dict[str, float] = {}


@router.post(NOTE_PATH + "/{plan_id}", status_code=204)
def note_run(plan_id: int) -> Response:
    """Bring the note of the plan's run up to date."""
    try:
        overview = Overview(open_ledger_engine())
        found = overview.run_of_plan(plan_id)
        # Runs of inline rows belong to DAGs of their users' own, whose notes are not ours.
        if found is not None and found[0] != "inline":
            view = overview.run(found[1]) if _due(found[1]) else None
            if view is not None:
                _write_patiently(view)
    except Exception as error:  # the next poke may get through
        log.warning("the note of a run could not be written: %s", type(error).__name__)
    return Response(status_code=204)


def _due(run_key: str) -> bool:
    with _lock:
        now = time.monotonic()
        if now - _written.get(run_key, -PAUSE_SECONDS) < PAUSE_SECONDS:
            return False
        if len(_written) >= MAX_REMEMBERED:
            _written.clear()
        _written[run_key] = now
        return True


def _write_patiently(view: RunView) -> None:
    """Write; again where Airflow's database, on SQLite, was busy with another write."""
    for _ in range(ATTEMPTS - 1):
        try:
            return _write(view)
        except OperationalError:
            time.sleep(PAUSE_SECONDS / 2)
    return _write(view)


def _write(view: RunView) -> None:
    dag_id = f"leadsquared_{view.feed}"
    link = run_page(urlsplit(str(conf.get("api", "base_url", fallback="") or "")).path, dag_id, view.run_id)
    with create_session() as session:
        run = session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == view.run_id))
        if run is None:
            return
        text = merged(run.note, summary(view, link))
        if text is not None and text != run.note:
            run.note = text
