"""A real Airflow, whose processes are killed at random while it works: LocalExecutor and CeleryExecutor."""
