"""The sandbox's own endpoints under `/_sandbox`: audit, tasks, calls, switches, faults, reset. They ask for no keys."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException, Query, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import ValidationError

from sandbox import audit as reports
from sandbox.replies import to_json
from sandbox.settings import Settings
from sandbox.state import Sandbox

_CHUNK = 1000
_LONGEST_DRAIN = 300.0
_OBJECT: dict[str, Any] = {"application/json": {"schema": {"type": "object"}}}
#: What is answered to a body that cannot be read, and to one that says what cannot be.
_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"description": "Not JSON in UTF-8", "content": _OBJECT},
    422: {"description": "Which switch or rule is wrong, and why", "content": _OBJECT},
}


def router(sandbox: Sandbox) -> APIRouter:
    """All endpoints over one sandbox."""
    routes = APIRouter()
    for add in (_add_counts, _add_tasks, _add_logs, _add_switches, _add_faults, _add_actions):
        add(routes, sandbox)
    return routes


def _add_counts(routes: APIRouter, sandbox: Sandbox) -> None:
    @routes.get("/health")
    async def health() -> dict[str, Any]:
        """Whether the server is up."""
        return {"status": "ok", "seconds_up": round(time.time() - sandbox.started_at, 3), "tasks": len(sandbox.store)}

    @routes.get("/audit")
    async def audit(windows: Annotated[int, Query(ge=1, le=1_000_000)] = 720) -> dict[str, Any]:
        """Counts since the last reset, with the calls of the newest windows."""
        report = reports.audit(sandbox)
        report["calls"]["windows"] = reports.windows(sandbox, windows)
        return report


def _add_tasks(routes: APIRouter, sandbox: Sandbox) -> None:
    @routes.get("/tasks", response_model=None)
    async def tasks(
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
        after: Annotated[int, Query(ge=0)] = 0,
        format: str = "json",  # noqa: A002 - the name in the URL
    ) -> Response | dict[str, Any]:
        """CRM tasks in the order of creation, from a number on; `format=ndjson` streams all of them, a line each."""
        if format == "ndjson":
            return StreamingResponse(_lines(sandbox, after + offset), media_type="application/x-ndjson")
        page = [reports.describe_task(sandbox, task) for task in islice(sandbox.store.after(after + offset), limit)]
        return {"total": len(sandbox.store), "tasks": page}

    @routes.get("/tasks/newest")
    async def newest_tasks(
        owner: str = "", text: str = "", repeated: bool = False, limit: Annotated[int, Query(ge=1, le=500)] = 100
    ) -> Any:
        """The newest CRM tasks with their texts, for people: by owner, by words, only those that were made twice."""
        found = islice(reports.search_tasks(sandbox, owner.strip(), text.strip(), repeated=repeated), limit)
        items = [
            {
                **reports.describe_task(sandbox, task),
                "description": task.description,
                "repeated": sandbox.store.duplicates.is_repeated(task),
            }
            for task in found
        ]
        return {"total": len(sandbox.store), "tasks": items}

    @routes.patch("/tasks/{task_id}", response_model=None, responses=_REFUSALS)
    async def touch(task_id: str, changes: Annotated[dict[str, Any], Body()]) -> Any:
        """Change a CRM task as its owner would by hand: `name`, `description`, `completed` (true), `deleted` (true)."""
        task = sandbox.store.get(task_id)
        kinds = {"name": str, "description": str, "completed": bool, "deleted": bool}
        wrong = [name for name, value in changes.items() if not isinstance(value, kinds.get(name, ()))]
        if task is None or wrong:
            raise HTTPException(422, "no such CRM task" if task is None else f"not changed by hand: {sorted(wrong)}")
        now = time.time()
        if changes.pop("deleted", False):
            sandbox.store.delete(task, now=now)
            return {"status": "ok"}
        if "completed" in changes:
            changes["completed"] = now if changes["completed"] else None
        sandbox.store.change(task, changes, now=now, by=task.owner)
        return {"status": "ok"}


def _add_logs(routes: APIRouter, sandbox: Sandbox) -> None:
    @routes.get("/calls")
    async def calls(
        after: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=50_000)] = 1000,
        newest: bool = False,
    ) -> dict[str, Any]:
        """API calls one by one, from a number on, or the newest first. The last 50,000 are kept."""
        found = islice(sandbox.calls.newest_first(), limit) if newest else sandbox.calls.after(after)[:limit]
        return {"total": sandbox.calls.total, "calls": [reports.describe_call(call) for call in found]}

    @routes.get("/drops")
    async def drops() -> dict[str, Any]:
        """Rows that were accepted in bulk and then not created; the newest 20,000."""
        names = ("request", "index", "marker", "exception_type", "reason")
        rows = [{name: getattr(drop, name) for name in names} for drop in sandbox.drops.newest]
        return {"total": sandbox.drops.total, "drops": rows}


def _add_switches(routes: APIRouter, sandbox: Sandbox) -> None:
    @routes.get("/settings")
    async def settings() -> dict[str, Any]:
        """The switches as they are; keys are hidden."""
        return sandbox.settings.model_dump(mode="json")

    @routes.get("/settings/schema")
    async def settings_schema() -> dict[str, Any]:
        """The JSON schema of the switches."""
        return Settings.model_json_schema()

    @routes.get("/settings/defaults")
    async def default_settings() -> dict[str, Any]:
        """What the switches are unless they are set."""
        return Settings().model_dump(mode="json")

    @routes.patch("/settings", response_model=None, responses=_REFUSALS)
    async def change_settings(changes: Annotated[dict[str, Any], Body()]) -> Any:
        """Set switches, by nested or dotted names. All or none of them take effect."""
        return _tried(sandbox, lambda: sandbox.change(changes))


def _add_faults(routes: APIRouter, sandbox: Sandbox) -> None:
    @routes.post("/faults", response_model=None, responses=_REFUSALS)
    async def add_faults(rules: Annotated[list[Any] | dict[str, Any] | str, Body()]) -> Any:
        """Add rules to those in force, which go on counting."""
        return _tried(sandbox, lambda: sandbox.add_faults(rules if isinstance(rules, list) else [rules]))

    @routes.delete("/faults", response_model=None)
    async def clear_faults() -> Any:
        """Drop all rules."""
        return _tried(sandbox, lambda: sandbox.change({"faults": []}))

    @routes.get("/faults")
    async def faults() -> list[dict[str, Any]]:
        """The rules in force, with the calls that each concerned (`calls`) and applied to (`fired`)."""
        return [
            {"rule": rule.model_dump(mode="json", exclude_defaults=True), "calls": calls, "fired": fired}
            for rule, calls, fired in sandbox.faults.counts()
        ]


def _add_actions(routes: APIRouter, sandbox: Sandbox) -> None:
    @routes.post("/reset")
    async def reset(switches: bool = False) -> dict[str, str]:
        """Forget tasks, calls, jobs and counts; with `switches`, also set them as they were at the start."""
        sandbox.reset(switches=switches)
        return {"status": "ok"}

    @routes.post("/drain")
    async def drain(seconds: Annotated[float, Query(ge=0, le=_LONGEST_DRAIN)] = 60) -> dict[str, Any]:
        """Wait until no bulk job is pending, at most so many seconds."""
        return {"drained": await sandbox.jobs.drain(seconds), "pending": sandbox.jobs.pending}


def _tried(sandbox: Sandbox, change: Callable[[], None]) -> Any:
    try:
        change()
    except ValidationError as error:
        return JSONResponse({"errors": problems(error)}, status_code=422)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    return sandbox.settings.model_dump(mode="json")


def problems(error: ValidationError) -> list[dict[str, str]]:
    """Which switch is wrong and why, without the value (it may be a key)."""
    return [
        {"switch": ".".join(str(part) for part in item["loc"]), "problem": item["msg"].removeprefix("Value error, ")}
        for item in error.errors(include_url=False, include_input=False, include_context=False)
    ]


async def _lines(sandbox: Sandbox, after: int) -> AsyncIterator[bytes]:
    tasks = sandbox.store.after(after)
    while chunk := list(islice(tasks, _CHUNK)):
        yield b"".join(to_json(reports.describe_task(sandbox, task)) + b"\n" for task in chunk)
        await asyncio.sleep(0)
