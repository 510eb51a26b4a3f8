"""LeadSquared's wire format: what is sent, what comes back and what it means. Pure, and free of Airflow."""
