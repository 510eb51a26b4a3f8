"""What the operators that update, complete and delete CRM tasks have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from leadsquared.errors import ConfigurationError
from leadsquared.names import DEFAULT_LEADSQUARED, DEFAULT_LEDGER, Missing
from leadsquared.operators.waits import wait_or_defer
from leadsquared.retrying import RETRY_POLICY

if TYPE_CHECKING:
    from leadsquared.changes import Change

DEFAULT_IN_FLIGHT = 8
#: Between looks for what was asked for and does not show yet.
NEXT_LOOK = timedelta(seconds=20)


class ChangingOperator(BaseOperator):
    """Brings CRM tasks to a wanted state and sees that they got there.

    What is as wanted already costs no change; a change without a usable answer is settled by looking, then asked for
    again. So it may run again at any time, and needs no ledger: LeadSquared itself tells how things stand. Where
    look-ups show a change late, or no call is left today, it waits without a worker slot.

    :param missing: what to do about ids of which nothing is there: `fail` before anything is changed, or `ignore`.
    :param in_flight: calls that may be under way at once; all take slots of the account's rate limit.
    """

    template_fields: Sequence[str] = ("leadsquared_conn_id",)
    ui_color = "#d7f0dd"

    def __init__(
        self,
        *,
        missing: Missing = "fail",
        in_flight: int = DEFAULT_IN_FLIGHT,
        leadsquared_conn_id: str = DEFAULT_LEADSQUARED,
        ledger_conn_id: str = DEFAULT_LEDGER,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("retry_policy", RETRY_POLICY)
        super().__init__(**kwargs)
        if missing not in ("fail", "ignore"):
            raise ConfigurationError("missing: fail or ignore is wanted")
        self.missing = missing
        self.in_flight = in_flight
        self.leadsquared_conn_id = leadsquared_conn_id
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Any, event: Any = None) -> dict[str, int]:  # noqa: ARG002 - given by the trigger
        """Carry the change out and return CRM tasks by outcome."""
        return self._go_on(context, None)

    def look_again(self, context: Any, progress: Mapping[str, Any], event: Any = None) -> dict[str, int]:  # noqa: ARG002 - given by the trigger
        """Look for what was asked for and not seen yet."""
        return self._go_on(context, progress)

    def _go_on(self, context: Any, before: Mapping[str, Any] | None) -> dict[str, int]:
        from followups.throttle import DailyQuotaReached  # noqa: PLC0415 - heavy; see leadsquared.work
        from leadsquared.work.change import change_tasks  # noqa: PLC0415
        from leadsquared.work.quota import defer_until_reset  # noqa: PLC0415

        change, task_ids = self._change(context)
        try:
            progress = change_tasks(
                change,
                task_ids,
                missing=self.missing,
                in_flight=max(self.in_flight, 1),
                leadsquared_conn_id=self.leadsquared_conn_id,
                ledger_conn_id=self.ledger_conn_id,
                context=context,
                before=before,
            )
        except DailyQuotaReached as quota:
            if before is None:
                defer_until_reset(self, quota)
            defer_until_reset(self, quota, "look_again", progress=dict(before))
        if progress.left:
            wait_or_defer(self, NEXT_LOOK, "look_again", progress=progress.as_json())
        return progress.counts

    def _change(self, context: Any) -> tuple[Change, list[str]]:
        """Return what is wanted of which CRM tasks."""
        raise NotImplementedError
