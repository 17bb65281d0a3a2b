from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from workplace_provider.common.atlassian.credentials import OAuthApp
from workplace_provider.common.atlassian.sites import Atlassian
from workplace_provider.common.atlassian.token_store import TokenSet, TokenStore
from workplace_provider.confluence import connect
from workplace_provider.confluence.client import ConfluenceClient
from workplace_provider.http.client import HttpSettings
from workplace_sandbox import Sandbox

QUICK = HttpSettings(connect_timeout=5, read_timeout=10)


def atlassian(sandbox: Sandbox) -> Atlassian:
    return Atlassian(sandbox.cloud_gateway_url, sandbox.atlassian_auth_url)


def first_tokens(sandbox: Sandbox, scopes: Sequence[str] | None = None) -> TokenSet:
    """Return the tokens of a new consent, with an expired access token."""
    return TokenSet.read(json.dumps(sandbox.cloud.consent(scopes)))


def consented_client(
    sandbox: Sandbox, store: TokenStore, *, sleep: Callable[[float], None] = lambda _: None, host: str | None = None
) -> ConfluenceClient:
    """Return a client that uses the consent in ``store``."""
    client_id, secret = sandbox.cloud_oauth_client
    credential = OAuthApp(client_id, secret, store, atlassian=atlassian(sandbox))
    return connect(sandbox.cloud_url if host is None else host, credential=credential, settings=QUICK, sleep=sleep)


def refreshes(sandbox: Sandbox) -> list[Any]:
    """Return the requests for tokens so far."""
    return [asked for asked in sandbox.requests() if asked.path.endswith("/oauth/token")]
