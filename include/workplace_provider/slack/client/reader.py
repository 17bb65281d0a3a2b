"""Calling the Slack Web API: every page of a listing or an error, never a shorter list; a change once, or an error."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from workplace_provider.http.client import TIMED_OUT, Bearer, Decoded, HttpClient, HttpSettings
from workplace_provider.http.errors import BadResponse, WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.slack.client.answers import (
    SMALLER_PAGE,
    SYSTEM,
    Envelope,
    Page,
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
"""Slack asks for a limit under 1000; the fewer pages, the sooner a listing is done, whatever the client."""
SETTINGS: Final = HttpSettings(attempts=8, max_wait=120.0)
"""A page is worth more attempts than other requests: when it fails, the whole listing does."""
PACED: Final = frozenset({"conversations.history", "conversations.replies"})
"""What Slack limits to one call a minute for apps that are distributed outside its Marketplace."""


class TokenOwner(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a token belongs to, as ``auth.test`` tells.

    :param url: address of the workspace, with a slash at its end
    :param team: name of the workspace
    :param team_id: id of the workspace
    :param user_id: user that the token acts as
    :param bot_id: bot of that user, where it is one
    :param enterprise_id: Enterprise organization that the workspace is in
    :param is_enterprise_install: the token is of an organization; it must name a workspace in many calls
    :param scopes: what the token may do; ``None`` when Slack did not tell
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
    """Reads from one workspace, and changes it, with one token, under the request policy of :class:`HttpClient`.

    A page that fails is asked for again with the same cursor: after 429 as long as ``Retry-After`` says, after 5xx, a
    broken or cut answer, one that is no JSON, and after the errors by which Slack says that it failed itself. Nothing is
    sent by the constructor.

    :param token: bot or user token
    :param base_url: where the methods are, such as ``https://slack.com/api/``
    :param settings: time-outs, proxy and limits
    :param calls_per_minute: what the app's plan allows for messages, where that is little: the calls are then spread out
        instead of running into the limit. ``None`` waits only when Slack says so
    :param sleep: waits for that many seconds
    :param clock: seconds that only ever go up
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
        """The client for an address, with the token and under the same policy; made once."""
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
        """Wait, and count it in :attr:`waited`."""
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
    ) -> Iterator[Page[Any]]:
        """Every page of a listing.

        A page may be short or empty and still not be the last. The pages become smaller, and stay so, when Slack asks for
        that or fails in a way that goes away with less to answer: ``limit_required``, status 500, a time-out.

        :param method: such as ``users.list``
        :param item_key: name of the list in the answer, such as ``members``
        :param params: arguments of the method; ``None`` is left out
        :param page_size: how many items to ask for at once; Slack may send fewer
        :param cursor: ``next_cursor`` of an earlier page, to go on behind it
        :param kind: type of the items, as ``msgspec`` decodes them
        :raises WorkplaceError: a page could not be had, or the paging goes in a circle
        """
        seen = {cursor}
        size = page_size

        def query() -> dict[str, Any]:
            return {**_arguments(params or {}), "limit": size, **({"cursor": cursor} if cursor else {})}

        def smaller(error: WorkplaceError) -> dict[str, Any]:
            nonlocal size
            self.calls += 1
            if size > 1 and (error.code in SMALLER_PAGE or error.code == TIMED_OUT or error.status == 500):
                size = max(1, size // 2)
                log.warning("asking %s for %d items at once: %s", method, size, error)
            return query()

        while True:
            self._keep_pace(method)
            self.calls += 1
            page = self.http.fetch(
                method,
                lambda response: decode_page(self.http, response, item_key, kind),
                params=query(),
                adapt=smaller,
            )
            yield page
            cursor = page.next_cursor
            if cursor is None:
                return
            if cursor in seen:
                raise BadResponse(
                    "the paging goes in a circle: a page says that the next one is one that came before",
                    system=SYSTEM,
                    method="GET",
                    url=self.http.url(method),
                )
            seen.add(cursor)

    def get(self, method: str, key: str, kind: Any, params: Mapping[str, Any]) -> Any:
        """The one thing that a method answers.

        :param key: its name in the answer, such as ``user``
        :param kind: its type, as ``msgspec`` decodes it
        :raises WorkplaceError: it could not be had
        """
        return self._fetch(method, lambda response: decode_field(self.http, response, key, kind), params)

    def fetch(self, method: str, kind: type[Envelope], params: Mapping[str, Any]) -> Any:
        """The whole answer of a method that takes its arguments from the query.

        :param kind: type of the answer
        :raises WorkplaceError: it could not be had
        """
        return self._fetch(method, lambda response: decode(self.http, response, kind), params)

    def submit(self, method: str, kind: type[Envelope], arguments: Mapping[str, Any], *, idempotent: bool = False) -> Any:
        """Call a method that changes something.

        :param kind: type of the answer
        :param arguments: sent as JSON; ``None`` is left out
        :param idempotent: whether doing it twice is as good as once. Otherwise it is sent again only when Slack surely did
            nothing, as after 429
        :raises WorkplaceError: it failed, or it is not known whether it did
        """
        self.calls += 1
        return self.http.submit(
            method,
            lambda response: decode(self.http, response, kind),
            json={name: value for name, value in arguments.items() if value is not None},
            idempotent=idempotent,
        )

    def token_owner(self) -> TokenOwner:
        """Whom the token belongs to, and what it may do.

        :raises WorkplaceError: the token is refused
        """

        def read(response: requests.Response) -> TokenOwner:
            said = decode(self.http, response, _AuthTest)
            scopes = response.headers.get("x-oauth-scopes")
            return TokenOwner(
                url=said.url or "",
                team=said.team or "",
                team_id=said.team_id or "",
                user_id=said.user_id or "",
                bot_id=said.bot_id or "",
                enterprise_id=said.enterprise_id or "",
                is_enterprise_install=bool(said.is_enterprise_install),
                scopes=None if scopes is None else frozenset(filter(None, (each.strip() for each in scopes.split(",")))),
            )

        return self._fetch("auth.test", read, {})

    def _fetch(self, method: str, read: Callable[[requests.Response], Decoded], params: Mapping[str, Any]) -> Decoded:
        query = _arguments(params)

        def again(_: WorkplaceError) -> dict[str, Any]:
            self.calls += 1
            return query

        self.calls += 1
        return self.http.fetch(method, read, params=query, adapt=again)

    def _keep_pace(self, method: str) -> None:
        if self.calls_per_minute is None or method not in PACED:
            return
        now = self._clock()
        due = self._next_call.get(method, now)
        if due > now:
            self.pause(due - now)
        self._next_call[method] = max(due, now) + 60 / self.calls_per_minute


def _arguments(params: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments in the form that the Web API reads from a query."""
    return {name: _argument(value) for name, value in params.items() if value is not None}


def _argument(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple | set | frozenset):
        return ",".join(str(each) for each in value)
    return value
