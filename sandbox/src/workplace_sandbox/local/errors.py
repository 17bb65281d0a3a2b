"""What can go wrong in a way that a person can act on."""


class LocalError(Exception):
    """A fault whose text says all there is to know; any other exception is a mistake here, and shown with its trace."""
