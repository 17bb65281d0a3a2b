"""Restrictions of a page that is created from another page: a user who may not read the source may not read the copy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.common.arguments import parse_mapping, parse_names, parse_optional_bool
from workplace_provider.confluence.client.model import Restrictions
from workplace_provider.confluence.client.responses import OPERATIONS
from workplace_provider.http.errors import Forbidden, NotFound

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Page
    from workplace_provider.confluence.client.protocol import ConfluenceClient

READ: Final = "read"
_DEEPEST: Final = 100


def restrictions_of(value: Any, where: str = "restrictions") -> bool | Restrictions | None:
    """Return an argument for restrictions: a truth value, ``None`` for a blank value, or users and groups by operation.

    ::

        restrictions_of({"read": {"groups": ["analysts"]}, "update": {"groups": ["analysts"], "users": ["jimin"]}})

    :param where: name of the argument, for the error message
    :raises ValueError: for another value. A mapping without users and groups is an error, too: it would leave a page open
        that was to be restricted
    """
    if isinstance(value, Restrictions):
        return value
    if not isinstance(value, Mapping) and not str(value).lstrip().startswith("{"):
        return parse_optional_bool(value, where)
    users: dict[str, tuple[str, ...]] = dict.fromkeys(OPERATIONS, ())
    groups = dict(users)
    for operation, subjects in parse_mapping(value, where).items():
        if operation not in OPERATIONS or not isinstance(subjects, Mapping) or set(subjects) - {"users", "groups"}:
            raise ValueError(
                f"{where} is {value!r}; it must have the keys {' and '.join(OPERATIONS)}, each with users, groups or both"
            )
        users[operation] = parse_names(subjects.get("users"), f"{where}: {operation}: users")
        groups[operation] = parse_names(subjects.get("groups"), f"{where}: {operation}: groups")
        if not users[operation] and not groups[operation]:
            raise ValueError(f"{where}: {operation} names no users and no groups; name some, or leave {operation} out")
    if not any(users.values()) and not any(groups.values()):
        raise ValueError(f"{where} names no users and no groups; give false for a page that everyone may see")
    return Restrictions(users, groups)


def with_group_ids(client: ConfluenceClient, named: Restrictions) -> Restrictions:
    """Return restrictions whose groups, which are given by name, are identified as the site does.

    :raises NotFound: when the account does not see a group
    """
    ids = {name: client.find_group(name) for names in named.groups.values() for name in names}
    return Restrictions(named.users, {key: tuple(ids[name] for name in names) for key, names in named.groups.items()})


def kept_restrictions(
    client: ConfluenceClient,
    source: Page,
    parent_id: str | None,
    *,
    wanted: bool | Restrictions | None,
    copies: Mapping[str, str] | None = None,
) -> Restrictions:
    """Return the restrictions that a page created from another one must have.

    :param source: the page that it is created from
    :param parent_id: its parent
    :param wanted: ``None`` keeps the restrictions of a source that not everyone may read; ``True`` keeps them in any case,
        ``False`` drops them, and restrictions with groups by name replace them
    :param copies: for pages that are copied together, id of a page to id of its copy. A restricted copy above the new page
        protects it as the restricted page does the source
    :raises Forbidden: when the source is protected by restrictions of a page above it that the new page would not inherit
    """
    if wanted is False:
        return Restrictions()
    if isinstance(wanted, Restrictions):
        return with_group_ids(client, wanted)
    own = client.restrictions(source.id)
    if parent_id != source.parent_id:
        _check_inherited(client, source, parent_id, copies or {})
    return own if wanted or is_read_restricted(own) else Restrictions()


def is_read_restricted(restrictions: Restrictions) -> bool:
    """Return whether some users who may read the space may not read the page."""
    return bool(restrictions.users.get(READ) or restrictions.groups.get(READ))


def _check_inherited(client: ConfluenceClient, source: Page, parent_id: str | None, copies: Mapping[str, str]) -> None:
    # A user may read a page only with read access to every page above it. Such lists cannot be merged into one restriction,
    # because a restriction is a union of users and this is an intersection.
    left = {page.id: page for page in _ancestors(client, source.parent_id)}
    if not left:
        return
    above = {page.id for page in _ancestors(client, parent_id)}
    for page in left.values():
        if page.id in above or not is_read_restricted(client.restrictions(page.id)):
            continue
        copy_id = copies.get(page.id, "")
        if copy_id not in above or not is_read_restricted(client.restrictions(copy_id)):
            raise Forbidden(
                f"the page {source.title!r} is restricted by {page.title!r} above it, and a copy elsewhere would not be",
                code="restricted-source",
                advice=f"put it under {page.title!r} as well, or give restrictions=False if everyone may read it",
            )


def _ancestors(client: ConfluenceClient, page_id: str | None) -> Iterator[Page]:
    for _ in range(_DEEPEST):
        if page_id is None:
            return
        try:
            page = client.get_page(page_id)
        except NotFound:  # a folder of Cloud, which has no restrictions
            return
        yield page
        page_id = page.parent_id
