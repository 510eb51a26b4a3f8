"""The ledger goes away at a named point, as in a failover: connections end, what was not committed is lost."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter

import psycopg
from sqlalchemy.exc import OperationalError

LOST = "lost"


class LosesLedger:
    """An armed point at whose nth passing the ledger is lost once; on SQLite, which has no server, its disk fails."""

    def __init__(self, text: str) -> None:
        self._point, nth, _ = text.split(":")
        self._nth = int(nth)
        self._passed: Counter[str] = Counter()
        self._lock = threading.Lock()

    def reach(self, point: str) -> None:
        if point != self._point:
            return
        with self._lock:
            self._passed[point] += 1
            due = self._passed[point] == self._nth
        if due:
            lose_ledger()


def lose_ledger() -> None:
    """End every connection to the case's database; those who hold one notice when they use it."""
    ledger = json.loads(os.environ["AIRFLOW_CONN_FOLLOWUPS_LEDGER"])
    if ledger["conn_type"] == "sqlite":
        raise OperationalError("COMMIT", {}, Exception("disk I/O error"))
    with psycopg.connect(
        host=ledger["host"], port=ledger["port"], user=ledger["login"], password=ledger["password"],
        dbname="postgres", autocommit=True,
    ) as admin:  # fmt: skip
        end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        admin.execute(end_all, (ledger["schema"],))
