"""A member service: the accounts of one of the company's systems, with an API of its own."""

MEMBERS_PATH = "/members"
"""Where the accounts are on the sandbox, as pages; the API is below ``/api``."""
