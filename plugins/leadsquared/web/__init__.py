"""What runs in Airflow's API server: the status webhook's receiver."""
