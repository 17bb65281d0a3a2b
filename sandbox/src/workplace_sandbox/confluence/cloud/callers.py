"""The caller of a request to the cloud, by its credential: at the site's own address, or at Atlassian's gateway.

Confluence and Jira of one site share the accounts, their API tokens and the consents to apps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workplace_sandbox.confluence.cloud import CLOUD_ID
from workplace_sandbox.confluence.cloud.errors import gateway_error, no_such_cloud, scoped_token_at_site

if TYPE_CHECKING:
    from fastapi import Request

    from workplace_sandbox.confluence.cloud.state import CloudState
    from workplace_sandbox.model import User
    from workplace_sandbox.store import Store


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request.

    :param scopes: the scopes of the token; None for one without scopes, which may do everything that the user may.
    :param app: the app whose points are used; None for API tokens, which are exempt.
    """

    user: User
    scopes: tuple[str, ...] | None
    app: str | None


def gateway_caller(request: Request, store: Store, state: CloudState) -> Caller:
    """Return the caller of a request to the gateway.

    :raises CloudError: the cloud id is unknown, or the credential is wrong.
    """
    if request.path_params.get("cloud_id") != CLOUD_ID:
        raise no_such_cloud(request.url.path)
    scheme, credentials = _authorization(request)
    if scheme == "bearer":
        if state.tokens.find(credentials) is not None:
            raise gateway_error(404, "Not Found")  # an API token is a password, not a bearer
        family = state.grants.access(credentials)
        user = store.user(family.username) if family else None
        if family is None or user is None:
            raise gateway_error(401, "Unauthorized")
        return Caller(user, family.scopes, family.app.client_id)
    signed_in = state.tokens.sign_in(store, credentials) if scheme == "basic" else None
    if signed_in is None or signed_in[1].scopes is None:
        raise gateway_error(401, "Unauthorized")
    return Caller(signed_in[0], signed_in[1].scopes, None)


def site_caller(request: Request, store: Store, state: CloudState) -> Caller | None:
    """Return the caller of a request to the site; None for an anonymous one, which a wrong credential makes it.

    :raises CloudError: the token has scopes, so that only the gateway accepts it.
    """
    scheme, credentials = _authorization(request)
    signed_in = state.tokens.sign_in(store, credentials) if scheme == "basic" else None
    if signed_in is None:
        return None
    if signed_in[1].scopes is not None:
        raise scoped_token_at_site()
    return Caller(signed_in[0], None, None)


def _authorization(request: Request) -> tuple[str, str]:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    return scheme.lower(), credentials.strip()
