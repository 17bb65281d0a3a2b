"""Airflow connections become clients; nothing else happens here."""
