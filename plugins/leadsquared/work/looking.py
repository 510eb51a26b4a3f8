"""LeadSquared as verification sees it, over a hook and the ledger's stored webhooks."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import chain

import sqlalchemy as sa

from followups.ledger.webhooks import webhook_calls
from followups.readback import DayRange, Reader, UnansweredError
from followups.sought import LEAD
from leadsquared.errors import OutcomeUnknown, RequestRejected, ServiceUnavailable
from leadsquared.hook import LeadSquaredHook
from leadsquared.sightings import for_each
from leadsquared.wire.bodies import MAX_DELETIONS_PER_CALL
from leadsquared.wire.records import CrmTask
from leadsquared.wire.redaction import redact

ADMINISTRATOR = "administrator"
#: A LeadSquared that does not answer so many look-ups in a row, each tried several times, is left alone.
MOST_WITHOUT_ANSWER = 3
#: Calls under way at once: one after the other they would take longer than the limit makes them.
LOOKS_AT_ONCE = 4
PAGES_AT_ONCE = 8
#: No page says that the dates of a reply are in UTC.
_ZONES_DIFFER = timedelta(days=1)
#: Says nothing about an owner, a lead or an opportunity (`/error-handling/`).
_NO_SUCH_OPERATION = 404

log = logging.getLogger(__name__)

Find = Callable[..., Iterator[CrmTask]]


class HookReader:
    """Looks up CRM tasks of many owners, of a lead or an opportunity, of one owner."""

    def __init__(self, hook: LeadSquaredHook) -> None:
        self._hook = hook
        self._cut_short_before = hook.looks_cut_short
        self._without_answer = 0
        #: owners about whom LeadSquared answers nothing
        self.refused: set[str] = set()

    def __call__(self, ranges: Sequence[DayRange]) -> Iterable[CrmTask]:
        """Return the owners' CRM tasks due in ranges of days."""
        kinds: tuple[Find, ...] = (self._hook.iter_appointments, self._hook.iter_to_dos)
        looks = [(find, *each) for each in ranges for find in kinds]
        return chain.from_iterable(for_each(lambda look: self._due(*look), looks, LOOKS_AT_ONCE))

    def _due(self, find: Find, users: Sequence[str], first: date, last: date) -> list[CrmTask]:
        """Return the owners' CRM tasks of one kind.

        Whether one unknown or inactive owner spoils the look-up of all is not documented: if it does, that one is found
        by halving.
        """
        try:
            return list(find(users, first, last, pages_at_once=PAGES_AT_ONCE))
        except RequestRejected as error:
            if error.status == _NO_SUCH_OPERATION:
                raise
            if len(users) == 1:
                self.refused.update(users)
                return []
            middle = len(users) // 2
            return self._due(find, users[:middle], first, last) + self._due(find, users[middle:], first, last)

    def of_related(self, entity: int, related_id: str) -> Iterable[CrmTask] | None:
        """Return all CRM tasks of a lead (1) or an opportunity (5); None where LeadSquared refuses to tell of it."""
        find = self._hook.get_tasks_of_lead if entity == LEAD else self._hook.get_tasks_of_opportunity
        try:
            return self._ask(lambda: find(related_id))
        except RequestRejected:
            return None

    def of_owner(self, owner: str, created_since: datetime) -> Iterable[CrmTask]:
        """Return an owner's CRM tasks that were created since, whenever they are due."""
        try:
            return self._ask(lambda: self._hook.iter_tasks_of_owner(owner, created_since=created_since - _ZONES_DIFFER))
        except RequestRejected as error:
            raise UnansweredError(str(error)) from error

    def _ask(self, look_up: Callable[[], Iterable[CrmTask]]) -> list[CrmTask]:
        """Return what a look-up gives; where several in a row got no answer, the others are not asked either."""
        if self._without_answer >= MOST_WITHOUT_ANSWER:
            raise UnansweredError("those before it got no answer")
        without_answer, self._without_answer = self._without_answer, 0
        try:
            return list(look_up())
        except ServiceUnavailable as error:
            self._without_answer = without_answer + 1
            log.warning("a look-up got no answer, which leaves its rows open: %s", error)
            raise UnansweredError(str(error)) from error
        except RequestRejected as error:
            if error.status == _NO_SUCH_OPERATION:
                raise UnansweredError(str(error)) from error
            raise

    @property
    def cut_short(self) -> int:
        """How many look-ups gave fewer CRM tasks than they announced."""
        return self._hook.looks_cut_short - self._cut_short_before


class LookingHook:
    """What `followups.verification` asks of LeadSquared."""

    def __init__(self, hook: LeadSquaredHook, engine: sa.Engine) -> None:
        self._hook = hook
        self._engine = engine

    @property
    def read(self) -> Reader:
        """Return a new reader: whether it was cut short concerns one look."""
        return HookReader(self._hook)

    def sees_everything(self) -> bool:
        """Tell whether the keys are an administrator's: look-ups leave out what other users may not see."""
        return self._is_administrator

    @cached_property
    def _is_administrator(self) -> bool:
        return (self._hook.get_account().role or "").strip().lower() == ADMINISTRATOR

    def delete(self, task_ids: Sequence[str]) -> None:
        """Ask for the deletion of CRM tasks, 5,000 a call; the next look shows what came of it."""
        for start in range(0, len(task_ids), MAX_DELETIONS_PER_CALL):
            try:
                self._hook.delete_tasks(task_ids[start : start + MAX_DELETIONS_PER_CALL])
            except (OutcomeUnknown, RequestRejected) as error:
                log.warning("asked to delete duplicates: %s", error)

    def told(self, batch_ids: Sequence[str]) -> tuple[Mapping[int, str], Mapping[int, str]]:
        """Return what status webhooks told: CRM task ids, and reasons of failure, by delivery.

        Only LeadSquared knows a webhook's address, but not even the order of its rows is documented. So an id counts
        only with a name that one row of the call bears, for which the names of all its rows must be known; a reason,
        which decides nothing, goes by its place.
        """
        ids: dict[int, str] = {}
        reasons: dict[int, str] = {}
        for call in webhook_calls(self._engine, batch_ids):
            rows = dict(enumerate(call.delivery_ids))
            named = _by_name(call.payloads) if len(call.payloads) == len(call.delivery_ids) else {}
            ids |= {named[name]: task_id for name, task_id in call.told.created.items() if name in named}
            reasons |= {rows[place]: redact(reason) for place, reason in call.told.failed.items() if place in rows}
            if call.told.failure_reason:
                for row_id in call.delivery_ids:
                    reasons.setdefault(row_id, redact(call.told.failure_reason))
        return ids, reasons


def _by_name(payloads: Mapping[int, str]) -> dict[str, int]:
    """Return deliveries by a name that no other one of the call bears."""
    names = {row_id: str(json.loads(payload).get("Name") or "").strip() for row_id, payload in payloads.items()}
    times = Counter(names.values())
    return {name: row_id for row_id, name in names.items() if times[name] == 1}
