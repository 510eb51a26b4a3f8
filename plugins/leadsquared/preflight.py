"""Check rows against LeadSquared before they cost a create: users, task types, leads and opportunities."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import timedelta

import sqlalchemy as sa

from followups import directory
from followups.directory import Directory, Snapshot
from followups.feeds import Feed
from followups.ledger.directories import DirectoryCache
from followups.throttle import ThrottleError
from leadsquared.errors import RequestRejected, RetryableError
from leadsquared.hook import LeadSquaredHook
from leadsquared.wire.records import TaskType, User

log = logging.getLogger(__name__)

LEAD_COLUMN = "RelatedEntityId"
#: LeadSquared cannot tell at the moment, or not to these keys' user. Refused keys stop a run: it would only fail later.
CANNOT_ASK = (RetryableError, RequestRejected, ThrottleError)


class Preflight:
    """Users and task types of a hook's account, kept in the ledger for the connection's `directory_seconds`.

    What is young enough is taken from the ledger, and asked for anew at the first row that it would refuse. Where
    LeadSquared cannot be asked, what is kept serves whatever its age, and nothing is refused where nothing is known.

    :param keep: False for previews, which write nothing.
    """

    def __init__(self, hook: LeadSquaredHook, engine: sa.Engine, *, keep: bool = True) -> None:
        self._hook = hook
        self._keep = keep
        self._cache = DirectoryCache(engine, hook.settings.account)
        self._keep_for = timedelta(seconds=hook.settings.directory_seconds)

    def directory(self) -> Directory:
        """Return what rows are checked against, and log its age.

        :raises LeadSquaredError: the keys or the connection are wrong.
        """
        found = self._open(self._cache.read())
        log.info("rows are checked against %s", found.summary)
        if found.ambiguous:
            names = ", ".join(repr(name) for name in found.ambiguous)
            log.warning("several task types are called %s: their rules are not checked; give each its own name", names)
        return found

    def task_types(self) -> Directory:
        """Return the task types alone, for a last look before rows are sent; raises as `directory` does."""
        return self._open(self._cache.read_task_types())

    def _open(self, kept: Snapshot | None) -> Directory:
        if kept is not None and kept.age < self._keep_for:
            return Directory(kept, refresh=self._ask)
        return Directory(self._ask() or kept)

    def _ask(self) -> Snapshot | None:
        try:
            users = [_user(user) for user in self._hook.get_users()]
            task_types = [_task_type(task_type) for task_type in self._hook.get_task_types()]
        except CANNOT_ASK as error:
            log.warning("users and task types could not be read: going on with what is known of them: %s", error)
            return None
        if self._keep:
            self._cache.write(users, task_types)
        return Snapshot(users=users, task_types=task_types)


class RelatedLookup:
    """Tells which leads and opportunities exist, where the feed wants that to be looked up."""

    def __init__(self, hook: LeadSquaredHook, feed: Feed) -> None:
        self._hook = hook
        self._feed = feed
        self._can_ask = True

    def __call__(self, kind: str, ids: Collection[str]) -> set[str] | None:
        """Return those of `ids` that exist, in lower case; None where the feed does not ask or nobody can tell."""
        wanted = self._feed.check_leads if kind == "lead" else self._feed.check_opportunities is not None
        if not wanted or not self._can_ask:
            return None
        cut_short = self._hook.looks_cut_short
        try:
            found = self._look(kind, sorted(ids))
        except CANNOT_ASK as error:
            self._can_ask = False
            log.warning("going on without a check of leads and opportunities: %s", error)
            return None
        return None if self._hook.looks_cut_short > cut_short else found

    def _look(self, kind: str, ids: list[str]) -> set[str]:
        if kind == "lead":
            return {(lead.id or "").lower() for lead in self._hook.get_leads_by_ids(ids)}
        code = self._feed.check_opportunities or ""
        found = self._hook.get_opportunities_by_ids(ids, opportunity_type=code)
        return {(opportunity.id or "").lower() for opportunity in found}


def _user(user: User) -> directory.User:
    return directory.User(id=user.id or "", email=user.email or "", active=user.active)


def _task_type(task_type: TaskType) -> directory.TaskType:
    fields = task_type.mandatory_fields
    own = {each.schema_name: each.options for each in task_type.columns if each.schema_name.startswith("mx_")}
    return directory.TaskType(
        name=task_type.name or "",
        category=task_type.category,
        mandatory_lead=LEAD_COLUMN in fields,
        mandatory_fields=tuple(sorted(name for name in fields if name.startswith("mx_"))),
        fields=own if task_type.columns else None,
    )
