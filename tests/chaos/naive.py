"""What others do: the same rows by ordinary clients with ordinary retries, which know nothing of this API."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import requests
import tenacity
from airflow.providers.http.hooks.http import HttpAsyncHook

from tests.chaos.actors import Tell
from tests.chaos.orders import TIMEOUT_SECONDS

ENDPOINT = "v2/Task.svc/Bulk/Create"
HEADERS = {"x-LSQ-AccessKey": "demo-access-key", "x-LSQ-SecretKey": "demo-secret-key"}
BATCH = 50
IN_FLIGHT = 3


@dataclass(frozen=True, kw_only=True)
class NaiveOrder:
    """Markers of the rows to create, and where."""

    client: str
    url: str
    markers: Sequence[str]


def send(order: NaiveOrder, tell: Tell) -> None:
    """Create all rows; tells `success`, as the client saw it."""
    logging.disable(logging.CRITICAL)
    batches = [
        [_payload(each) for each in order.markers[at : at + BATCH]] for at in range(0, len(order.markers), BATCH)
    ]
    if order.client == "tenacity":
        done = _by_tenacity(order.url, batches)
    else:
        done = asyncio.run(_by_provider(order.url, batches))
    tell("success", done)


@tenacity.retry(stop=tenacity.stop_after_attempt(5), wait=tenacity.wait_exponential(0.05, 0.5), reraise=True)
def _post(session: requests.Session, url: str, batch: list[dict[str, Any]]) -> None:
    reply = session.post(f"{url}/{ENDPOINT}", json={"TaskList": batch}, headers=HEADERS, timeout=TIMEOUT_SECONDS)
    reply.raise_for_status()


def _by_tenacity(url: str, batches: list[list[dict[str, Any]]]) -> bool:
    """requests with tenacity: five attempts at whatever fails, any 200 is a success."""
    with requests.Session() as session, ThreadPoolExecutor(IN_FLIGHT) as pool:
        calls = [pool.submit(_post, session, url, batch) for batch in batches]
        return not any(call.exception() for call in calls)


async def _by_provider(url: str, batches: list[list[dict[str, Any]]]) -> bool:
    """The HTTP provider's own asynchronous hook with its default retries."""
    os.environ["AIRFLOW_CONN_NAIVE"] = json.dumps({"conn_type": "http", "host": url})
    gate = asyncio.Semaphore(IN_FLIGHT)

    async def one(batch: list[dict[str, Any]]) -> bool:
        async with gate:
            hook = HttpAsyncHook(method="POST", http_conn_id="naive", retry_delay=0.05)
            try:
                await hook.run(endpoint=ENDPOINT, json={"TaskList": batch}, headers=HEADERS)
            except Exception:
                return False
            return True

    return all(await asyncio.gather(*(one(batch) for batch in batches)))


def _payload(marker: str) -> dict[str, Any]:
    return {
        "Name": "Call about the offer",
        "Description": f"[ref:{marker}]",
        "RelatedEntity": 0,
        "RelatedEntityId": "",
        "DueDate": "2031-04-05 06:00:00",
        "EndDate": "2031-04-05 06:30:00",
        "NotifyBy": "1000",
        "OwnerEmailAddress": "ananya.iyer@example.com",
        "TaskType": {"Name": "Meeting"},
    }
