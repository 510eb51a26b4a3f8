"""What a person may give a run; all else is refused, as a run that ignores a param may do more than was meant."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from followups.errors import PermanentError

FEED_PARAMS = ("from", "to", "mode", "limit", "requeue")
UNDO_PARAMS = ("run_id", "feed", "from", "to", "mode", "confirm")
_SHOWN = 40


class ParamError(PermanentError):
    """The run was given a param that there is not. The text names it, and what may have been meant."""


def check_params(context: Any, known: Collection[str], *, nothing_done: str) -> None:
    """Refuse what the run was given beyond the known params and those that its DAG declares, and what Airflow ignores.

    :param nothing_done: the end of the message, such as `Nothing was sent.`
    :raises ParamError: there is such a param.
    """
    given = getattr(context["dag_run"], "conf", None)
    if not isinstance(given, Mapping):
        return
    declared = getattr(context.get("dag"), "params", None) or ()
    names = list(dict.fromkeys([*known, *declared]))
    unknown = [str(name)[:_SHOWN] + _meant(str(name), names) for name in given if name not in names]
    if unknown:
        raise ParamError(f"no such param: {', '.join(unknown)}; there are {', '.join(names)}. {nothing_done}")
    heeded = context["params"]
    ignored = [name for name in given if heeded.get(name) != given[name]]
    if ignored:
        raise ParamError(
            f"Airflow ignores what the run was given for {', '.join(ignored)}: set dag_run_conf_overrides_params "
            f"= True under [core] in its configuration, then run again. {nothing_done}"
        )


def _meant(name: str, names: Collection[str]) -> str:
    near = get_close_matches(name.casefold(), names, n=1)
    return f" (did you mean {near[0]}?)" if near else ""
