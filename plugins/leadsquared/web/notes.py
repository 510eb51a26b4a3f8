"""Copy what the ledger says of a run to the run's note in Airflow.

Anybody may ask for it: nothing is taken from the caller but a plan's number, and nothing is answered. It is done once
a second at most for a run, however often it is asked for, and always once after the last time that it was asked for.
"""

from __future__ import annotations

import asyncio
import logging
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from fastapi import APIRouter, BackgroundTasks, Response
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from starlette.concurrency import run_in_threadpool
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from followups.ledger.overview import Overview
from followups.notes import merged, summary
from leadsquared.databases import open_ledger_engine
from leadsquared.names import NOTE_PATH, run_page

PAUSE_SECONDS = 1.0
_PATIENCE = Retrying(
    stop=stop_after_attempt(4), wait=wait_fixed(0.5), retry=retry_if_exception_type(OperationalError), reraise=True
)

log = logging.getLogger(__name__)
router = APIRouter()

#: runs whose note is being written, and whether it was asked for once more meanwhile; the event loop's alone
_asked_again: dict[str, bool] = {}


@router.post(NOTE_PATH + "/{plan_id}", status_code=204)
async def note_run(plan_id: int, background: BackgroundTasks) -> Response:
    """Bring the note of the plan's run up to date, once the caller has its answer."""
    background.add_task(_keep_up, plan_id)
    return Response(status_code=204)


async def _keep_up(plan_id: int) -> None:
    run_key = await run_in_threadpool(_run_key, plan_id)
    if run_key is None:
        return
    if run_key in _asked_again:
        _asked_again[run_key] = True
        return
    _asked_again[run_key] = True
    try:
        while _asked_again[run_key]:
            _asked_again[run_key] = False
            await run_in_threadpool(_write_patiently, run_key)
            await asyncio.sleep(PAUSE_SECONDS)
    finally:
        del _asked_again[run_key]


def _run_key(plan_id: int) -> str | None:
    try:
        found = Overview(open_ledger_engine()).run_of_plan(plan_id)
    except Exception as error:  # the next poke may get through
        log.warning("a run's plan could not be read: %s", type(error).__name__)
        return None
    # Runs of inline rows belong to DAGs of their users' own, whose notes are not ours.
    return None if found is None or found[0] == "inline" else found[1]


def _write_patiently(run_key: str) -> None:
    """Write; again where Airflow's database, on SQLite, was busy with another write."""
    try:
        _PATIENCE(_write, run_key)
    except Exception as error:  # a note is a courtesy
        log.warning("the note of a run could not be written: %s", type(error).__name__)


def _write(run_key: str) -> None:
    feed, _, run_id = run_key.partition("/")
    dag_id = f"leadsquared_{feed}"
    with create_session() as session:
        wanted = select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        run = session.scalar(wanted.with_for_update())
        # Read behind the lock: of two API servers the later one must not write what is older.
        view = Overview(open_ledger_engine()).run(run_key)
        if run is None or view is None:
            return
        link = run_page(urlsplit(str(conf.get("api", "base_url", fallback="") or "")).path, dag_id, run_id)
        text = merged(run.note, summary(view, link))
        if text is not None and text != run.note:
            run.note = text
