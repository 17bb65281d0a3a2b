"""Errors that a person can act on."""


class LocalError(Exception):
    """An error whose message is complete; any other exception is a bug here, and shown with its trace."""
