"""The receiver of LeadSquared's status webhook: store first, answer at once, understand later.

Answers every call alike, so that nobody learns from it which batches exist; what does not bear a batch's own token is
dropped. Source of the answer's form: `/webhook-best-practices/`.
"""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from followups.crash_points import reach
from followups.ledger.webhooks import MAX_BODY_BYTES, store_webhook
from leadsquared.databases import open_ledger_engine
from leadsquared.names import HOOK_PATH

log = logging.getLogger(__name__)

app = FastAPI(title="LeadSquared", docs_url=None, redoc_url=None, openapi_url=None)


@app.api_route(HOOK_PATH, methods=["POST", "GET", "HEAD"])
async def receive(batch_id: str, request: Request, token: str = "") -> JSONResponse:
    """Take in one call; GET and HEAD are handshakes and store nothing."""
    if request.method == "POST":
        body = await _read(request)
        content_type = request.headers.get("content-type", "")
        await run_in_threadpool(_store, batch_id, token, content_type, body)
    return JSONResponse({"Status": "Success", "StatusReason": ""})


async def _read(request: Request) -> bytes:
    """Return the body up to the cap; the rest is read and forgotten, as a cut connection would look like a failure."""
    kept = bytearray()
    async for chunk in request.stream():
        kept += chunk[: MAX_BODY_BYTES - len(kept)]
    return bytes(kept)


def _store(batch_id: str, token: str, content_type: str, body: bytes) -> None:
    reach("before webhook commit")
    try:
        known = store_webhook(open_ledger_engine(), batch_id, token, content_type, body)
    except Exception as error:  # an error's status may make LeadSquared stop calling; read-back needs no webhook
        log.warning("a status webhook could not be stored (%s): its rows are looked up instead", type(error).__name__)
        return
    if not known:
        log.warning("a status webhook without a valid token was dropped")
    reach("after webhook commit")
