"""Notifiers that post to Slack when a task or a run ends."""
