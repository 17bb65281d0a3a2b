"""How a REST service keeps its accounts, described in YAML: which requests, what is in them, and what the answers mean."""

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
from workplace_provider.identity.targets.templates import Payload, TemplateProblem, condition, parse, references

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Statuses = list[int]
Values = list[Any]
_CONTEXT: Final = frozenset({"values", "secrets", "omit", "id", "value", "login"})
Size = Annotated[int, msgspec.Meta(ge=1, le=10_000)]


class DescriptionError(ValueError):
    """A description that cannot be used; the message names the file and the key."""


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Paging(_Part, frozen=True):
    """How the service gives a long list.

    :param style: ``page``: by the number of the page; ``offset``: by how many come before; ``cursor``: by a mark in the
        answer before; ``next``: by an address in the answer before; ``link``: by one in its Link header (RFC 8288);
        ``none``: all at once
    :param parameter: query parameter of the page, the offset or the cursor
    :param first: the number of the first page
    :param size_parameter: query parameter of how many are wanted; empty for none
    :param size: how many are wanted
    :param next: where the mark or the address for the next page is in an answer, such as ``meta.next``
    :param total: where an answer tells how many there are in all; when so many were read, no further page is asked for
    :param end: what the page behind the last is, as the service documents it: ``empty``, ``missing`` (404), or ``repeated``:
        the last page again
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

    :param path: below the connection's address; what a template puts into it is escaped
    :param query: query parameters; their values may be templates
    :param payload: the JSON body. A text that is one expression, such as ``{{ values.active }}``, becomes the value itself,
        with its type; ``{{ values.title | default(omit) }}`` leaves the key out where there is no title
    :param headers: beside those of the description
    :param success: the statuses that mean success, or an expression over ``status`` and ``body`` for services that fail with
        status 200; every status below 300 by default
    :param conflict: the statuses that mean that there is such an account, or an expression over ``status``, ``code`` and
        ``message`` (and ``body`` where the status is a success)
    :param missing: the statuses that mean that there is no such account
    :param items: where the accounts are in the answer; empty for the answer itself
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


class Listing(Endpoint, frozen=True):
    """The request for all accounts, page by page."""

    paging: Paging = Paging()


class ValueTest(_Part, frozen=True):
    """A truth about an account: whether what is at a place equals a value, or one of several."""

    path: str
    equals: Any = True


class Fields(_Part, frozen=True):
    """Where things are in an account as the service sends it, such as ``profile.email``.

    :param id: its id, which goes into paths
    :param external_id: our mark; empty when the service keeps none, and the state of the sync keeps the link instead
    :param emails: addresses, the primary one first
    :param active: whether it is enabled; every account is when this is left out
    :param admin: whether it is an administrator's
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
    """Where an error's code and message are in the body of a refusal."""

    code: str = ""
    message: str = ""


class Description(_Part, frozen=True):
    """A REST service.

    :param name: its name in reports and messages
    :param account: where things are in an account
    :param list: all accounts; without it they are looked up one by one
    :param find: how an account is found by an attribute, such as ``userName`` or ``id``; ``{{ value }}`` is what it has
    :param allow: for each attribute of a payload that grants rights (a role, a group, a type), the values that it may have
    :param grants_admin: payloads may grant any rights
    :param allow_constant_secret: payloads may hold a password
    """

    name: str
    account: Fields
    list: Listing | None = None
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
        """Every request with the key that it has in the file."""
        for name in ("list", "create", "update", "enable", "disable", "delete"):
            if (endpoint := getattr(self, name)) is not None:
                yield name, endpoint
        for attribute, endpoint in self.find.items():
            yield f"find.{attribute}", endpoint


def load(path: Path) -> Description:
    """Read a description from a YAML file.

    :raises DescriptionError: it cannot be used; the message names file and key
    """
    return describe(read_yaml(path, DescriptionError), path.name)


def describe(plain: Any, where: str = "description") -> Description:
    """Read a description from plain data.

    :param where: what it is called in messages
    :raises DescriptionError: it cannot be used
    """
    if not isinstance(plain, Mapping):
        raise DescriptionError(f"{where}: a description is a mapping, not {type(plain).__name__}")
    description: Description = converted(plain, Description, where, DescriptionError)
    _check(description, plain, where)
    return description


def check_mapping(description: Description, mapping: AttributeMapping, where: str) -> None:
    """Refuse a mapping that lacks what the requests name, or has it under a name that is spelt differently.

    :raises DescriptionError: it does not fit
    """
    mapped = [each.target for each in mapping.maps]
    for key, endpoint in description.endpoints():
        for root in ("values", "secrets"):
            for name, needed in references(endpoint.payload, root).items():
                if name in mapped or name == EXTERNAL_ID or any(each.startswith(f"{name}.") for each in mapped):
                    continue
                hint = closest(name, mapped)
                if (needed and key == "create") or hint != ".":
                    raise DescriptionError(
                        f"{where}: {key}.json uses {root}.{name}, which the mapping lacks{hint} It has {', '.join(mapped)}"
                    )


def forbidden(description: Description, payload: Any) -> str:
    """Return the first attribute of a payload that grants rights and is not in the allow-list, with its value."""
    if description.grants_admin:
        return ""
    for place, value in rights_in(payload):
        allowed = description.allow.get(place, description.allow.get(place.rpartition(".")[2], []))
        if value is not None and not is_allowed(value, allowed):
            return f"{place}={value!r}"
    return ""


_COMMON: Final = (USER_NAME, EMAIL, EXTERNAL_ID, *(each.target for each in SCIM_MAPPING))


def _check(description: Description, plain: Any, where: str) -> None:
    if description.list is None and not description.find:
        raise DescriptionError(f"{where}: list and find are both missing, so no account could be read")
    if description.list is not None:
        _check_paging(description.list.paging, f"{where}{line_of(plain, 'list', 'paging')}: list.paging")
    known = tuple(dict.fromkeys((*_COMMON, *description.account.attributes)))
    for key, endpoint in description.endpoints():
        line = line_of(plain, *key.split("."))
        for name, payload in (("path", endpoint.path), ("query", endpoint.query), ("json", endpoint.payload)):
            try:
                Payload(payload)
            except TemplateProblem as problem:
                raise DescriptionError(f"{where}{line}: {key}.{name}: {problem}") from None
            _check_names(payload, known, f"{where}{line}: {key}.{name}")
        for name in ("success", "conflict"):
            if isinstance(expression := getattr(endpoint, name), str):
                try:
                    condition(expression)
                except TemplateProblem as problem:
                    raise DescriptionError(f"{where}{line}: {key}.{name}: {problem}") from None
        for place, name, _ in _literals(endpoint.payload, f"{where}{line}: {key}.json"):
            if is_secret_name(name) and not description.allow_constant_secret:
                raise DescriptionError(
                    f"{place} is the same for everybody: take {{{{ secrets.{name} }}}}, or say allow_constant_secret: true"
                )
        if refused := forbidden(description, _without_templates(endpoint.payload)):
            name, _, value = refused.partition("=")
            raise DescriptionError(
                f"{where}{line}: {key}.json: {name} would make everybody {value}, and it grants rights. If that is meant, "
                f"write allow: {{{name.rpartition('.')[2]}: [{value}]}}, or grants_admin: true for any value"
            )


def _check_names(payload: Any, known: tuple[str, ...], where: str) -> None:
    """Refuse ``values.username`` for ``values.userName``; other names may be those of a mapping that is not known here."""
    for name in references(payload, "values"):
        if name in known or any(each.startswith(f"{name}.") for each in known):
            continue
        small = {each.lower(): each for each in known}
        near = get_close_matches(name.lower(), list(small), 1, 0.85)
        if near:
            raise DescriptionError(f"{where}: there is no values.{name}; did you mean values.{small[near[0]]}?")
    # What a template may use, beside what it sets itself.
    used = {each for text in _texts(payload) for each in meta.find_undeclared_variables(parse(text))}
    if unknown := sorted(used - _CONTEXT):
        raise DescriptionError(
            f"{where}: there is no {unknown[0]!r}{closest(unknown[0], _CONTEXT)} There are {', '.join(sorted(_CONTEXT))}"
        )


def _texts(payload: Any) -> Iterator[str]:
    if isinstance(payload, Mapping | list):
        for part in payload.values() if isinstance(payload, Mapping) else payload:
            yield from _texts(part)
    elif isinstance(payload, str) and "{" in payload:
        yield payload


def _without_templates(payload: Any) -> Any:
    """Return a payload without the texts that a template fills in later."""
    if isinstance(payload, Mapping):
        return {name: _without_templates(value) for name, value in payload.items()}
    if isinstance(payload, list):
        return [_without_templates(value) for value in payload]
    return None if isinstance(payload, str) and ("{{" in payload or "{%" in payload) else payload


def _check_paging(paging: Paging, where: str) -> None:
    needed = {"page": "parameter", "offset": "parameter", "cursor": "parameter", "next": "next"}.get(paging.style)
    if needed and not getattr(paging, needed):
        raise DescriptionError(f"{where}: the style {paging.style} needs {needed}")
    if paging.style == "cursor" and not paging.next:
        raise DescriptionError(f"{where}: the style cursor needs next")


def _literals(payload: Any, place: str, name: str = "") -> Iterator[tuple[str, str, Any]]:
    """Place, name and value of everything in a payload that is no template."""
    if isinstance(payload, Mapping):
        for key, value in payload.items():
            yield from _literals(value, f"{place}.{key}", f"{name}.{key}" if name else str(key))
    elif isinstance(payload, list):
        for number, value in enumerate(payload):
            yield from _literals(value, f"{place}[{number}]", name)
    elif not (isinstance(payload, str) and "{" in payload and ("{{" in payload or "{%" in payload)):
        yield place, name, payload
