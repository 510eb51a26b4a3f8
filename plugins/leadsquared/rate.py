"""The account's rate limit as a connection's settings have it, and how it stands, for people."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from followups.throttle import FOREIGN_TRAFFIC, BucketStatus, Priority, RateLimit, Throttle
from leadsquared.connection import ConnectionSettings
from leadsquared.databases import open_ledger_engine

log = logging.getLogger(__name__)


def open_throttle(settings: ConnectionSettings, ledger_conn_id: str, priority: int = Priority.SCHEDULED) -> Throttle:
    """Return the throttle that all processes of the account share, in the ledger's database.

    :param priority: how urgent this process's calls are.
    """
    limit = RateLimit(
        calls=settings.calls,
        period_seconds=settings.period_seconds,
        daily_calls=settings.daily_calls,
        headroom=settings.headroom,
        daily_zone=settings.daily_zone,
        backfill_share=settings.backfill_share,
    )
    buckets = {}
    if settings.bulk_calls is not None:
        buckets["bulk"] = RateLimit(
            calls=settings.bulk_calls,
            period_seconds=settings.period_seconds,
            headroom=settings.headroom,
            daily_zone=settings.daily_zone,
        )
    if settings.backfill_share is not None and settings.daily_calls is None:
        log.warning("backfill_share is a share of daily_calls, which the connection does not set: it limits nothing.")
    return Throttle(
        open_ledger_engine(ledger_conn_id),
        settings.account,
        limit,
        priority=Priority(priority),
        bucket_limits=buckets,
        # Who leaves room for other programs is refused for their calls too.
        widening=FOREIGN_TRAFFIC if settings.headroom else None,
    )


def status_lines(buckets: Sequence[BucketStatus]) -> Iterator[str]:
    """Say how an account's buckets stand, in a few lines each."""
    for each in buckets:
        source = "learned from a refusal" if each.learned else "from the connection"
        yield f"{each.bucket}: {each.calls} calls in {each.period_seconds:g} s, {source}"
        extra = f", windows {each.extra_seconds:.2f} s wider after refusals" if each.extra_seconds else ""
        yield f"  one call every {each.spacing_seconds:.3f} s{extra}; next free at {each.next_free_at:%H:%M:%S} UTC"
        if each.paused_until:
            yield f"  LeadSquared asked for a pause until {each.paused_until:%H:%M:%S} UTC"
        backfills = _of(each.backfill_calls_today, each.backfill_calls)
        yield f"  today {_of(each.calls_today, each.daily_calls)}, backfills {backfills}"
        day = "used up" if each.day_used_up else "open"
        yield f"  the day is {day}; the next begins at {each.resets_at:%Y-%m-%d %H:%M} UTC"
        last = f", the last at {each.last_refused_at:%Y-%m-%d %H:%M:%S} UTC" if each.last_refused_at else ""
        yield f"  {each.refusals} calls refused{last}"


def _of(made: int, most: int | None) -> str:
    return f"{made} calls" if most is None else f"{made} of {most} calls"
