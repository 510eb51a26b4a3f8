"""Deliver follow-ups exactly once: model, feeds, planning, ledger, throttle, reconcile, report. Free of Airflow."""
