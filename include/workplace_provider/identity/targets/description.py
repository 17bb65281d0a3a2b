"""How a REST service keeps its accounts, described in YAML: which requests, what is in them, and what the answers mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from workplace_provider.common.yaml_description import converted, read_yaml
from workplace_provider.identity.privilege import grants_admin, is_secret_name
from workplace_provider.identity.targets.templates import Payload, TemplateProblem

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Statuses = list[int]
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
    :param total: where an answer tells how many there are in all
    """

    style: Literal["none", "page", "offset", "cursor", "next", "link"] = "none"
    parameter: str = ""
    first: int = 1
    size_parameter: str = ""
    size: Size = 100
    next: str = ""
    total: str = ""


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


class Truth(_Part, frozen=True):
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
    active: Truth | None = None
    admin: Truth | None = None
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
    :param grants_admin: payloads may make administrators
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
    _check(description, where)
    return description


def _check(description: Description, where: str) -> None:
    if description.list is None and not description.find:
        raise DescriptionError(f"{where}: list and find are both missing, so no account could be read")
    if description.list is not None:
        _check_paging(description.list.paging, f"{where}: list.paging")
    for key, endpoint in description.endpoints():
        for name, payload in (("path", endpoint.path), ("query", endpoint.query), ("json", endpoint.payload)):
            try:
                Payload(payload)
            except TemplateProblem as problem:
                raise DescriptionError(f"{where}: {key}.{name}: {problem}") from None
        for place, name, value in _literals(endpoint.payload, f"{where}: {key}.json"):
            if is_secret_name(name) and not description.allow_constant_secret:
                raise DescriptionError(
                    f"{place} is the same for everybody: take {{{{ secrets.{name} }}}}, or say allow_constant_secret: true"
                )
            if grants_admin(name, value) and not description.grants_admin:
                raise DescriptionError(f"{place} would make everybody {value!r}: if that is meant, say grants_admin: true")


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
