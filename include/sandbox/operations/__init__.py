"""The API's operations, one module for each subject of its documentation, and the table of all of them."""

from __future__ import annotations

from sandbox.operations import (
    authentication,
    availability,
    leads,
    opportunities,
    task_bulk,
    task_changes,
    task_create,
    task_lookups,
    task_types,
    user_lookups,
    users,
)
from sandbox.operations.base import Operation

OPERATIONS: tuple[Operation, ...] = (
    *authentication.OPERATIONS,
    *task_create.OPERATIONS,
    *task_bulk.OPERATIONS,
    *task_lookups.OPERATIONS,
    *user_lookups.OPERATIONS,
    *availability.OPERATIONS,
    *task_changes.OPERATIONS,
    *task_types.OPERATIONS,
    *leads.OPERATIONS,
    *opportunities.OPERATIONS,
    *users.OPERATIONS,
)
