"""The accounts of the sandbox's Tableau. None of this is secret."""

from __future__ import annotations

from workplace_sandbox.confluence.access import PASSWORD
from workplace_sandbox.residents import USERS

SITE = "analytics"
"""Content URL of the site of both servers; Tableau Server also has the default site."""

BOT = "report-bot"
PATS = {
    "airflow": "sandbox-pat-secret",
    "airflow-2": "sandbox-pat-secret-2",
    "airflow-3": "sandbox-pat-secret-3",
}
"""Names and secrets of the personal access tokens of ``report-bot``."""

CONNECTED_APP = {
    "client_id": "5b1c7a52-8f0e-4d4e-9a51-6a4f0c1d2e01",
    "secret_id": "0e6a1d0f-3b5c-4f7a-8d2b-9c1e5f7a3b02",
    "secret_value": "c2FuZGJveC1jb25uZWN0ZWQtYXBwLXNlY3JldC12YWx1ZQ==",
}
"""A connected app with direct trust: the ids and the secret of its JSON web tokens."""

__all__ = ["BOT", "CONNECTED_APP", "PASSWORD", "PATS", "SITE", "USERS"]
