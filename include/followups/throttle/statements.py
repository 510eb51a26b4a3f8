"""The slot rule in SQL, the same as in `policy.py`, so that one statement can apply it."""

from __future__ import annotations

from dataclasses import dataclass

from followups.throttle.policy import ALIGNED
from followups.throttle.priority import QUEUES, Priority


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """What the two databases say differently. `served`: how much of a statement's time passed in the server."""

    now: str
    served: str
    greatest: str
    floor: str
    begin: str


SQLITE = Dialect(
    now="((julianday('now') - 2440587.5) * 86400.0)", served="0.0", greatest="max", floor="", begin="BEGIN IMMEDIATE"
)
POSTGRESQL = Dialect(
    now="CAST(extract(epoch FROM clock_timestamp()) AS double precision)",
    served="CAST(extract(epoch FROM clock_timestamp() - statement_timestamp()) AS double precision)",
    greatest="greatest",
    floor="floor",
    begin="BEGIN",
)


#: PostgreSQL would take a fresh look at the locked row only, so the statement reads no other row to find the slot.
#: SQLite 3.40 gets IS NULL wrong in RETURNING, on the row's own columns: they are returned as they are.
_RESERVE = """
UPDATE rate_slots SET
    slot_at = {greatest}(slot_at - {back}, {slot}),
    {queues}
    bulk_at = CASE WHEN :bulk_spacing > 0 THEN {slot} ELSE bulk_at - {back} END,
    paused_until = paused_until - {back},
    asked_at = {now},
    extra = {greatest}(0.0, extra - :shrink),
    day_calls = CASE WHEN day = {today} THEN day_calls + :count ELSE 1 END,
    backfill_calls = CASE WHEN day = {today} THEN backfill_calls + :backfill_count ELSE :backfill END,
    day = {today}
WHERE account = :account AND bucket = :bucket
    AND (closed_day IS NULL OR closed_day <> {today})
    AND (:daily_calls < 0 OR day <> {today} OR day_calls + :count <= :daily_calls)
    AND (:backfill_calls < 0 OR day <> {today} OR backfill_calls + :backfill_count <= :backfill_calls)
    AND (:bulk_spacing <= 0 OR {slot} >= bulk_at - {back} + :bulk_spacing)
RETURNING {queue} AS at, {queue} - {now} AS wait, {served} AS served, series, {spacing} AS spacing,
    learned_calls, {bulk_learned} AS bulk_learned, day_calls
"""
_LOOK = """SELECT series, {urgent} AS urgent_at, {bulk_learned} AS bulk_learned
    FROM rate_slots WHERE account = :account AND bucket = :bucket"""
_BULK_LEARNED = """EXISTS (SELECT 1 FROM rate_slots AS other
    WHERE other.account = :account AND other.bucket = 'bulk' AND other.learned_calls IS NOT NULL)"""
_SPACING = """(CASE WHEN learned_calls * :period < :calls * learned_period
    THEN (learned_period + :margin + extra) / (learned_calls * :share)
    ELSE (:period + :margin + extra) / (:calls * :share) END)"""
#: See `policy.next_slot`.
_BACK = "{greatest}(0.0, asked_at - {now})"
_END = "{greatest}(slot_at - {back} + {spacing}, {now} + :lead)"
_EARLIEST = "{greatest}({queue} - {back} + {spacing}, {now} + :guard)"
_SLOT = "({end} - {greatest}(0, CAST({floor}(({end} - {earliest}) / {spacing} + {aligned}) AS INTEGER)) * {spacing})"
_FURTHER = "{greatest}({column} - {back}, {slot})"
_UNMOVED = "{column} - {back}"
CREATE = "INSERT INTO rate_slots (account, bucket) VALUES (:account, :bucket) ON CONFLICT DO NOTHING"


def reserve(dialect: Dialect, now: str, priority: Priority) -> str:
    """Return the statement that gives out a slot to a call of one priority; `now` is the clock."""
    parts: dict[str, object] = {
        "now": now,
        "served": dialect.served,
        "greatest": dialect.greatest,
        "floor": dialect.floor,
        "today": f"CAST({dialect.floor}(({now} + :offset) / 86400.0) AS INTEGER)",
        "spacing": _SPACING,
        "bulk_learned": _BULK_LEARNED,
        "aligned": ALIGNED,
        "queue": QUEUES[priority] or "slot_at",
    }
    for name, rule in (("back", _BACK), ("end", _END), ("earliest", _EARLIEST), ("slot", _SLOT)):
        parts[name] = rule.format(**parts)
    queues = [
        f"{column} = {(_FURTHER if other >= priority else _UNMOVED).format(column=column, **parts)},"
        for other, column in enumerate(QUEUES)
        if column
    ]
    return _RESERVE.format(queues=" ".join(queues), **parts)


def look(priority: Priority) -> str:
    """Return the statement that tells a call of one priority whether its slot still holds."""
    urgent = QUEUES[priority - 1] if priority else "CAST(0 AS double precision)"
    return _LOOK.format(urgent=urgent, bulk_learned=_BULK_LEARNED)
