"""When a run found no call left for the day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from followups.ledger.clock import store_now
from followups.schema import plans

#: What waits for the reset does not go on all at once, and shows signs of life only then.
GRACE = timedelta(minutes=30)


def note_quota(engine: sa.Engine, plan_ids: Sequence[int], resets_at: datetime, *, waits: bool) -> None:
    """Record that the run of these plans found the daily quota used up until `resets_at`.

    While it waits for that its rows are kept from other runs: a backfill's would be sent by the next scheduled one.
    """
    with engine.begin() as connection:
        values = {"quota_reached_at": store_now(connection), "quota_resets_at": resets_at}
        if waits:
            values["waits_until"] = resets_at + GRACE
        connection.execute(sa.update(plans).where(plans.c.id.in_(plan_ids)).values(values))


def quota_of(engine: sa.Engine, plan_ids: Sequence[int]) -> tuple[datetime, datetime] | None:
    """Return when a run last found the daily quota used up, and until when; None if it never did."""
    p = plans.c
    query = sa.select(p.quota_reached_at, p.quota_resets_at).where(p.id.in_(plan_ids), p.quota_reached_at.is_not(None))
    with engine.connect() as connection:
        row = connection.execute(query.order_by(p.quota_reached_at.desc()).limit(1)).first()
    return None if row is None else (row[0], row[1])
