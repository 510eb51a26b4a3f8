"""Read LeadSquared's users and task types, so that most refusals never cost a create."""

from __future__ import annotations

import logging

from followups import directory
from followups.directory import Directory
from leadsquared.errors import RetryableError
from leadsquared.hook import LeadSquaredHook
from leadsquared.records import TaskType, User

log = logging.getLogger(__name__)

LEAD_COLUMN = "RelatedEntityId"


def read_directory(hook: LeadSquaredHook) -> Directory:
    """Return what LeadSquared knows; an empty directory, with a warning, while it cannot be asked.

    :raises LeadSquaredError: the keys or the connection are wrong: going on would only fail later.
    """
    try:
        users = [_user(user) for user in hook.get_users()]
        task_types = [_task_type(task_type) for task_type in hook.get_task_types()]
    except RetryableError as error:
        log.warning("going on without checks of owners and task types: %s", error)
        return Directory()
    return Directory.of(users, task_types)


def _user(user: User) -> directory.User:
    return directory.User(id=user.id or "", email=user.email or "", active=user.active)


def _task_type(task_type: TaskType) -> directory.TaskType:
    fields = task_type.mandatory_fields
    return directory.TaskType(
        name=task_type.name or "",
        category=task_type.category,
        mandatory_lead=LEAD_COLUMN in fields,
        mandatory_fields=tuple(sorted(name for name in fields if name.startswith("mx_"))),
    )
