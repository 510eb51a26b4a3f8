"""What became of every row of the warehouse: the sandbox is the judge, and the warehouse says what was wanted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa

from demo.accounting import Accounts, compare
from followups.keys import delivery_key, marker
from followups.model import State
from followups.schema import deliveries
from sandbox.testing import RunningSandbox
from tests.chaos.scoreboard import LOOKUPS

#: Of two rows under one id the first is right: only the second one is expected to be invalid.
_WANTED = """
    SELECT DISTINCT f.feed, f.followup_id FROM followups AS f
    LEFT JOIN followups_expected AS e ON e.feed = f.feed AND e.followup_id = f.followup_id
    WHERE NOT coalesce(f.cancelled, false) AND (e.outcome IS NULL OR e.outcome = 'created' OR e.kind = 'duplicate_id')
"""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The sums, and what is wrong."""

    accounts: Accounts
    audit: dict[str, Any]
    #: rows that should be CRM tasks, are none, and are not held either
    lost: list[str]
    #: CRM tasks of rows that should be none
    unwanted: list[str]

    @property
    def mislabelled(self) -> int:
        """Rows that are called created and are not, or the reverse, and tasks that nobody asked for."""
        wrong = self.accounts
        return sum(map(len, (wrong.missing, wrong.unlabelled, wrong.wrong_id, wrong.strangers, self.unwanted)))

    @property
    def healed(self) -> int:
        """Duplicates that were there for a while."""
        return int(self.audit["duplicates"]["by_marker_ever"]) - self.accounts.duplicates

    @property
    def lookups(self) -> int:
        """Calls that read-back took."""
        calls = self.audit["calls"]["by_operation"]
        return sum(sum(counts.values()) for name, counts in calls.items() if name.startswith(LOOKUPS))

    @property
    def faultless(self) -> bool:
        """Whether nothing is doubled, lost, mislabelled or left open."""
        return not any((self.accounts.duplicates, self.lost, self.mislabelled, self.accounts.unfinished))


def judge(warehouse: Path, ledger: sa.Engine, sandbox: RunningSandbox) -> Verdict:
    """Hold warehouse, ledger and sandbox against each other, row by row."""
    sandbox.drain()
    tasks = sandbox.tasks()
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        wanted = {delivery_key(feed, row_id) for feed, row_id in connection.execute(_WANTED).fetchall()}
    markers = {marker(key): key for key in wanted}
    there = Counter(task["marker"] for task in tasks if not task["deleted"])
    d = deliveries.c
    with ledger.connect() as connection:
        held = set(connection.execute(sa.select(d.delivery_key).where(d.state == State.HELD)).scalars())
    return Verdict(
        accounts=compare(ledger, tasks),
        audit=sandbox.audit(),
        lost=[key for code, key in markers.items() if code not in there and key not in held],
        unwanted=[code for code in there if code not in markers],
    )
