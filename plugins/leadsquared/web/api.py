"""What the page asks for: JSON, for whoever may see the runs of the feed's DAG. Never a payload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import APIRouter, Depends, HTTPException, Request

from followups.feeds import feeds_dir
from followups.feeds.checks import RESERVED
from followups.ledger.overview import Overview, RunView
from leadsquared.accounts import feed_accounts
from leadsquared.databases import open_ledger_engine
from leadsquared.hook import LeadSquaredHook

router = APIRouter(prefix="/api")


class Viewer:
    """The user who asks, and the ledger as this user may see it."""

    def __init__(self, request: Request, user: GetUserDep) -> None:
        self._request = request
        self._user = user
        self._may: dict[str, bool] = {}
        self.ledger = Overview(open_ledger_engine())

    def may_see(self, feed: str) -> bool:
        """Tell whether the user may read the runs of the feed's DAG."""
        if feed not in self._may:
            allowed = requires_access_dag("GET", DagAccessEntity.RUN, dag_of(feed))
            try:
                allowed(self._request, self._user)
                self._may[feed] = True
            except HTTPException:
                self._may[feed] = False
        return self._may[feed]

    def check(self, feed: str) -> None:
        """Refuse what the user may not see, in the words for what is not there."""
        if not self.may_see(feed):
            raise HTTPException(404, "nothing of that name")

    def visible(self, rows: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return the rows that the user may see."""
        return [row for row in rows if self.may_see(row["feed"])]


View = Annotated[Viewer, Depends(Viewer)]


def dag_of(feed: str) -> str:
    """Return the DAG that guards a feed: its own, or for inline rows the one that gave the feed its name."""
    ours = feed in RESERVED or (feeds_dir() / f"{feed}.yaml").exists()
    return f"leadsquared_{feed}" if ours else feed


@router.get("/overview")
def overview(viewer: View) -> dict[str, Any]:
    """Every feed with its open rows and last run, and the accounts' rates."""
    names = sorted({*viewer.ledger.feeds(), *(path.stem for path in feeds_dir().glob("*.yaml"))})
    feeds = [
        {"feed": name, "dag_id": dag_of(name), "open": viewer.ledger.open_rows(name),
         "runs": [_plan(plan) for plan in viewer.ledger.runs(name, 1)]}
        for name in names
        if viewer.may_see(name)
    ]  # fmt: skip
    return {"feeds": feeds, "rates": [_rate(conn_id) for conn_id in feed_accounts()] if feeds else []}


@router.get("/feeds/{feed}")
def feed(feed: str, viewer: View) -> dict[str, Any]:
    """What waits in a feed, what was not delivered and why, and its last runs."""
    viewer.check(feed)
    runs = [_plan(plan) for plan in viewer.ledger.runs(feed)]
    return {
        "feed": feed, "dag_id": dag_of(feed), "runs": runs,
        "open": viewer.ledger.open_rows(feed), "trouble": viewer.ledger.trouble(feed),
    }  # fmt: skip


@router.get("/feeds/{feed}/rows")
def rows(feed: str, viewer: View, state: str, reason: str | None = None) -> list[Mapping[str, Any]]:
    """Rows of a feed in a state, for a reason."""
    viewer.check(feed)
    return viewer.ledger.rows(feed, state, reason)


@router.get("/runs/{dag_id}/{run_id:path}")
def run(dag_id: str, run_id: str, viewer: View) -> dict[str, Any]:
    """How a run stands."""
    # Rows that were given inline are kept under their DAG's own name, which may begin like those of feeds.
    for feed in dict.fromkeys((dag_id.removeprefix("leadsquared_"), dag_id)):
        if viewer.may_see(feed) and (found := viewer.ledger.run(f"{feed}/{run_id}")):
            return _run(found, dag_id)
    raise HTTPException(404, "nothing of that name: nothing was planned, it was a preview, or it is not yours to see")


@router.get("/search")
def search(q: str, viewer: View) -> list[Mapping[str, Any]]:
    """Rows by follow-up id, marker, CRM task id or key."""
    feeds = viewer.ledger.feeds()
    return viewer.visible(viewer.ledger.search(q[:200], feeds)) if q.strip() else []


@router.get("/deliveries/{key}")
def delivery(key: str, viewer: View) -> dict[str, Any]:
    """One row's story."""
    found = viewer.ledger.story(key)
    if found is None:
        raise HTTPException(404, "the ledger knows no such row")
    viewer.check(found["delivery"]["feed"])
    feed, _, run_id = (found.pop("run_key") or "").partition("/")
    return {**found, "dag_id": dag_of(found["delivery"]["feed"]), "run_id": run_id if feed else None}


def _plan(plan: Mapping[str, Any]) -> dict[str, Any]:
    counts = plan["counts"] or {}
    kept = {name: plan[name] for name in ("id", "kind", "mode", "created_at", "finished_at", "lookups")}
    run_id = plan["run_key"].partition("/")[2]
    return {**kept, "run_id": run_id, "due": counts.get("due"), "to_send": counts.get("to_send")}


def _run(view: RunView, dag_id: str) -> dict[str, Any]:
    return {**asdict(view), "dag_id": dag_id, "report": view.report.as_json()}


def _rate(conn_id: str) -> dict[str, Any]:
    try:
        return {"connection": conn_id, "buckets": [asdict(each) for each in LeadSquaredHook(conn_id).rate_status()]}
    except Exception as error:
        return {"connection": conn_id, "buckets": [], "error": f"{type(error).__name__}: see the connection"}
