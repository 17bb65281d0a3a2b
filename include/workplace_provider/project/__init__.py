"""The command ``workplace init``: create an Airflow project."""
