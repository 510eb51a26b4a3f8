"""Ids as LeadSquared writes them. Light: DAG files import it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from leadsquared.errors import ConfigurationError

_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_SEPARATORS: Final = re.compile(r"[\s,'\"]+")


def is_guid(text: str) -> bool:
    """Tell whether `text` is an id such as those of CRM tasks, leads and users."""
    return _GUID.match(text) is not None


def check_ids(task_ids: Any) -> list[str]:
    """Return ids of CRM tasks, lower-case, each once and in their order.

    :param task_ids: one id, a list of them, or text that holds them, as a template renders a list.
    :raises ConfigurationError: something else, such as a bulk create's request id.
    """
    given = _SEPARATORS.split(task_ids.strip("[]()'\" \n")) if isinstance(task_ids, str) else task_ids
    if isinstance(given, bytes | Mapping) or not isinstance(given, Iterable):
        raise ConfigurationError(f"task_ids: a list of CRM task ids is wanted, not {type(given).__name__}")
    checked = []
    for place, task_id in enumerate(given if given != [""] else [], 1):
        if not isinstance(task_id, str) or not is_guid(task_id.strip()):
            raise ConfigurationError(
                f"task_ids: number {place} is no CRM task id like 00000000-0000-4000-8000-000000000001 "
                "(a bulk create's request id is none)"
            )
        checked.append(task_id.strip().lower())
    return list(dict.fromkeys(checked))
