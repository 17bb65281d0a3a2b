"""Airflow's connections of type ``confluence``."""
