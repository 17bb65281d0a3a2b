"""GitHub's contribution calendars: the public page of a person, and the API with the same data."""

GITHUB_PATH = "/github"
"""The path of GitHub on the sandbox; its API is below ``/api`` as on an Enterprise Server."""
TOKEN = "sandbox-token"  # noqa: S105 - the sandbox has no secrets
