"""What Airflow is to do with a task that failed: retry what may heal, fail at once what cannot."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception="followups.errors.PermanentError",
            action=RetryAction.FAIL,
            reason="trying again cannot help: see the error",
        ),
        RetryRule(
            exception="followups.errors.TransientError",
            action=RetryAction.RETRY,
            retry_delay=timedelta(seconds=20),
            reason="may heal by itself; nothing was lost",
        ),
    ]
)
