"""A member service: the accounts of some system of the company, over an API of its own."""

MEMBERS_PATH = "/members"
"""Where the accounts are on the sandbox, as pages; the API is below ``/api``."""
