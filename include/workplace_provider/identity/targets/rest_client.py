"""Sending the requests of a description."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workplace_provider.http.client import ErrorDetails, ErrorResponse, HttpClient, HttpSettings
from workplace_provider.http.errors import BadResponse, Invalid
from workplace_provider.identity import AccountExists
from workplace_provider.identity.targets.json_paths import text_at
from workplace_provider.identity.targets.templates import Condition, PathTemplate, Payload

if TYPE_CHECKING:
    from requests import Response
    from requests.auth import AuthBase

    from workplace_provider.identity.targets.description import Description, Endpoint


class RestRequest:
    """An endpoint with parsed templates."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.path = PathTemplate(endpoint.path)
        self.query = Payload(endpoint.query)
        self.payload = Payload(endpoint.payload)
        self._success = Condition(endpoint.success) if isinstance(endpoint.success, str) else None
        self._conflict = Condition(endpoint.conflict) if isinstance(endpoint.conflict, str) else None

    def is_success(self, status: int, body: Any) -> bool:
        """Return whether a response with a status below 300 is a success."""
        if self._success is not None:
            return self._success.holds(status=status, body=body)
        return self.endpoint.success is None or status in self.endpoint.success

    def is_conflict(self, status: int, body: Any, code: str, message: str) -> bool:
        """Return whether a response means that the account already exists."""
        if self._conflict is not None:
            return self._conflict.holds(status=status, body=body, code=code, message=message)
        return status in self.endpoint.conflict


class RestClient:
    """Sends the requests of a description; see :class:`~workplace_provider.identity.targets.rest.RestTarget`."""

    def __init__(
        self,
        description: Description,
        base_url: str,
        *,
        auth: AuthBase | None,
        login: str,
        headers: Mapping[str, str],
        settings: HttpSettings | None,
    ) -> None:
        self.description = description
        rendered = {name: Payload(text).fill(login=login) for name, text in description.headers.items()}
        self._headers = {**headers, **rendered}
        self.http = HttpClient(
            base_url,
            system=description.name,
            auth=auth,
            settings=settings,
            parse_error=self._parse_error,
            secret_headers=self._headers,
        )
        self.requests = {key: RestRequest(endpoint) for key, endpoint in description.endpoints()}

    @property
    def system(self) -> str:
        """The service's name."""
        return self.description.name

    def send(self, request: RestRequest, payload: Any, idempotent: bool | None, context: Mapping[str, Any]) -> Any:
        """Send a request and return the JSON body of the response.

        :raises AccountExists: the response means that the account already exists
        :raises WorkplaceError: the response is not a success
        """
        response = self.respond(request, payload, idempotent, context)
        body = self.http.json_of(response)
        if request.is_success(response.status_code, body):
            return body
        details = self._parse_error(ErrorResponse(response.status_code, response.headers, "", body))
        error = Invalid(
            details.message or "the response does not meet the description's condition for success",
            system=self.system,
            method=request.endpoint.method,
            url=self.http.url(request.path.fill(**context)),
            status=response.status_code,
            code=details.code,
        )
        if request.is_conflict(response.status_code, body, details.code, details.message):
            raise AccountExists(str(error))
        raise error

    def respond(
        self,
        request: RestRequest,
        payload: Any,
        idempotent: bool | None,
        context: Mapping[str, Any],
        query: Mapping[str, Any] | None = None,
    ) -> Response:
        """Send a request and return the response."""
        endpoint = request.endpoint
        return self.http.request(
            endpoint.method,
            request.path.fill(**context),
            params={**request.query.fill(**context), **(query or {})},
            json=payload,
            headers={**self._headers, **endpoint.headers},
            idempotent=idempotent,
        )

    def get(self, path: str, query: Mapping[str, Any]) -> Response:
        """Get a page by its address."""
        return self.http.request("GET", path, params=query, headers=self._headers)

    def bad_response(self, endpoint: Endpoint, problem: str) -> BadResponse:
        """Return the error for a response with unexpected content."""
        return BadResponse(problem, system=self.system, method=endpoint.method, url=self.http.url(endpoint.path))

    def _parse_error(self, answer: ErrorResponse) -> ErrorDetails:
        places = self.description.error
        return ErrorDetails(message=text_at(answer.json, places.message), code=text_at(answer.json, places.code))
