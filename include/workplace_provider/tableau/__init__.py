"""Tableau: client, exports, and what Airflow sees of them."""
