"""Airflow's connections of the types ``slack``, ``slack_app`` and ``slackwebhook``."""
