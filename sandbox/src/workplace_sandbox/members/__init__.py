"""A member service: the accounts of one of the company's systems, with an API of its own."""

MEMBERS_PATH = "/members"
"""The path of the accounts' pages on the sandbox; the API is below ``/api``."""
