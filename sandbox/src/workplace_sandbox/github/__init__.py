"""GitHub, as far as contribution calendars go: the public page of a person, and the API that tells the same."""

GITHUB_PATH = "/github"
"""Where GitHub is on the sandbox; its API is below ``/api`` as on an Enterprise Server."""
TOKEN = "sandbox-token"  # noqa: S105 - the sandbox has no secrets
