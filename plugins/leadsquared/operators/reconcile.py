"""Settle what runs left behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator

from leadsquared.names import DEFAULT_LEADSQUARED, DEFAULT_LEDGER
from leadsquared.retrying import RETRY_POLICY


class ListAccountsOperator(BaseOperator):
    """Return the connections of all accounts to reconcile: those of feeds, and those with something open.

    Rows that a DAG gave inline may have gone by a connection that no feed names.
    """

    ui_color = "#fff4d6"

    def __init__(self, *, ledger_conn_id: str = DEFAULT_LEDGER, **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", RETRY_POLICY)
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Any) -> list[str]:  # noqa: ARG002 - Airflow's signature
        """List them; map `ReconcileOperator` over the result."""
        from followups.ledger.reading import LedgerReader  # noqa: PLC0415 - heavy; see leadsquared.work
        from leadsquared.accounts import feed_accounts  # noqa: PLC0415
        from leadsquared.databases import open_ledger  # noqa: PLC0415

        return sorted({*feed_accounts(), *LedgerReader(open_ledger(self.ledger_conn_id)).open_accounts()})


class ReconcileOperator(BaseOperator):
    """Settle batches of ended runs on one account, and look again at what was settled a while ago.

    What was accepted or is unknown is looked up; what was proved absent is sent again; duplicates are reported, or
    healed where the feed says so. Rows of runs that still live are left to them.

    :param leadsquared_conn_id: Airflow connection of the account.
    """

    template_fields: Sequence[str] = ("leadsquared_conn_id",)
    ui_color = "#fff4d6"

    def __init__(
        self,
        *,
        leadsquared_conn_id: str = DEFAULT_LEADSQUARED,
        ledger_conn_id: str = DEFAULT_LEDGER,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("retry_policy", RETRY_POLICY)
        super().__init__(**kwargs)
        self.leadsquared_conn_id = leadsquared_conn_id
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Any) -> dict[str, int]:
        """Do one round and return its counts; none where no call is left today: the next round is soon enough."""
        from followups.throttle import DailyQuotaReached  # noqa: PLC0415 - heavy; see leadsquared.work
        from leadsquared.work.verify import reconcile  # noqa: PLC0415 - heavy; see leadsquared.work

        context["account_label"] = self.leadsquared_conn_id
        try:
            return reconcile(self.leadsquared_conn_id, self.ledger_conn_id, context)
        except DailyQuotaReached as quota:
            self.log.warning("%s Nothing can be looked up before that.", quota)
            return {}
