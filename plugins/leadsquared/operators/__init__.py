"""Airflow operators: plan, create_tasks, create_task, verify, report."""
