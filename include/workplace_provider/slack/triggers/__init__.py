"""Triggers that wait for events of Slack."""
