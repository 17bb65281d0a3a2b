"""Notifiers for callbacks and deadlines."""
