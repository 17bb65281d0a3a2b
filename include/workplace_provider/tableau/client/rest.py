"""Requests to Tableau's REST API: the version in use, the session, single items, lists, downloads and the Metadata API."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

from workplace_provider.http.body import parse_json
from workplace_provider.http.client import HttpClient, HttpSettings, Sink
from workplace_provider.http.errors import BadResponse, Forbidden, Invalid, NotFound, WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.tableau.client import lookup
from workplace_provider.tableau.client.listing import LARGEST_PAGE, ListRequest, read_list
from workplace_provider.tableau.client.model import TableauServer
from workplace_provider.tableau.client.responses import (
    SYSTEM,
    FeatureDisabled,
    ResponseNode,
    parse_error,
    parse_response,
    path_segment,
)
from workplace_provider.tableau.client.session import TOKEN_HEADER, XML, Session, Sessions

if TYPE_CHECKING:
    import requests

    from workplace_provider.http.client import Download
    from workplace_provider.tableau.client.credentials import Credential

Item = TypeVar("Item")

log = get_logger("workplace_provider.tableau")

# Every version since this one returns its newest supported version from "serverinfo".
_OLDEST_API: Final = "2.4"
_NEWEST_API: Final = "3.29"
_METADATA: Final = "metadata"


class RestApi:
    """Tableau's REST API for one site, with the session that all threads share.

    :param base_url: scheme and host, and the path of a reverse proxy
    :param credentials: credentials to sign in with; several are used in turn when a session is lost
    :param site: name of the site in URLs; empty for the default site of a server
    :param api_version: version of the REST API; by default the newest that server and client support
    :param first_credential: index of the first credential to use
    :param settings: time-outs, TLS and limits
    :param sleep: function that waits for a number of seconds
    :param on_secret: called with every session token, so that logs can mask it
    :raises Invalid: the base URL is not valid, or there is no credential
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credential | Sequence[Credential],
        site: str,
        *,
        api_version: str | None,
        first_credential: int,
        settings: HttpSettings,
        sleep: Callable[[float], None] = time.sleep,
        on_secret: Callable[[str], None] | None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.site = site
        self._configured_version = api_version
        self._settings = settings
        self._refused_features: set[str] = set()
        self._sleep = sleep
        self._clients: list[HttpClient] = []
        # Checks the base URL before the first request.
        self._http_client(_OLDEST_API)
        credentials = credentials if isinstance(credentials, Sequence) else [credentials]
        self.sessions = Sessions(lambda: self._http, credentials, site, first=first_credential, on_secret=on_secret)

    def close(self) -> None:
        """Sign out and close the connections. Errors of the sign-out are only logged."""
        self.sessions.end()
        for client in self._clients:
            client.close()

    @property
    def browser_url(self) -> str:
        """The base of a view's URL in a browser."""
        return f"{self.base_url}/#/site/{self.site}" if self.site else f"{self.base_url}/#"

    @cached_property
    def server(self) -> TableauServer:
        """The server's versions, requested once and without a session.

        :raises WorkplaceError: the server does not respond, or is not Tableau
        """
        http = self._http_client(_OLDEST_API)
        info = http.exchange(
            "GET", "serverinfo", lambda response: parse_response(http, response), headers={"Accept": XML}
        ).first("serverInfo")
        version = info.text_of("restApiVersion")
        if not version:
            raise BadResponse(
                f"the response of {http.url('serverinfo')} has no version of the REST API",
                method="GET",
                advice="check the connection's host; on Tableau Cloud it must include the pod",
                retryable=False,
            )
        return TableauServer(info.text_of("productVersion"), version)

    @cached_property
    def api_version(self) -> str:
        """The version of the REST API in use: the configured one, or the newest that server and client support."""
        return self._configured_version or min(self.server.api_version, _NEWEST_API, key=_numbers)

    def supports(self, version: str) -> bool:
        """Return whether the version in use is this version or a newer one."""
        return _numbers(self.api_version) >= _numbers(version)

    def require(self, needed: Mapping[str, str]) -> None:
        """Check that the version in use has all features.

        :param needed: minimum version for each feature, by the feature's name for messages
        :raises Invalid: the version is older than one of them
        """
        for feature, version in needed.items():
            if not self.supports(version):
                raise Invalid(
                    f"{feature} needs version {version} of the REST API, but the version in use is {self.api_version}",
                )

    def refuses(self, feature: str) -> bool:
        """Return whether the server has rejected an optional feature of lists: ``fields``, ``filter`` or ``sort``."""
        return feature in self._refused_features

    def get(self, path: str, query: str = "") -> ResponseNode:
        """GET a path below the site."""
        return self._exchange("GET", path, query)

    def get_item(self, path: str, name: str, item_id: str) -> ResponseNode:
        """Return an item by its id, and check that the response has this id.

        :param path: path of the list of such items
        :param name: name of the element
        """
        item = self.get(f"{path}/{path_segment(item_id)}").first(name)
        if item.get("id").lower() != item_id.lower():
            raise BadResponse(
                f"the response does not describe the {name} {item_id}",
                method="GET",
                advice="check the connection's host; a proxy or another server may respond instead of Tableau",
            )
        return item

    def post(self, path: str, content: bytes) -> ResponseNode:
        """POST XML to a path below the site, once: after a lost response, the caller must look for the result."""
        return self._exchange("POST", path, "", content)

    def download(
        self,
        path: str,
        query: str,
        sink: Sink,
        *,
        check: Callable[[Download], None],
        seconds: float | None,
    ) -> Download:
        """Stream a file below the site into a sink.

        :param check: raises an error if the file is not complete
        :param seconds: limit for all attempts
        """

        def send(session: Session) -> Download:
            return self._http.download(
                f"sites/{path_segment(session.site_id)}/{path}",
                sink,
                params=query,
                headers={TOKEN_HEADER: session.headers[TOKEN_HEADER]},
                check=check,
                seconds=seconds,
            )

        return self.sessions.call(send)

    def query_metadata(self, query: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the data of a query of the Metadata API, which is GraphQL and has the same sessions.

        Tableau Cloud always has it. An administrator must enable it on Tableau Server.

        :raises FeatureDisabled: the server does not have the Metadata API, or it is disabled
        :raises BadResponse: the response is not a result of GraphQL, or only has errors
        """
        http = self._metadata_client

        def decode(response: requests.Response) -> Mapping[str, Any]:
            try:
                result = parse_json(response.content)
            except ValueError as error:
                raise http.not_json(response) from error
            data, errors = (result.get("data"), result.get("errors")) if isinstance(result, Mapping) else (None, None)
            if not isinstance(data, Mapping):
                reason = next((str(each.get("message")) for each in errors or () if isinstance(each, Mapping)), "no data")
                # The index restarts and is rebuilt at times; its errors have no code for the reason.
                raise http.invalid_response(
                    response, BadResponse, f"the Metadata API did not answer the query: {reason[:300]}", retryable=True
                )
            return data

        def send(session: Session) -> Mapping[str, Any]:
            headers = {**session.headers, "Accept": "application/json", "Content-Type": "application/json"}
            body = json.dumps({"query": query, "variables": dict(variables)}, ensure_ascii=False).encode()
            return http.exchange("POST", "graphql", decode, content=body, headers=headers, idempotent=True)

        try:
            return self.sessions.call(send)
        except (NotFound, Forbidden) as error:
            raise FeatureDisabled(
                f"the Metadata API is not available: {error.message}",
                advice="ask an administrator to enable it: tsm maintenance metadata-services enable",
                method=error.method,
                url=error.url,
                status=error.status,
                code=error.code,
            ) from error

    def read_all(
        self, request: ListRequest, read: Callable[[ResponseNode], Item], page_size: int = LARGEST_PAGE, parallel: int = 4
    ) -> list[Item]:
        """Return all items of a list. For a server that rejects an optional feature, the client evaluates the conditions.

        :param read: converts an element to an item
        """
        if not 1 <= page_size <= LARGEST_PAGE:
            raise Invalid(f"page_size is {page_size}", advice=f"give a number from 1 to {LARGEST_PAGE}")

        def read_filtered(reduced: ListRequest) -> list[Item]:
            items = self._read_list(reduced, read, page_size, parallel)
            if reduced.conditions == request.conditions:
                return items
            return [item for item in items if lookup.satisfies(item, request.conditions)]

        supported = request.without(self._refused_features)
        try:
            return read_filtered(supported)
        except WorkplaceError as error:
            if not _is_refused_feature(error):
                raise
            items = self._list_with_fewer_features(supported, read_filtered, error)
            if items is None:
                raise
            return items

    def _list_with_fewer_features(
        self, request: ListRequest, read: Callable[[ListRequest], Iterable[Item]], refusal: WorkplaceError
    ) -> list[Item] | None:
        """Read a list for a server that rejected one of its optional features; remember the features for this session.

        :return: ``None`` if the server rejected every combination
        """
        for features in request.removable_features():
            if "filter" in features and not lookup.can_compare(request.conditions):
                continue
            try:
                items = read(request.without(features))
            except WorkplaceError as error:
                if not _is_refused_feature(error):
                    raise
                continue
            self._refused_features.update(features)
            log.warning("the server rejects %s in lists; this session omits it: %s", " and ".join(features), refusal)
            return [*items]
        return None

    def _read_list(
        self, request: ListRequest, read: Callable[[ResponseNode], Item], page_size: int, parallel: int
    ) -> list[Item]:
        try:
            return read_list(request, self.get, read, page_size=page_size, parallel=parallel if request.sort else 1)
        except WorkplaceError as error:
            if not error.method:
                # An error of the whole list. It names the list, because the last of its requests is not the cause.
                site_id = self.sessions.current().site_id
                error.method, error.url = "GET", self._http.url(f"sites/{site_id}/{request.path}")
            raise

    def _exchange(self, method: str, path: str, query: str, content: bytes | None = None) -> ResponseNode:
        def send(session: Session) -> ResponseNode:
            return self._http.exchange(
                method,
                f"sites/{path_segment(session.site_id)}/{path}",
                lambda response: parse_response(self._http, response),
                params=query or None,
                content=content,
                headers=session.headers if content is None else {**session.headers, "Content-Type": XML},
            )

        return self.sessions.call(send)

    @cached_property
    def _http(self) -> HttpClient:
        return self._http_client(self.api_version)

    @cached_property
    def _metadata_client(self) -> HttpClient:
        return self._http_client(_METADATA)

    def _http_client(self, version: str) -> HttpClient:
        client = HttpClient(
            f"{self.base_url}/api/{version}",
            system=SYSTEM,
            settings=self._settings,
            parse_error=parse_error,
            secret_headers=(TOKEN_HEADER,),
            sleep=self._sleep,
        )
        self._clients.append(client)
        return client


def _is_refused_feature(error: WorkplaceError) -> bool:
    # Codes differ by version (tableau/server-client-python#456, #872). The excluded codes are errors of the paging.
    return error.status == 400 and isinstance(error, Invalid) and error.code not in ("400006", "400007", "400000")


def _numbers(version: str) -> tuple[int, ...]:
    """Return a version as numbers for comparison: 3.9 is before 3.10."""
    try:
        return tuple(int(part) for part in version.split("."))
    except ValueError:
        raise Invalid(f"api_version is {version!r}", advice="give a version such as 3.19") from None
