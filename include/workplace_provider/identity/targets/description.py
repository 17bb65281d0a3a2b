"""A description of a REST service with accounts in YAML: its requests, their payloads, and the fields of its responses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from jinja2 import meta

from workplace_provider.common.yaml_description import closest, converted, line_of, read_yaml
from workplace_provider.identity.accounts import EMAIL, EXTERNAL_ID, USER_NAME
from workplace_provider.identity.mapping import SCIM_MAPPING, AttributeMapping
from workplace_provider.identity.privilege import is_allowed, is_secret_name, rights_in
from workplace_provider.identity.targets.templates import Condition, Payload, TemplateProblem, parse, references

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Statuses = list[int]
Values = list[Any]
_CONTEXT: Final = frozenset({"values", "secrets", "omit", "id", "value", "login"})
Size = Annotated[int, msgspec.Meta(ge=1, le=10_000)]


class DescriptionError(ValueError):
    """An invalid description; the message names the file and the key."""


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Paging(_Part, frozen=True):
    """The paging of a list.

    :param style: ``page``: by page number; ``offset``: by the number of earlier accounts; ``cursor``: by a cursor in the
        response; ``next``: by an address in the response; ``link``: by an address in the Link header (RFC 8288); ``none``:
        all accounts in one response
    :param parameter: query parameter of the page, the offset or the cursor
    :param first: the number of the first page
    :param size_parameter: query parameter of the page size; empty for none
    :param size: the page size
    :param next: path of the cursor or the address in a response, such as ``meta.next``
    :param total: path of the total number of accounts in a response; no further page is requested after that many
    :param end: the page after the last one, according to the service's documentation: ``empty``, ``missing`` (404), or
        ``repeated``: the last page again
    """

    style: Literal["none", "page", "offset", "cursor", "next", "link"] = "none"
    parameter: str = ""
    first: int = 1
    size_parameter: str = ""
    size: Size = 100
    next: str = ""
    total: str = ""
    end: Literal["empty", "missing", "repeated"] = "empty"


class Endpoint(_Part, frozen=True):
    """One request.

    :param method: the HTTP method
    :param path: path below the connection's URL; values of templates are escaped
    :param query: query parameters; their values may be templates
    :param payload: the JSON body. A text that is one expression, such as ``{{ values.active }}``, becomes the value with its
        type; ``{{ values.title | default(omit) }}`` leaves the key out if there is no title
    :param headers: further headers, besides those of the description
    :param success: statuses of a success, or an expression over ``status`` and ``body`` for services that fail with
        status 200; by default every status below 300
    :param conflict: statuses for an account that already exists, or an expression over ``status``, ``code`` and ``message``
        (and ``body`` for a status below 300)
    :param missing: statuses for an account that does not exist
    :param items: path of the accounts in the response; empty if the response is the list
    """

    method: Method
    path: str
    query: dict[str, Any] = {}
    payload: Any = msgspec.field(name="json", default=None)
    headers: dict[str, str] = {}
    success: Statuses | str | None = None
    conflict: Statuses | str = msgspec.field(default_factory=lambda: [409])
    missing: Statuses = msgspec.field(default_factory=lambda: [404, 410])
    items: str = ""


class ListEndpoint(Endpoint, frozen=True):
    """The request for the list of accounts, page by page.

    :param paging: the paging of the list
    """

    paging: Paging = Paging()


class ValueTest(_Part, frozen=True):
    """A test of an account: the value at a path must equal a value, or one of several.

    :param path: path of the value in an account
    :param equals: the value, or a list of values
    """

    path: str
    equals: Any = True


class AccountFields(_Part, frozen=True):
    """The paths of an account's fields in a response, such as ``profile.email``.

    :param id: the id, which is used in paths of requests
    :param user_name: the user name
    :param external_id: our mark; empty if the service does not store one, then the sync's state stores the link
    :param emails: addresses, the primary one first
    :param active: whether the account is enabled; without it, every account is
    :param admin: whether the account belongs to an administrator
    :param attributes: the other attributes of the mapping
    """

    id: str
    user_name: str = msgspec.field(name="userName")
    external_id: str = msgspec.field(name="externalId", default="")
    emails: list[str] = []
    active: ValueTest | None = None
    admin: ValueTest | None = None
    attributes: dict[str, str] = {}


class ErrorFields(_Part, frozen=True):
    """The paths of an error's code and message in a response.

    :param code: path of the code
    :param message: path of the message
    """

    code: str = ""
    message: str = ""


class Description(_Part, frozen=True):
    """The description of a REST service.

    :param name: its name in reports and messages
    :param account: the paths of an account's fields
    :param list: the request for all accounts; without it they are looked up one by one
    :param find: requests that find an account by an attribute, such as ``userName`` or ``id``; ``{{ value }}`` is its value
    :param create: the request that creates an account
    :param update: the request that changes attributes of an account
    :param enable: the request that enables an account
    :param disable: the request that disables an account; without it, leavers keep their accounts
    :param delete: the request that deletes an account
    :param headers: headers of every request; their values may be templates
    :param error: the paths of an error's code and message
    :param allow: for each attribute of a payload that grants rights (a role, a group, a type), the allowed values
    :param grants_admin: payloads may grant any right
    :param allow_constant_secret: payloads may contain a constant password
    """

    name: str
    account: AccountFields
    list: ListEndpoint | None = None
    find: dict[str, Endpoint] = {}
    create: Endpoint | None = None
    update: Endpoint | None = None
    enable: Endpoint | None = None
    disable: Endpoint | None = None
    delete: Endpoint | None = None
    headers: dict[str, str] = {}
    error: ErrorFields = ErrorFields()
    allow: dict[str, Values] = {}
    grants_admin: bool = False
    allow_constant_secret: bool = False

    def endpoints(self) -> Iterator[tuple[str, Endpoint]]:
        """Yield every request with its key in the file."""
        for name in ("list", "create", "update", "enable", "disable", "delete"):
            if (endpoint := getattr(self, name)) is not None:
                yield name, endpoint
        for attribute, endpoint in self.find.items():
            yield f"find.{attribute}", endpoint


def load(path: Path) -> Description:
    """Read a description from a YAML file.

    :raises DescriptionError: it is invalid; the message names file and key
    """
    return describe(read_yaml(path, DescriptionError), path.name)


def describe(plain: Any, where: str = "description") -> Description:
    """Read a description from plain data.

    :param where: name of the description in messages
    :raises DescriptionError: it is invalid
    """
    if not isinstance(plain, Mapping):
        raise DescriptionError(f"{where}: the description must be a mapping, not {type(plain).__name__}")
    description: Description = converted(plain, Description, where, DescriptionError)
    _check(description, plain, where)
    return description


def check_mapping(description: Description, mapping: AttributeMapping, where: str) -> None:
    """Refuse a mapping without an attribute that the requests use, or with another spelling of it.

    :raises DescriptionError: an attribute is missing
    """
    mapped = [declared.target for declared in mapping.maps]
    for key, endpoint in description.endpoints():
        for root in ("values", "secrets"):
            for name, needed in references(endpoint.payload, root).items():
                if name in mapped or name == EXTERNAL_ID or any(target.startswith(f"{name}.") for target in mapped):
                    continue
                hint = closest(name, mapped)
                if (needed and key == "create") or hint != ".":
                    raise DescriptionError(
                        f"{where}: {key}.json uses {root}.{name}, which the mapping does not have{hint} "
                        f"It has {', '.join(mapped)}"
                    )


def find_forbidden(description: Description, payload: Any) -> str:
    """Return the first attribute of a payload that grants rights and has a value outside the allow-list, with the value."""
    if description.grants_admin:
        return ""
    for place, value in rights_in(payload):
        allowed = description.allow.get(place, description.allow.get(place.rpartition(".")[2], []))
        if value is not None and not is_allowed(value, allowed):
            return f"{place}={value!r}"
    return ""


_COMMON: Final = (USER_NAME, EMAIL, EXTERNAL_ID, *(declared.target for declared in SCIM_MAPPING))


def _check(description: Description, plain: Any, where: str) -> None:
    if description.list is None and not description.find:
        raise DescriptionError(f"{where}: list and find are both missing, so no account can be read. Add one of them")
    if description.list is not None:
        _check_paging(description.list.paging, f"{where}{line_of(plain, 'list', 'paging')}: list.paging")
    known = tuple(dict.fromkeys((*_COMMON, *description.account.attributes)))
    for key, endpoint in description.endpoints():
        place = f"{where}{line_of(plain, *key.split('.'))}: {key}"
        _check_templates(endpoint, known, place)
        _check_payload(description, endpoint.payload, f"{place}.json")


def _check_templates(endpoint: Endpoint, known: tuple[str, ...], where: str) -> None:
    for name, payload in (("path", endpoint.path), ("query", endpoint.query), ("json", endpoint.payload)):
        try:
            Payload(payload)
        except TemplateProblem as problem:
            raise DescriptionError(f"{where}.{name}: {problem}") from None
        _check_names(payload, known, f"{where}.{name}")
    for name in ("success", "conflict"):
        if isinstance(expression := getattr(endpoint, name), str):
            try:
                Condition(expression)
            except TemplateProblem as problem:
                raise DescriptionError(f"{where}.{name}: {problem}") from None


def _check_payload(description: Description, payload: Any, where: str) -> None:
    """Refuse a payload with a constant secret or a right for all people."""
    for place, name, _ in _literals(payload, where):
        if is_secret_name(name) and not description.allow_constant_secret:
            raise DescriptionError(
                f"{place} is the same for all people: use {{{{ secrets.{name} }}}}, or set allow_constant_secret: true"
            )
    if refused := find_forbidden(description, _without_templates(payload)):
        name, _, value = refused.partition("=")
        raise DescriptionError(
            f"{where}: {name} would be {value} for all people, and it grants rights. If that is meant, add "
            f"allow: {{{name.rpartition('.')[2]}: [{value}]}}, or grants_admin: true for any value"
        )


def _check_names(payload: Any, known: tuple[str, ...], where: str) -> None:
    """Refuse ``values.username`` for ``values.userName``; other names may be those of a mapping that is not known yet."""
    for name in references(payload, "values"):
        if name in known or any(attribute.startswith(f"{name}.") for attribute in known):
            continue
        by_lower = {attribute.lower(): attribute for attribute in known}
        near = get_close_matches(name.lower(), list(by_lower), 1, 0.85)
        if near:
            raise DescriptionError(f"{where}: unknown attribute values.{name}; did you mean values.{by_lower[near[0]]}?")
    # The variables of a template, without those that it sets itself.
    used = {name for text in _texts(payload) for name in meta.find_undeclared_variables(parse(text))}
    if unknown := sorted(used - _CONTEXT):
        raise DescriptionError(
            f"{where}: unknown variable {unknown[0]!r}{closest(unknown[0], _CONTEXT)} Use {', '.join(sorted(_CONTEXT))}"
        )


def _texts(payload: Any) -> Iterator[str]:
    if isinstance(payload, Mapping | list):
        for part in payload.values() if isinstance(payload, Mapping) else payload:
            yield from _texts(part)
    elif isinstance(payload, str) and "{" in payload:
        yield payload


def _without_templates(payload: Any) -> Any:
    """Return a payload without the texts that are templates."""
    if isinstance(payload, Mapping):
        return {name: _without_templates(value) for name, value in payload.items()}
    if isinstance(payload, list):
        return [_without_templates(value) for value in payload]
    return None if isinstance(payload, str) and ("{{" in payload or "{%" in payload) else payload


def _check_paging(paging: Paging, where: str) -> None:
    needed = {"page": "parameter", "offset": "parameter", "cursor": "parameter", "next": "next"}.get(paging.style)
    if needed and not getattr(paging, needed):
        raise DescriptionError(f"{where}: {needed} is missing; the style {paging.style} needs it")
    if paging.style == "cursor" and not paging.next:
        raise DescriptionError(f"{where}: next is missing; the style cursor needs it")


def _literals(payload: Any, place: str, name: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yield place, name and value of everything in a payload that is not a template."""
    if isinstance(payload, Mapping):
        for key, value in payload.items():
            yield from _literals(value, f"{place}.{key}", f"{name}.{key}" if name else str(key))
    elif isinstance(payload, list):
        for number, value in enumerate(payload):
            yield from _literals(value, f"{place}[{number}]", name)
    elif not (isinstance(payload, str) and "{" in payload and ("{{" in payload or "{%" in payload)):
        yield place, name, payload
