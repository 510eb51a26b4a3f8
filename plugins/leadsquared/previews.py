"""Show what a run would send without showing whom it is about."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any

from followups.ledger.preview import NotSent
from followups.masking import mask_address
from followups.planning.counts import PlanCounts, Preview
from leadsquared.connection import ConnectionSettings

OWNERS_SHOWN = 30
REASONS_SHOWN = 30
_SENT = {"new", "again"}
_PLAIN_FIELDS = {"DueDate", "EndDate", "RelatedEntity", "NotifyBy", "Reminder", "TaskType"}


def preview_lines(
    preview: Preview, counts: PlanCounts, not_sent: Sequence[NotSent], settings: ConnectionSettings
) -> Iterator[str]:
    """Yield the preview as lines for the task's log; texts are masked."""
    calls = counts.batches
    seconds = ceil(calls * settings.period_seconds / settings.calls)
    yield f"preview: {counts.to_send} payloads in {calls} calls, at least {seconds} s at the limit; nothing was sent"
    yield "by task type:"
    yield from (f"  {count:>8} {name}" for name, count in preview.by_task_type.most_common())
    yield f"by owner ({len(preview.by_owner)}):"
    yield from (f"  {count:>8} {mask_address(owner)}" for owner, count in preview.by_owner.most_common(OWNERS_SHOWN))
    for number, sample in enumerate(preview.samples, 1):
        yield f"sample {number}: {json.dumps(mask_payload(json.loads(sample)), ensure_ascii=False)}"
    yield from _not_sent_lines(counts, not_sent)


def _not_sent_lines(counts: PlanCounts, rows: Sequence[NotSent]) -> Iterator[str]:
    reasons = Counter({f"{state}: {reason}": count for (state, reason), count in counts.reasons.items()})
    explained = {state for state, _ in counts.reasons}
    reasons += Counter({what: n for what, n in counts.outcomes.items() if what not in _SENT | explained})
    yield f"not sent: {reasons.total()} rows"
    yield from (f"  {count:>8} {why}" for why, count in reasons.most_common(REASONS_SHOWN))
    if rows:
        yield f"of those that are kept back, the first {len(rows)}:"
    yield from (f"  {mask_id(row.followup_id)} {row.state}: {row.reason}" for row in rows)


def mask_id(followup_id: str) -> str:
    """Return an id by which a row is found in the warehouse, on one line; one that is an address is masked."""
    return repr(mask_address(followup_id) if "@" in followup_id else followup_id)


def mask_payload(payload: dict[str, Any]) -> dict[str, Any]:
    """Return the payload with its structure, dates and codes, and with every free text cut to two letters."""
    return {name: value if name in _PLAIN_FIELDS else _mask(value) for name, value in payload.items()}


def _mask(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _mask(each) for name, each in value.items()}
    if isinstance(value, str) and value:
        return f"{value[:2]}… ({len(value)} characters)"
    return value
