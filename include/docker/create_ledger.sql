-- Run by PostgreSQL when its volume is empty. The ledger has a database of its own, to back up and move without Airflow's.
CREATE DATABASE ledger;
