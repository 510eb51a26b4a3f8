"""Airflow operators: plan, approve, create_tasks, create_task, verify, report."""
