"""Any REST service as a system of accounts, by a description of its requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urljoin, urlsplit

from workplace_provider.common.arguments import parse_bool
from workplace_provider.http.client import ErrorDetails, ErrorResponse, HttpClient, HttpSettings
from workplace_provider.http.errors import BadResponse, Invalid, NotFound, WorkplaceError
from workplace_provider.identity import (
    Account,
    AccountExists,
    AccountMissing,
    Capabilities,
    Lookup,
    LookupKey,
    TargetError,
)
from workplace_provider.identity.accounts import EMAIL, EXTERNAL_ID, ID, USER_NAME
from workplace_provider.identity.matching import matches_key
from workplace_provider.identity.targets.description import forbidden
from workplace_provider.identity.targets.failures import translate_error
from workplace_provider.identity.targets.templates import PathTemplate, Payload, TemplateProblem, condition

if TYPE_CHECKING:
    from requests import Response
    from requests.auth import AuthBase

    from workplace_provider.identity.targets.description import Description, Endpoint, Listing, ValueTest

MOST_PAGES: Final = 100_000
_NOT_ALLOWED: Final = (
    "grants rights, and is not in the description's allow-list (allow, or grants_admin: true for any value)"
)


class _AnySecret(dict[str, str]):
    """Stands for the secrets when a request is only tried out."""

    def __missing__(self, name: str) -> str:
        return "secret"


class RestTarget:
    """The accounts of a REST service.

    :param description: its requests
    :param base_url: what the paths of the description are below
    :param auth: puts the credential on a request
    :param login: what ``{{ login }}`` is in the headers of the description
    :param headers: beside those of the description
    :param settings: time-outs, TLS and limits
    """

    def __init__(
        self,
        description: Description,
        base_url: str,
        *,
        auth: AuthBase | None = None,
        login: str = "",
        headers: Mapping[str, str] | None = None,
        settings: HttpSettings | None = None,
    ) -> None:
        self._described = description
        described = {name: Payload(text).fill(login=login) for name, text in description.headers.items()}
        self._headers = {**(headers or {}), **described}
        self._http = HttpClient(
            base_url,
            system=description.name,
            auth=auth,
            settings=settings,
            parse_error=self._parse_error,
            secret_headers=self._headers,
        )
        self._requests = {key: _Request(endpoint) for key, endpoint in description.endpoints()}

    @property
    def name(self) -> str:
        """The service's name."""
        return self._described.name

    @property
    def capabilities(self) -> Capabilities:
        """What the description has requests for."""
        described = self._described
        return Capabilities(
            external_id=bool(described.account.external_id),
            lookup=ID in described.find,
            listing=described.list is not None,
            create=described.create is not None,
            update=described.update is not None,
            enable=described.enable is not None,
            disable=described.disable is not None,
            delete=described.delete is not None,
            findable=frozenset(described.find),
            readable=self._readable,
            check=self._check_values,
        )

    @property
    def _readable(self) -> frozenset[str]:
        fields = self._described.account
        emails = (EMAIL,) if fields.emails else ()
        mark = (EXTERNAL_ID,) if fields.external_id else ()
        return frozenset((USER_NAME, *emails, *mark, *fields.attributes))

    def _check_values(self, key: str, values: Mapping[str, Any]) -> str:
        """Say what speaks against values before they are written: rights that are not allowed, or a request without them."""
        request = self._requests.get(key)
        if request is None:
            return ""
        try:
            payload = request.payload.fill(values=nested(values), secrets=_AnySecret(), id="id")
        except TemplateProblem as problem:
            return f"{self.name}: {key}: {problem}"
        refused = forbidden(self._described, payload)
        return f"{self.name}: {key}: {refused} {_NOT_ALLOWED}" if refused else ""

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def read(self, lookups: Sequence[Lookup] | None = None) -> Iterable[Account]:
        """The accounts that are looked up, or all."""
        if lookups is None:
            return self._list()
        everybody: list[Account] | None = None
        found: dict[str, Account] = {}
        for lookup in lookups:
            for key in lookup:
                if key.attribute in self._described.find:
                    hits = self._find(key)
                elif self._described.list is not None:
                    everybody = list(self._list()) if everybody is None else everybody
                    hits = [account for account in everybody if matches_key(account, key)]
                else:
                    hits = []
                found |= {account.id: account for account in hits}
                if hits:
                    break
        return list(found.values())

    def create(self, values: Mapping[str, Any], secrets: Mapping[str, str]) -> Account:
        """Create an account."""
        body = self._carry_out("create", secrets=secrets, values=nested(values))
        items = self._items(self._requests["create"].endpoint, body)
        if len(items) == 1 and _at(items[0], self._described.account.id) is not None:
            return self._account(items[0])
        # The answer need not tell; the account then does.
        for attribute in (EXTERNAL_ID, "userName", EMAIL):
            if attribute in values:
                hits = list(self.read([(LookupKey(attribute, str(values[attribute])),)]))
                if len(hits) == 1:
                    return hits[0]
        raise TargetError(f"{self.name} created an account and does not tell which", outcome_unknown=True)

    def update(self, account_id: str, values: Mapping[str, Any], version: str = "") -> None:
        """Set attributes of an account; ``values`` of the payload are those that change."""
        self._changed("update", account_id, values)

    def set_active(self, account_id: str, active: bool, version: str = "") -> None:
        """Enable or disable an account."""
        self._changed("enable" if active else "disable", account_id, {})

    def delete(self, account_id: str, version: str = "") -> None:
        """Delete an account."""
        self._changed("delete", account_id, {})

    # --- writing

    def _changed(self, key: str, account_id: str, values: Mapping[str, Any]) -> None:
        self._carry_out(key, id=account_id, values=nested(values))

    def _carry_out(self, key: str, *, secrets: Mapping[str, str] | None = None, **context: Any) -> Any:
        secrets = secrets or {}
        creating = key == "create"
        request = self._requests.get(key)
        if request is None:
            raise TargetError(f"{self.name} has no request for {key}")
        try:
            payload = request.payload.fill(**context, secrets=secrets)
            if refused := forbidden(self._described, payload):
                raise TargetError(f"{self.name}: {key}: {refused} {_NOT_ALLOWED}")
            # What shall be is said, not what shall be changed, so a repeated request changes nothing more.
            body = self._send(request, payload, None if creating else True, context)
        except TemplateProblem as problem:
            raise TargetError(f"{self.name}: {key}: {problem}") from None
        except WorkplaceError as error:
            failure = translate_error(error, creating=creating, secrets=secrets.values())
            if error.status is not None and request.is_conflict(error.status, None, error.code, error.message):
                raise AccountExists(str(failure)) from None
            if error.status in request.endpoint.missing and not creating:
                raise AccountMissing(str(failure)) from None
            if type(failure) is not TargetError:
                raise TargetError(str(failure), invalid=failure.invalid) from None
            raise failure from None
        return body

    def _send(self, request: _Request, payload: Any, idempotent: bool | None, context: Mapping[str, Any]) -> Any:
        response = self._response(request, payload, idempotent, context)
        body = self._http.json_of(response)
        if request.is_success(response.status_code, body):
            return body
        said = self._parse_error(ErrorResponse(response.status_code, response.headers, "", body))
        error = Invalid(
            said.message or "the answer is no success",
            system=self.name,
            method=request.endpoint.method,
            url=self._http.url(request.path.fill(**context)),
            status=response.status_code,
            code=said.code,
        )
        if request.is_conflict(response.status_code, body, said.code, said.message):
            raise AccountExists(str(error))
        raise error

    def _response(
        self,
        request: _Request,
        payload: Any,
        idempotent: bool | None,
        context: Mapping[str, Any],
        query: Mapping[str, Any] | None = None,
    ) -> Response:
        endpoint = request.endpoint
        return self._http.request(
            endpoint.method,
            request.path.fill(**context),
            params={**request.query.fill(**context), **(query or {})},
            json=payload,
            headers={**self._headers, **endpoint.headers},
            idempotent=idempotent,
        )

    # --- reading

    def _find(self, key: LookupKey) -> list[Account]:
        request = self._requests[f"find.{key.attribute}"]
        try:
            body = self._send(request, request.payload.fill(value=key.value), True, {"value": key.value})
        except WorkplaceError as error:
            if error.status in request.endpoint.missing:
                return []
            raise
        items = self._items(request.endpoint, body)
        accounts = [self._account(item) for item in items if _at(item, self._described.account.id) is not None]
        # Some services find whatever contains the value.
        return [account for account in accounts if matches_key(account, key)]

    def _list(self) -> Iterator[Account]:
        listing = self._described.list
        if listing is None:
            raise Invalid(
                "the description has no list",
                system=self.name,
                advice="accounts can only be looked up; plan with workplace_provider.identity.lookups",
            )
        seen: set[str] = set()
        total: int | None = None
        for body in self._pages(listing):
            fresh = 0
            total = int(said) if listing.paging.total and (said := _at(body, listing.paging.total)) is not None else total
            items = self._items(listing, body)
            for item in items:
                account = self._account(item)
                if account.id not in seen:
                    seen.add(account.id)
                    fresh += 1
                    yield account
            if items and not fresh and listing.paging.style != "none":
                if listing.paging.end == "repeated":
                    break
                raise self._bad(
                    listing,
                    "a page has the same accounts as those before; look at list.paging (end: repeated, when the service "
                    "gives the last page again)",
                )
            if total is not None and len(seen) >= total:
                break
        if total is not None and len(seen) < total:
            raise self._bad(listing, f"the list has {len(seen)} accounts, and the service says there are {total}")

    def _pages(self, listing: Listing) -> Iterator[Any]:
        paging = listing.paging
        request = self._requests["list"]
        query: dict[str, Any] = {paging.size_parameter: paging.size} if paging.size_parameter else {}
        path = ""
        position: Any = {"page": paging.first, "offset": 0}.get(paging.style)
        for number in range(MOST_PAGES):
            if position is not None:
                query[paging.parameter] = position
            try:
                if path:
                    response = self._http.request("GET", path, params=query, headers=self._headers)
                else:
                    response = self._response(request, request.payload.fill(), True, {}, query)
            except NotFound:
                if number and paging.end == "missing":
                    return
                raise
            body = self._http.json_of(response)
            yield body
            count = len(self._items(listing, body))
            if paging.style in ("page", "offset"):
                # A page may be shorter than what was asked for; only an empty one is surely the last.
                if not count:
                    return
                position += 1 if paging.style == "page" else count
            elif paging.style == "cursor":
                position = _at(body, paging.next)
                if position in (None, "", False):
                    return
            elif paging.style in ("next", "link"):
                address = _at(body, paging.next) if paging.style == "next" else _next_link(response)
                if not address:
                    return
                path, query = self._below(str(address), response.url)
            else:
                return
        raise self._bad(listing, f"the list does not end after {MOST_PAGES} pages")

    def _below(self, address: str, current: str) -> tuple[str, dict[str, Any]]:
        """Path and query of the next page; another host must not get our credential."""
        whole = urljoin(current, address)
        parts = urlsplit(whole)
        if not whole.startswith(f"{self._http.base_url}/"):
            raise BadResponse(
                f"the next page is at {parts.netloc}{parts.path}, which is not below {self._http.base_url}",
                system=self.name,
                retryable=False,
            )
        path = whole.removeprefix(self._http.base_url).partition("?")[0]
        query: dict[str, Any] = {}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            query.setdefault(name, []).append(value)
        return path, query

    def _items(self, endpoint: Endpoint, body: Any) -> list[Any]:
        found = _at(body, endpoint.items) if endpoint.items else body
        if found is None:
            if endpoint is self._described.list:
                # Nothing there is not the same as no accounts: everybody would be created anew.
                has = ", ".join(sorted(body)) if isinstance(body, dict) else type(body).__name__
                raise self._bad(endpoint, f"the answer has nothing at {endpoint.items or 'all'}; it has {has}")
            return []
        return found if isinstance(found, list) else [found]

    def _account(self, item: Any) -> Account:
        fields = self._described.account
        account_id = _at(item, fields.id)
        if account_id is None:
            raise BadResponse(
                f"an account has nothing at {fields.id}", system=self.name, advice="look at account.id of the description"
            )
        kept = {name: value for name, path in fields.attributes.items() if (value := _at(item, path)) not in (None, "")}
        emails = [each for path in fields.emails for each in _texts(_at(item, path))]
        return Account(
            id=str(account_id),
            external_id=_text(item, fields.external_id),
            user_name=_text(item, fields.user_name),
            emails=tuple(emails),
            active=True if fields.active is None else _holds(fields.active, item),
            attributes=kept,
            admin=None if fields.admin is None else _holds(fields.admin, item),
        )

    def _parse_error(self, answer: ErrorResponse) -> ErrorDetails:
        said = self._described.error
        return ErrorDetails(message=_text(answer.json, said.message), code=_text(answer.json, said.code))

    def _bad(self, endpoint: Endpoint, problem: str) -> BadResponse:
        return BadResponse(problem, system=self.name, method=endpoint.method, url=self._http.url(endpoint.path))


class _Request:
    """An endpoint with its templates made ready."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.path = PathTemplate(endpoint.path)
        self.query = Payload(endpoint.query)
        self.payload = Payload(endpoint.payload)
        self._success: Callable[..., bool] | None = None
        self._conflict: Callable[..., bool] | None = None
        if isinstance(endpoint.success, str):
            self._success = condition(endpoint.success)
        if isinstance(endpoint.conflict, str):
            self._conflict = condition(endpoint.conflict)

    def is_success(self, status: int, body: Any) -> bool:
        """Whether an answer below 300 is what it seems."""
        if self._success is not None:
            return self._success(status=status, body=body)
        return self.endpoint.success is None or status in self.endpoint.success

    def is_conflict(self, status: int, body: Any, code: str, message: str) -> bool:
        """Whether an answer says that there is such an account."""
        if self._conflict is not None:
            return self._conflict(status=status, body=body, code=code, message=message)
        return status in self.endpoint.conflict


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes as templates use them: ``name.givenName`` is the ``givenName`` of ``name``."""
    tree: dict[str, Any] = {}
    for name, value in values.items():
        *parents, last = name.split(".")
        into = tree
        for parent in parents:
            into = into.setdefault(parent, {})
        into[last] = value
    return tree


def _at(item: Any, path: str) -> Any:
    value = item
    for step in path.split(".") if path else ():
        if isinstance(value, list):
            value = value[int(step)] if step.isascii() and step.isdigit() and int(step) < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def _text(item: Any, path: str) -> str:
    value = _at(item, path) if path else None
    return "" if value is None or isinstance(value, dict | list) else str(value)


def _texts(value: Any) -> list[str]:
    return [str(each) for each in (value if isinstance(value, list) else [value]) if each]


def _holds(test: ValueTest, item: Any) -> bool:
    value = _at(item, test.path)
    if isinstance(test.equals, bool):
        return parse_bool(False if value is None else value, test.path) == test.equals
    return value in test.equals if isinstance(test.equals, list) else bool(value == test.equals)


def _next_link(response: Response) -> str:
    return str(response.links.get("next", {}).get("url", ""))
