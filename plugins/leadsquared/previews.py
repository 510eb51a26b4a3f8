"""Show what a run would send without showing whom it is about."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import ceil
from typing import Any

from followups.masking import mask_address
from followups.planning.counts import PlanCounts, Preview
from leadsquared.connection import ConnectionSettings

OWNERS_SHOWN = 30
_PLAIN_FIELDS = {"DueDate", "EndDate", "RelatedEntity", "NotifyBy", "Reminder", "TaskType"}


def preview_lines(preview: Preview, counts: PlanCounts, settings: ConnectionSettings) -> Iterator[str]:
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


def mask_payload(payload: dict[str, Any]) -> dict[str, Any]:
    """Return the payload with its structure, dates and codes, and with every free text cut to two letters."""
    return {name: value if name in _PLAIN_FIELDS else _mask(value) for name, value in payload.items()}


def _mask(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _mask(each) for name, each in value.items()}
    if isinstance(value, str) and value:
        return f"{value[:2]}… ({len(value)} characters)"
    return value
