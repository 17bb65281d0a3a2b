"""A REST service as a system of accounts, by a description of its requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.http.errors import WorkplaceError
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
from workplace_provider.identity.targets.description import find_forbidden
from workplace_provider.identity.targets.failures import translate_error
from workplace_provider.identity.targets.json_paths import nest
from workplace_provider.identity.targets.rest_accounts import AccountParser
from workplace_provider.identity.targets.rest_client import RestClient, RestRequest
from workplace_provider.identity.targets.rest_listing import AccountListing
from workplace_provider.identity.targets.templates import TemplateProblem

if TYPE_CHECKING:
    from requests.auth import AuthBase

    from workplace_provider.http.client import HttpSettings
    from workplace_provider.identity.targets.description import Description

_NOT_ALLOWED: Final = "grants rights, and is not in the description's allow-list. Add it to allow, or set grants_admin: true"


class _AnySecret(dict[str, str]):
    """Placeholders for secrets when a payload is only checked."""

    def __missing__(self, name: str) -> str:
        return "secret"


class RestTarget:
    """The accounts of a REST service.

        ::

        service = load(Path("services/member_service.yaml"))
        target = RestTarget(service, "https://members.example.com/api", auth=Bearer(token))
        accounts = list(target.read())

    :param description: the requests of the service
    :param base_url: prefix of the description's paths
    :param auth: adds the credential to a request
    :param login: value of ``{{ login }}`` in the headers of the description
    :param headers: further headers
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
        self._description = description
        self._client = RestClient(description, base_url, auth=auth, login=login, headers=headers or {}, settings=settings)
        self._parser = AccountParser(self._client)

    @property
    def name(self) -> str:
        """The service's name."""
        return self._description.name

    @property
    def capabilities(self) -> Capabilities:
        """The operations that the description has requests for."""
        description = self._description
        return Capabilities(
            external_id=bool(description.account.external_id),
            lookup=ID in description.find,
            listing=description.list is not None,
            create=description.create is not None,
            update=description.update is not None,
            enable=description.enable is not None,
            disable=description.disable is not None,
            delete=description.delete is not None,
            findable=frozenset(description.find),
            readable=self._readable,
            check=self._check_values,
        )

    @property
    def _readable(self) -> frozenset[str]:
        fields = self._description.account
        emails = (EMAIL,) if fields.emails else ()
        mark = (EXTERNAL_ID,) if fields.external_id else ()
        return frozenset((USER_NAME, *emails, *mark, *fields.attributes))

    def _check_values(self, key: str, values: Mapping[str, Any]) -> str:
        """Return why values cannot be written: rights that are not allowed, or a missing value of the request."""
        request = self._client.requests.get(key)
        if request is None:
            return ""
        try:
            payload = request.payload.fill(values=nest(values), secrets=_AnySecret(), id="id")
        except TemplateProblem as problem:
            return f"{self.name}: {key}: {problem}"
        refused = find_forbidden(self._description, payload)
        return f"{self.name}: {key}: {refused} {_NOT_ALLOWED}" if refused else ""

    def close(self) -> None:
        """Close the connections."""
        self._client.http.close()

    # --- reading

    def read(self, lookups: Sequence[Lookup] | None = None) -> Iterable[Account]:
        """Return the accounts that the look-ups find; all accounts for ``None``."""
        if lookups is None:
            return self._list()
        found: dict[str, Account] = {}
        everyone = _AllAccounts(self)
        for lookup in lookups:
            for key in lookup:
                accounts = self._find(key, everyone)
                found |= {account.id: account for account in accounts}
                if accounts:
                    break
        return list(found.values())

    def _list(self) -> Iterator[Account]:
        return AccountListing(self._client, self._parser).accounts()

    def _find(self, key: LookupKey, everyone: _AllAccounts) -> list[Account]:
        """Return the accounts that a key finds, with a request or in the list of all accounts."""
        if key.attribute not in self._description.find:
            candidates = everyone.accounts() if self._description.list is not None else []
        else:
            request = self._client.requests[f"find.{key.attribute}"]
            try:
                body = self._client.send(request, request.payload.fill(value=key.value), True, {"value": key.value})
            except WorkplaceError as error:
                if error.status in request.endpoint.missing:
                    return []
                raise
            items = self._parser.items(request.endpoint, body)
            candidates = [self._parser.parse(item) for item in items if self._parser.has_id(item)]
        # Some services find every account that contains the value.
        return [account for account in candidates if matches_key(account, key)]

    # --- writing

    def create(self, values: Mapping[str, Any], secrets: Mapping[str, str]) -> Account:
        """Create an account."""
        body = self._send("create", secrets=secrets, values=nest(values))
        items = self._parser.items(self._client.requests["create"].endpoint, body)
        if len(items) == 1 and self._parser.has_id(items[0]):
            return self._parser.parse(items[0])
        # The response does not have to contain the account, so it is looked up.
        for attribute in (EXTERNAL_ID, USER_NAME, EMAIL):
            if attribute in values:
                accounts = list(self.read([(LookupKey(attribute, str(values[attribute])),)]))
                if len(accounts) == 1:
                    return accounts[0]
        raise TargetError(
            f"{self.name} created an account, but its response does not contain it and it cannot be found",
            outcome_unknown=True,
        )

    def update(self, account_id: str, values: Mapping[str, Any], version: str = "") -> None:
        """Set attributes of an account; ``values`` in the payload are those that change."""
        self._send("update", id=account_id, values=nest(values))

    def set_active(self, account_id: str, active: bool, version: str = "") -> None:
        """Enable or disable an account."""
        self._send("enable" if active else "disable", id=account_id, values={})

    def delete(self, account_id: str, version: str = "") -> None:
        """Delete an account."""
        self._send("delete", id=account_id, values={})

    def _send(self, key: str, *, secrets: Mapping[str, str] | None = None, **context: Any) -> Any:
        """Send a write, and return the JSON body of the response.

        :raises TargetError: the write failed
        """
        secrets = secrets or {}
        creating = key == "create"
        request = self._client.requests.get(key)
        if request is None:
            raise TargetError(f"{self.name}: the description has no request {key}. Add it to the description")
        try:
            payload = request.payload.fill(**context, secrets=secrets)
            if refused := find_forbidden(self._description, payload):
                raise TargetError(f"{self.name}: {key}: {refused} {_NOT_ALLOWED}")
            # Changes are idempotent, because the payload has the target state and not a difference.
            return self._client.send(request, payload, None if creating else True, context)
        except TemplateProblem as problem:
            raise TargetError(f"{self.name}: {key}: {problem}") from None
        except WorkplaceError as error:
            raise self._translate(error, request, creating=creating, secrets=secrets.values()) from None

    def _translate(
        self, error: WorkplaceError, request: RestRequest, *, creating: bool, secrets: Iterable[str]
    ) -> TargetError:
        """Return the error for a failed write; the description decides about conflicts and missing accounts."""
        failure = translate_error(error, creating=creating, secrets=secrets)
        if error.status is not None and request.is_conflict(error.status, None, error.code, error.message):
            return AccountExists(str(failure))
        if error.status in request.endpoint.missing and not creating:
            return AccountMissing(str(failure))
        if type(failure) is not TargetError:
            return TargetError(str(failure), invalid=failure.invalid)
        return failure


class _AllAccounts:
    """The list of all accounts, read on first use."""

    def __init__(self, target: RestTarget) -> None:
        self._target = target
        self._accounts: list[Account] | None = None

    def accounts(self) -> list[Account]:
        if self._accounts is None:
            self._accounts = list(self._target.read())
        return self._accounts
