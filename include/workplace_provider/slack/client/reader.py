"""A reader for the Slack Web API: complete listings or an error, and single calls.

A listing is complete, or it raises an error: a page that fails is requested again with the same cursor.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from workplace_provider.http.client import TIMED_OUT, Bearer, Decoded, HttpClient, HttpSettings
from workplace_provider.http.errors import BadResponse, WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.slack.client.api_response import (
    SMALLER_PAGE,
    SYSTEM,
    Envelope,
    SlackPage,
    decode,
    decode_field,
    decode_page,
    parse_error,
)

if TYPE_CHECKING:
    import requests

log = get_logger("workplace_provider.slack")

BASE_URL: Final = "https://slack.com/api/"
LARGEST_PAGE: Final = 999
"""Slack recommends a limit below 1000. Large pages need fewer calls, which is what the rate limit counts."""
MAX_PAGES: Final = 100_000
MAX_EMPTY_PAGES: Final = 1_000
"""Bounds that no real workspace reaches: a server that returns new cursors forever would otherwise keep a task busy."""
SETTINGS: Final = HttpSettings(attempts=8, max_wait=120.0)
"""More attempts than for other systems: one failed page makes the whole listing fail."""
PACED: Final = frozenset({"conversations.history", "conversations.replies"})
"""Methods that Slack limits to one call per minute for apps that are distributed outside its Marketplace.

Source: https://docs.slack.dev/changelog/2025/05/29/rate-limit-changes-for-non-marketplace-apps/
"""


class TokenOwner(msgspec.Struct, frozen=True, kw_only=True):
    """The owner of a token, as ``auth.test`` returns it.

    :param url: URL of the workspace, with a trailing slash
    :param team: name of the workspace
    :param team_id: id of the workspace
    :param user_id: user that the token acts as
    :param bot_id: bot id of that user, if it is a bot
    :param enterprise_id: Enterprise organization of the workspace
    :param is_enterprise_install: the token belongs to an organization, and many methods need ``team_id``
    :param scopes: scopes of the token; ``None`` if Slack did not report them
    """

    url: str = ""
    team: str = ""
    team_id: str = ""
    user_id: str = ""
    bot_id: str = ""
    enterprise_id: str = ""
    is_enterprise_install: bool = False
    scopes: frozenset[str] | None = None


class _AuthTest(Envelope, kw_only=True):
    url: str | None = None
    team: str | None = None
    team_id: str | None = None
    user_id: str | None = None
    bot_id: str | None = None
    enterprise_id: str | None = None
    is_enterprise_install: bool | None = None


class SlackReader:
    """A client for one workspace and one token, with the request policy of :class:`HttpClient`.

    A failed page is requested again with the same cursor: after 429 (for as long as ``Retry-After`` requires), 5xx, an
    incomplete or invalid response, and Slack's own error codes for temporary failures. The constructor sends nothing::

        with SlackReader("xoxb-…") as reader:
            for page in reader.paginate("users.list", "members"):
                print(len(page.items))

    :param token: bot or user token
    :param base_url: URL of the methods, such as ``https://slack.com/api/``
    :param settings: time-outs, proxy and limits
    :param calls_per_minute: rate limit of the app for reading messages, if it is low: calls are spaced out instead of
        running into the limit. ``None`` waits only when Slack asks for it
    :param sleep: function that waits, in seconds
    :param clock: monotonic clock, in seconds
    """

    def __init__(
        self,
        token: str,
        *,
        base_url: str = BASE_URL,
        settings: HttpSettings = SETTINGS,
        calls_per_minute: float | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.calls_per_minute = calls_per_minute
        self.calls = 0
        self.waited = 0.0
        self._sleep = sleep
        self._clock = clock
        self._next_call: dict[str, float] = {}
        self._auth = Bearer(token)
        self.settings = settings
        self._clients: dict[str, HttpClient] = {}
        self.http = self.client_at(base_url)

    def client_at(self, base_url: str) -> HttpClient:
        """Return a client for another base URL, with the same token and policy. It is created once."""
        if base_url not in self._clients:
            self._clients[base_url] = HttpClient(
                base_url, system=SYSTEM, auth=self._auth, settings=self.settings, parse_error=parse_error, sleep=self.pause
            )
        return self._clients[base_url]

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()

    def __enter__(self) -> SlackReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def pause(self, seconds: float) -> None:
        """Wait, and add the time to :attr:`waited`."""
        self.waited += seconds
        self._sleep(seconds)

    def paginate(
        self,
        method: str,
        item_key: str,
        params: Mapping[str, Any] | None = None,
        *,
        page_size: int = LARGEST_PAGE,
        cursor: str | None = None,
        kind: Any = dict[str, Any],
    ) -> Iterator[SlackPage[Any]]:
        """Iterate over all pages of a listing.

        A page may be short or empty without being the last one. The page size is halved for the rest of the listing when
        Slack asks for that, or fails in a way that smaller responses avoid: ``limit_required``, status 500, a time-out.

        :param method: method, such as ``users.list``
        :param item_key: name of the list in the response, such as ``members``
        :param params: arguments of the method; those that are ``None`` are omitted
        :param page_size: requested items per page; Slack may return fewer
        :param cursor: ``next_cursor`` of an earlier page, to continue after it
        :param kind: type of the items, decoded by ``msgspec``
        :raises WorkplaceError: a page could not be read, the server repeated a cursor, or the listing does not end
        """
        request = _PageRequest(self, method, _arguments(params or {}), page_size, cursor)
        seen = {cursor}
        empty = 0
        for _ in range(MAX_PAGES):
            self._keep_pace(method)
            self.calls += 1
            page = self.http.fetch(
                method,
                lambda response: decode_page(self.http, response, item_key, kind),
                params=request.query(),
                adapt=request.retry_query,
            )
            yield page
            if page.next_cursor is None:
                return
            if page.next_cursor in seen:
                raise self._endless(method, "the server repeated a cursor")
            empty = 0 if page.items else empty + 1
            if empty >= MAX_EMPTY_PAGES:
                raise self._endless(method, f"the server returned {empty:,} empty pages in a row, each with a new cursor")
            seen.add(page.next_cursor)
            request.cursor = page.next_cursor
        raise self._endless(method, f"the listing has more than {MAX_PAGES:,} pages")

    def _endless(self, method: str, cause: str) -> BadResponse:
        return BadResponse(cause, system=SYSTEM, method="GET", url=self.http.url(method))

    def get(self, method: str, key: str, kind: Any, params: Mapping[str, Any]) -> Any:
        """Call a read method and return one field of its response.

        :param key: name of the field, such as ``user``
        :param kind: type of the field, decoded by ``msgspec``
        :raises WorkplaceError: the request failed
        """
        return self._fetch(method, lambda response: decode_field(self.http, response, key, kind), params)

    def fetch(self, method: str, kind: type[Envelope], params: Mapping[str, Any]) -> Any:
        """Call a read method and return its whole response.

        :param kind: type of the response
        :raises WorkplaceError: the request failed
        """
        return self._fetch(method, lambda response: decode(self.http, response, kind), params)

    def submit(self, method: str, kind: type[Envelope], arguments: Mapping[str, Any], *, idempotent: bool = False) -> Any:
        """Call a method that writes.

        :param kind: type of the response
        :param arguments: sent as JSON; those that are ``None`` are omitted
        :param idempotent: repeating the call does no harm. Other calls are sent again only if Slack certainly did not
            execute them, as after 429
        :raises WorkplaceError: the call failed, or its outcome is unknown
        """
        self.calls += 1
        return self.http.submit(
            method,
            lambda response: decode(self.http, response, kind),
            json={name: value for name, value in arguments.items() if value is not None},
            idempotent=idempotent,
        )

    def token_owner(self) -> TokenOwner:
        """Return the owner of the token, with its scopes.

        :raises WorkplaceError: Slack rejects the token
        """
        return self._fetch("auth.test", self._decode_owner, {})

    def _decode_owner(self, response: requests.Response) -> TokenOwner:
        owner = decode(self.http, response, _AuthTest)
        scopes = response.headers.get("x-oauth-scopes")
        return TokenOwner(
            url=owner.url or "",
            team=owner.team or "",
            team_id=owner.team_id or "",
            user_id=owner.user_id or "",
            bot_id=owner.bot_id or "",
            enterprise_id=owner.enterprise_id or "",
            is_enterprise_install=bool(owner.is_enterprise_install),
            scopes=None if scopes is None else frozenset(filter(None, (scope.strip() for scope in scopes.split(",")))),
        )

    def _fetch(self, method: str, read: Callable[[requests.Response], Decoded], params: Mapping[str, Any]) -> Decoded:
        query = _arguments(params)

        def count_retry(_: WorkplaceError) -> dict[str, Any]:
            self.calls += 1
            return query

        self.calls += 1
        return self.http.fetch(method, read, params=query, adapt=count_retry)

    def _keep_pace(self, method: str) -> None:
        if self.calls_per_minute is None or method not in PACED:
            return
        now = self._clock()
        due = self._next_call.get(method, now)
        if due > now:
            self.pause(due - now)
        self._next_call[method] = max(due, now) + 60 / self.calls_per_minute


class _PageRequest:
    """The query of a page, whose size shrinks when the response is too large for Slack."""

    def __init__(
        self, reader: SlackReader, method: str, arguments: dict[str, Any], page_size: int, cursor: str | None
    ) -> None:
        self._reader = reader
        self._method = method
        self._arguments = arguments
        self._size = page_size
        self.cursor = cursor

    def query(self) -> dict[str, Any]:
        return {**self._arguments, "limit": self._size, **({"cursor": self.cursor} if self.cursor else {})}

    def retry_query(self, error: WorkplaceError) -> dict[str, Any]:
        """Return the query of the next attempt after an error."""
        self._reader.calls += 1
        if self._size > 1 and (error.code in SMALLER_PAGE or error.code == TIMED_OUT or error.status == 500):
            self._size = max(1, self._size // 2)
            log.warning("requesting %d items per page from %s: %s", self._size, self._method, error)
        return self.query()


def _arguments(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments in the form that the Web API reads from a query string."""
    return {name: _argument(value) for name, value in params.items() if value is not None}


def _argument(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple | set | frozenset):
        return ",".join(map(str, value))
    return value
