"""The pages of ``auth.atlassian.com``."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workplace_sandbox.confluence.cloud.grants import OAuthApp
    from workplace_sandbox.model import User

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;color:#172b4d}"
    "h1{font-size:1.4rem}ul{columns:2;font-size:.85rem;padding-left:1.2rem}"
    "button,select{font:inherit;padding:.4rem 1rem}button[value=allow]{background:#0c66e4;color:#fff;border:0}"
)


def consent_page(app: OAuthApp, scopes: Sequence[str], users: Sequence[User], parameters: Mapping[str, str]) -> str:
    """Return the page on which a person allows or denies an app access.

    :param app: the app.
    :param scopes: the requested scopes.
    :param users: the people who can decide.
    :param given: the parameters of the request, which the form repeats.
    """
    kept = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in parameters.items()
        if name not in ("decision", "username")
    )
    people = "".join(
        f'<option value="{html.escape(user.username)}">{html.escape(user.display_name)} ({html.escape(user.email)})</option>'
        for user in sorted(users, key=lambda user: user.username != "report-bot")
    )
    items = "".join(f"<li>{html.escape(scope)}</li>" for scope in scopes)
    return _page(
        f"<h1>{html.escape(app.name)} is requesting access to your Atlassian account</h1>"
        f"<p>On the site <b>sandbox</b> it would be able to:</p><ul>{items}</ul>"
        f'<form method="post" action="authorize">{kept}'
        f'<p><label>Act as <select name="username">{people}</select></label></p>'
        '<button name="decision" value="allow">Accept</button> <button name="decision" value="deny">Cancel</button></form>'
    )


def refusal_page(why: str) -> str:
    """Return the page for a wrong request of an app, which asks for no decision."""
    return _page(f"<h1>Something went wrong</h1><p>{html.escape(why)}</p>")


def _page(body: str) -> str:
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Atlassian account (sandbox)</title>'
        f"<style>{_STYLE}</style></head><body>{body}</body></html>"
    )
