"""REST clients in plain Python: no Airflow import in here, so they work at any prompt."""
