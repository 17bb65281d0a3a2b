"""A task in a process of its own. The process imports this module, so it imports no more than a task does."""

from __future__ import annotations

from typing import Any

from workplace_provider.common.atlassian.credentials import OAuthApp
from workplace_provider.common.atlassian.sites import Atlassian
from workplace_provider.common.atlassian.token_store import FileTokenStore
from workplace_provider.confluence import connect
from workplace_provider.http.client import HttpSettings


def ask_for_the_user(path: str, address: Atlassian, app: tuple[str, str], site: str, start: Any, results: Any) -> None:
    """Wait for the start, and put the name of the user into the results, or the error."""
    credential = OAuthApp(*app, FileTokenStore(path), atlassian=address)
    client = connect(site, credential=credential, settings=HttpSettings(connect_timeout=5, read_timeout=10))
    start.wait()
    try:
        results.put(client.current_user().display_name)
    except Exception as error:
        results.put(repr(error))
