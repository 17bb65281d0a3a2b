"""The project's local set-up: a real Airflow beside the sandbox, and the demonstration that runs on both."""
