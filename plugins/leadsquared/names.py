"""Ids of Airflow connections, and other words that DAG files need before anything heavy is imported."""

DEFAULT_LEADSQUARED = "leadsquared_default"
DEFAULT_LEDGER = "followups_ledger"
POOL = "leadsquared"
