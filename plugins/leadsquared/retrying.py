"""What Airflow is to do with a task that failed: retry what may heal, fail at once what cannot."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

_HOPELESS = {
    "leadsquared.errors.ConfigurationError": "the connection is incomplete or wrong",
    "leadsquared.errors.RejectedError": "LeadSquared refused the request or the keys",
    "leadsquared.errors.OutcomeUnknown": "never send again what may have arrived",
    "followups.feeds.FeedError": "the feed file is wrong",
    "followups.rows.MissingColumnError": "the feed's query lacks a column",
    "followups.sql.QueryError": "the feed's query is wrong",
    "followups.window.WindowError": "the params make no window",
    "followups.ledger.migrate.LedgerSchemaError": "the ledger must be migrated first",
    "followups.sending.UnauthorisedError": "LeadSquared refuses the keys",
    "followups.report.ThresholdError": "the run's result will not change",
}
_HEALING = {
    "followups.sending.StillRefusedError": timedelta(seconds=30),
    "leadsquared.errors.RetryableError": timedelta(seconds=15),
    "followups.throttle.errors.ThrottleUnavailable": timedelta(seconds=30),
    "sqlalchemy.exc.OperationalError": timedelta(seconds=30),
}

RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        *(RetryRule(exception=name, action=RetryAction.FAIL, reason=why) for name, why in _HOPELESS.items()),
        *(
            RetryRule(exception=name, action=RetryAction.RETRY, retry_delay=delay, reason="may heal by itself")
            for name, delay in _HEALING.items()
        ),
    ]
)
