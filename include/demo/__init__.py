"""Run the whole product on one machine: a real Airflow, the sandbox and a warehouse file."""
