"""LeadSquared as changes to CRM tasks see it, over a hook."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from followups.changes import DELETIONS, OpenChange, Seen
from followups.changing import IN_FLIGHT, Begin
from followups.model import Outcome, OutcomeKind
from followups.readback import day_ranges
from leadsquared.differences import END, compare, wanted_fields
from leadsquared.errors import LeadSquaredError, OutcomeUnknown, RequestRejected, ServiceUnavailable
from leadsquared.hook import LeadSquaredHook
from leadsquared.outcomes import outcome_of
from leadsquared.wire.records import CrmTask
from leadsquared.work.looking import HookReader

log = logging.getLogger(__name__)

#: More than this are looked up by owners and days, which takes a few calls; what that does not show, one by one.
MOST_ONE_BY_ONE = 20
_FIELDS = (
    "Name", "Description", "RelatedEntity", "RelatedEntityId", "DueDate", "Reminder", "NotifyBy", "OwnerId",
    "OwnerEmailAddress",
)  # fmt: skip


class ChangingHook:
    """What `followups.changing` asks of LeadSquared."""

    def __init__(self, hook: LeadSquaredHook) -> None:
        self._hook = hook

    @cached_property
    def _keys_user(self) -> tuple[str, ...]:
        return tuple(filter(None, [self._hook.get_account().user_id]))

    def look(self, chosen: Sequence[OpenChange]) -> Mapping[int, Seen | None]:
        """Return what is seen of the CRM tasks, by change; None where there is no such CRM task.

        Those of which LeadSquared would not tell are left out: they are not gone.
        A CRM task that was seen before, was then asked to be deleted, and is in no complete look any more, is gone.
        What must not exist twice, and all else that a look by owners and days does not show, is asked for by its id.
        """
        tasks: dict[str, CrmTask | None] = {}
        if len(chosen) > MOST_ONE_BY_ONE:
            reader = HookReader(self._hook)
            tasks.update(self._by_owners(chosen, reader))
            if not reader.cut_short:
                asked = [change for change in chosen if change.attempts and change.kind in _GONE_IF_UNSEEN]
                gone = [change for change in asked if _was_looked_for(change, reader.refused)]
                tasks.update({change.crm_task_id: None for change in gone if change.crm_task_id not in tasks})
        missing = [change.crm_task_id for change in chosen if change.crm_task_id not in tasks]
        tasks.update(self._by_id(missing))
        return {
            change.id: self._seen(change, tasks[change.crm_task_id]) for change in chosen if change.crm_task_id in tasks
        }

    def _by_id(self, task_ids: Sequence[str]) -> dict[str, CrmTask | None]:
        """Ask for each by its id; where none of them gets an answer that fails the whole look."""
        with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="look") as pool:
            told = dict(zip(task_ids, pool.map(self._ask, task_ids), strict=True))
        failures = [answer for answer in told.values() if isinstance(answer, ServiceUnavailable)]
        if failures and len(failures) == len(told):
            raise failures[0]
        return {task_id: answer for task_id, answer in told.items() if not isinstance(answer, LeadSquaredError)}

    def _ask(self, task_id: str) -> CrmTask | LeadSquaredError | None:
        try:
            return self._hook.get_task(task_id)
        except (ServiceUnavailable, RequestRejected) as error:
            log.warning("a CRM task could not be looked at, its change stays to be made: %s", error)
            return error

    def _seen(self, change: OpenChange, task: CrmTask | None) -> Seen | None:
        return None if task is None else compare(change, task, self._keys_user)

    def _by_owners(self, chosen: Sequence[OpenChange], read: HookReader) -> dict[str, CrmTask]:
        # A create's reply may write an id in another case than look-ups do.
        ids = {change.crm_task_id.lower(): change.crm_task_id for change in chosen}
        places = {place for change in chosen for place in _places(change)}
        found = read(list(day_ranges(places)))
        return {ids[task_id]: task for task in found if (task_id := (task.id or "").lower()) in ids}

    def update(self, change: OpenChange, seen: Seen, begin: Begin) -> Outcome | None:
        """Give the CRM task the fields that are wanted; the end of an appointment takes a call of its own."""
        wanted = wanted_fields(change) or {}
        fields = {name: wanted[name] for name in _FIELDS if name in wanted}
        reply = self._hook.post_update(change.crm_task_id, lambda: fields if begin() else None)
        outcome = None if reply is None else outcome_of(reply)
        if outcome is None or outcome.kind is not OutcomeKind.ACCEPTED or END not in seen.differing:
            return outcome
        try:
            self._hook.move_appointments([(change.crm_task_id, _utc(wanted["DueDate"]), _utc(wanted[END]))])
        except OutcomeUnknown as error:
            return Outcome(kind=OutcomeKind.UNKNOWN, detail=str(error))
        except LeadSquaredError as error:
            return Outcome(kind=OutcomeKind.UNKNOWN, detail=f"updated, but its end was not moved: {error}")
        return outcome

    def complete(self, change: OpenChange, begin: Begin) -> Outcome | None:
        """Complete the CRM task."""
        reply = self._hook.post_completion(change.crm_task_id, lambda: bool(begin()))
        return None if reply is None else outcome_of(reply)

    def delete(self, begin: Begin) -> Outcome | None:
        """Delete the CRM tasks of the changes that `begin` returns."""
        reply = self._hook.post_deletion(lambda: [change.crm_task_id for change in begin()])
        return None if reply is None else outcome_of(reply)


#: A recreated follow-up must not exist twice: its old CRM task is asked for by its id.
_GONE_IF_UNSEEN = DELETIONS - {"recreate"}


def _places(change: OpenChange) -> Iterable[tuple[str, Any]]:
    """Yield owner and day under which the CRM task is found, before the change and after it."""
    for text in (change.sent, change.wanted):
        payload = json.loads(text) if text else {}
        owner, due = payload.get("OwnerEmailAddress"), payload.get("DueDate")
        if owner and isinstance(due, str):
            try:
                yield owner, _utc(due).date()
            except ValueError:
                continue


def _was_looked_for(change: OpenChange, refused: Collection[str]) -> bool:
    """Tell whether a look by owners and days would have shown it: a purged row has none, some owners no answer."""
    owners = {owner for owner, _ in _places(change)}
    return bool(owners) and owners.isdisjoint(refused)


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
