"""What the server does wrong: the sandbox's faults and switches, one name each.

The numbers are the sections of the API reference that say where each is known from: replies and statuses (3), bulk
create and its status webhook (6, 7), look-ups (14).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

LOOKUPS: Final = "operation='Task.svc/Retrieve*'"
DELETES: Final = "operation='Task.svc/DeleteTasks'"
#: How often a fault strikes; a case's lot decides.
WHEN: Final = ("calls=1", "calls=2", "calls=3", "first=2", "every=2", "first=3")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Rules of the sandbox, to which the case adds when they strike, and switches."""

    rules: tuple[str, ...] = ()
    switches: Mapping[str, Any] = field(default_factory=dict)
    #: Not a trouble that passes: it is still there when the server has recovered.
    lasting: bool = False
    #: Rows that LeadSquared refuses or drops for good.
    spoils_rows: bool = False
    #: Absence cannot be proved under it: rows may end up held.
    hides_rows: bool = False
    #: Needs a receiver of status webhooks.
    webhook: bool = False
    #: Struck at every call, whatever the case's lot says.
    always: bool = False


def _create(rule: str, *, commit: bool | None = None) -> Fault:
    return Fault(rules=(rule if commit is None else f"{rule} after_commit={str(commit).lower()}",))


def _switched(*, lasting: bool = True, **switches: Any) -> Fault:
    return Fault(switches=switches, lasting=lasting)


def _webhook(**switches: Any) -> Fault:
    return Fault(switches=switches, webhook=True, lasting=True)


def _read(rule: str) -> Fault:
    return Fault(rules=(f"{rule} {LOOKUPS}",))


FAULTS: Final[Mapping[str, Fault]] = {
    "none": Fault(),
    "reply lost after": _create("drop_reply_after_commit"),
    "reply lost before": _create("drop_reply_before_commit"),
    "html500 after": _create("html500_after_commit"),
    "html500 before": _create("html500_before_commit"),
    "mysql500 before": _create("mysql500", commit=False),
    "mysql500 after": _create("mysql500", commit=True),
    "502 before": _create("502", commit=False),
    "502 after": _create("502", commit=True),
    "503 before": _create("503", commit=False),
    "503 after": _create("503", commit=True),
    "504 before": _create("504", commit=False),
    "504 after": _create("504", commit=True),
    "truncated": _create("truncated_json"),
    "cut body": _create("cut_body"),
    "garbage200 after": _create("garbage200", commit=True),
    "garbage200 before": _create("garbage200", commit=False),
    "reset before": _create("reset", commit=False),
    "reset after": _create("reset", commit=True),
    "hang before": _create("hang", commit=False),
    "hang after": _create("hang", commit=True),
    "late work": _create("slow ms=600", commit=False),
    "late reply": _create("slow ms=700", commit=True),
    "rate error in 200": _create("rate_error_in_200"),
    "rate 429": _switched(lasting=False, rate__normal="6/1", retry_after="seconds"),
    "rate 500": _switched(lasting=False, rate__normal="6/1", rate_limit_style="http500_error_body"),
    "unauthorised": _create("unauthorised"),
    "poison row": Fault(rules=("poison_row match='Row 7 '",), lasting=True, spoils_rows=True, always=True),
    "dropped rows": Fault(rules=("drop_rows indexes=1,3 reason='Not now'",), lasting=True, spoils_rows=True),
    "dropped batch": Fault(
        rules=("drop_rows indexes=2",), switches={"bulk_atomic": True}, lasting=True, spoils_rows=True
    ),
    "work before reply": _switched(bulk_mode="sync"),
    "work late": _switched(bulk_delay_ms=300),
    "lookup lag": _switched(lookup_lag_ms=450),
    "unstable order": _switched(unstable_order=True, max_page_size=30),
    "page clamp": _switched(max_page_size=7),
    "hidden types": Fault(switches={"hide_types": ["Meeting"]}, lasting=True, hides_rows=True),
    "hidden for a while": Fault(switches={"hide_types": ["Follow Up"]}, hides_rows=True),
    "empty list left out": _switched(omit_empty_list=True),
    "to-dos at midnight": _switched(todo_dates="local_midnight"),
    "lookup html500": _read("html500_before_commit"),
    "lookup hang": _read("hang"),
    "lookup cut": _read("cut_body"),
    "lookup garbage": _read("garbage200"),
    "lookup rate error": _read("rate_error_in_200"),
    "delete reply lost": Fault(rules=(f"drop_reply_after_commit {DELETES}",), lasting=True),
    "delete refused": Fault(rules=(f"html500_before_commit {DELETES}",), lasting=True),
    "webhook summary": _webhook(webhook_shape="summary"),
    "webhook detailed": _webhook(webhook_shape="detailed", webhook_duplicates=1),
    "webhook rows": _webhook(webhook_shape="rows", webhook_before_response=True),
    "webhook echo": _webhook(webhook_shape="echo", webhook_delay_ms=400),
    "webhook form": _webhook(webhook_shape="form", webhook_duplicates=2),
    "webhook garbage": _webhook(webhook_shape="garbage", webhook_before_response=True, webhook_duplicates=1),
    "webhook and lost reply": Fault(
        rules=("drop_reply_after_commit",), switches={"webhook_shape": "detailed"}, webhook=True
    ),
    "webhook and dropped rows": Fault(
        rules=("drop_rows indexes=0,4 reason='Owner is on leave'",),
        switches={"webhook_shape": "detailed"},
        webhook=True,
        lasting=True,
        spoils_rows=True,
    ),
}
