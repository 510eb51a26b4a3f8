"""LeadSquared as verification sees it, over a hook and the ledger's stored webhooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from itertools import chain

import sqlalchemy as sa

from followups.ledger.webhooks import webhook_calls
from followups.readback import Reader
from leadsquared.hook import LeadSquaredHook
from leadsquared.records import CrmTask

ADMINISTRATOR = "administrator"


class OwnersReader:
    """Looks up appointments and to-dos of many owners."""

    def __init__(self, hook: LeadSquaredHook) -> None:
        self._hook = hook
        self._cut_short_before = hook.looks_cut_short

    def __call__(self, users: Sequence[str], first: date, last: date) -> Iterator[CrmTask]:
        """Yield the owners' CRM tasks due from `first` to `last`."""
        return chain(self._hook.iter_appointments(users, first, last), self._hook.iter_to_dos(users, first, last))

    @property
    def cut_short(self) -> bool:
        """Whether any look-up gave fewer CRM tasks than it announced."""
        return self._hook.looks_cut_short > self._cut_short_before


class LookingHook:
    """What `followups.verification` asks of LeadSquared."""

    def __init__(self, hook: LeadSquaredHook, engine: sa.Engine) -> None:
        self._hook = hook
        self._engine = engine

    @property
    def read(self) -> Reader:
        """Return a new reader: whether it was cut short concerns one look."""
        return OwnersReader(self._hook)

    def sees_everything(self) -> bool:
        """Tell whether the keys are an administrator's: look-ups leave out what other users may not see."""
        return self._is_administrator

    @cached_property
    def _is_administrator(self) -> bool:
        return (self._hook.get_account().role or "").strip().lower() == ADMINISTRATOR

    def delete(self, task_ids: Sequence[str]) -> None:
        """Ask for the deletion of CRM tasks."""
        self._hook.delete_tasks(task_ids)

    def told(self, batch_ids: Sequence[str]) -> tuple[Mapping[int, str], Mapping[int, str]]:
        """Return what status webhooks told: CRM task ids, and reasons of failure, by delivery."""
        ids: dict[int, str] = {}
        reasons: dict[int, str] = {}
        for call in webhook_calls(self._engine, batch_ids):
            rows = dict(enumerate(call.delivery_ids))
            ids.update({rows[place]: task_id for place, task_id in call.told.created.items() if place in rows})
            reasons.update({rows[place]: reason for place, reason in call.told.failed.items() if place in rows})
            if call.told.failure_reason:
                for row_id in call.delivery_ids:
                    reasons.setdefault(row_id, call.told.failure_reason)
        return ids, reasons
