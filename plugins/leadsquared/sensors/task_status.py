"""Wait until CRM tasks are completed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue
from airflow.sdk.exceptions import AirflowSkipException

from leadsquared import errors
from leadsquared.names import DEFAULT_LEADSQUARED, DEFAULT_LEDGER, Missing, Until
from leadsquared.retrying import RETRY_POLICY
from leadsquared.wire.ids import check_ids

POLL = timedelta(minutes=5)


class TaskStatusSensor(BaseSensorOperator):
    """Wait until reps have completed CRM tasks; by default without a worker slot, in the triggerer.

    Returns CRM task ids under `completed`, `open` and `gone`, for the tasks that follow. The first look costs a call
    for each id, later ones a few for all of them; every call takes a slot of the account's rate limit. Rate refusals,
    an outage of LeadSquared and a day's quota that is used up are waited out. An empty list is no wait.

    :param task_ids: one id, a list, or another task's result such as `create.output`; templated.
    :param until: `all` of them are completed, or `any`.
    :param missing: what to do about CRM tasks that are deleted, cancelled or hidden from these keys: `fail`, or
        `ignore` to wait for the others. One that was never seen is gone after the connection's settle time.
    :param poke_interval: time between looks; 5 minutes by default.
    :param timeout: how long to wait in all; Airflow's default is a week.
    :param deferrable: False keeps the worker slot, or gives it back between looks with `mode="reschedule"`.
    :raises RequestRejected: CRM tasks are gone. :raises AuthenticationFailed: the keys are not accepted.
    """

    template_fields: Sequence[str] = ("task_ids", "leadsquared_conn_id")
    ui_color = "#fff4d6"

    def __init__(
        self,
        *,
        task_ids: Any,
        until: Until = "all",
        missing: Missing = "fail",
        poke_interval: timedelta | float = POLL,
        deferrable: bool = True,
        leadsquared_conn_id: str = DEFAULT_LEADSQUARED,
        ledger_conn_id: str = DEFAULT_LEDGER,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("retry_policy", RETRY_POLICY)
        super().__init__(poke_interval=poke_interval, **kwargs)
        if until not in ("all", "any") or missing not in ("fail", "ignore"):
            raise errors.ConfigurationError("TaskStatusSensor: until is all or any, missing is fail or ignore")
        self.task_ids = task_ids
        self.until = until
        self.missing = missing
        self.deferrable = deferrable
        self.leadsquared_conn_id = leadsquared_conn_id
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Any) -> Any:
        """Wait; returns CRM task ids by how they stand."""
        if not self.deferrable:
            return super().execute(context)
        task_ids = check_ids(self.task_ids)
        if not task_ids:
            return {"completed": [], "open": [], "gone": []}
        from leadsquared.triggers.task_status import TaskStatusTrigger  # noqa: PLC0415 - heavy

        trigger = TaskStatusTrigger(task_ids=task_ids, poll_seconds=self.poke_interval, **self._settings())
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timedelta(seconds=self.timeout))
        return None

    def execute_complete(self, context: Any, event: Mapping[str, Any]) -> Any:  # noqa: ARG002 - Airflow passes it
        """Return what the trigger saw, or raise what made waiting useless."""
        if "standing" in event:
            return event["standing"]
        if self.soft_fail or self.never_fail:
            raise AirflowSkipException(event["message"])
        raise getattr(errors, event["error"], errors.RequestRejected)(event["message"])

    def poke(self, context: Any) -> PokeReturnValue:
        """Look once."""
        from followups.throttle import ThrottleError  # noqa: PLC0415 - loads SQLAlchemy
        from leadsquared.work.watch import Watching  # noqa: PLC0415 - heavy; see leadsquared.work

        ti = context["ti"]
        began = (ti.get_first_reschedule_date(context) if self.reschedule else None) or ti.start_date
        watching = Watching(check_ids(self.task_ids), waited=datetime.now(UTC) - began, **self._settings())
        try:
            standing, over = watching.look()
        except (errors.RetryableError, ThrottleError) as failure:
            self.log.warning("looking again later: %s", failure)
            return PokeReturnValue(is_done=False)
        finally:
            watching.close()
        return PokeReturnValue(is_done=over, xcom_value=standing)

    def _settings(self) -> dict[str, Any]:
        names = ("until", "missing", "leadsquared_conn_id", "ledger_conn_id")
        return {name: getattr(self, name) for name in names}
