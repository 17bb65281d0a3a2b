"""The groups of a SCIM 2.0 service.

Sources: RFC 7643, section 4.2 (groups), RFC 7644, section 3.5.2 (changes of members). Services understand different forms:
Microsoft Entra removes members with a list of values, which the RFC does not have (MicrosoftDocs/azure-docs#30826); AWS IAM
Identity Center returns no members, and accepts 100 changes in a request.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, Literal

from workplace_provider.http.attempts import attempts
from workplace_provider.http.errors import Conflict
from workplace_provider.identity.accounts import EXTERNAL_ID, AccountMissing
from workplace_provider.identity.groups import Group
from workplace_provider.identity.targets.failures import translate_errors
from workplace_provider.identity.targets.scim_client import GROUP
from workplace_provider.identity.targets.scim_resources import quoted, version_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from workplace_provider.identity.targets.scim_resources import Resource, ScimResources

BATCH: Final = 100
"""Members in one request; AWS IAM Identity Center accepts no more."""
CHANGES: Final = 3
"""Attempts for a change of a group that others change at the same time."""
READERS: Final = 8
_MEMBERS: Final = "members"


class ScimGroups:
    """The groups of a service.

        groups = target.groups
        (analysts,) = groups.find(["Analysts"])
        groups.change_members(analysts.id, add=[account.id])

    :param resources: the requests for ``/Groups``
    :param patch_style: ``rfc``, ``entra`` or ``put``; see :class:`ScimTarget`
    :param members: ``list``: the service returns the members of a group; ``filter``: it is asked for one member at a time
    :param read: ``list`` reads all groups, without members; ``lookup`` asks for each name
    :param page_size: groups per request
    :param has_versions: returns whether the service has versions, for which a change must name the one that was read
    """

    batch = BATCH

    def __init__(
        self,
        resources: ScimResources,
        *,
        patch_style: str,
        members: Literal["list", "filter"],
        read: str,
        page_size: int,
        has_versions: Callable[[], bool],
    ) -> None:
        self._resources = resources
        self._patch_style = patch_style
        self._read = read
        self._page_size = page_size
        self._has_versions = has_versions
        self.lists_members = members == "list"

    def find(self, names: Collection[str]) -> list[Group]:
        """Return the groups that may have these names, without members."""
        with translate_errors():
            if self._read == "list":
                return [_group(found) for found in self._resources.all(page_size=self._page_size, without=_MEMBERS)]
            found: dict[str, Resource] = {}
            for name in names:
                # A display name with quotes is escaped, and a service that ignores the filter returns other groups as well.
                found |= {str(group["id"]): group for group in self._resources.find("displayName", name, without=_MEMBERS)}
            return [_group(group) for group in found.values()]

    def get(self, group_id: str, candidates: Collection[str]) -> Group | None:
        """Return a group with its members; with ``members="filter"``, with those candidates that are members."""
        with translate_errors():
            found = self._resources.get(group_id, without="" if self.lists_members else _MEMBERS)
            if found is None:
                return None
            if self.lists_members:
                return _group(found, _account_ids(found))
            with ThreadPoolExecutor(READERS) as pool:
                asked = pool.map(lambda account_id: self._has_member(group_id, account_id), candidates)
                members = frozenset(account_id for account_id, is_in in zip(candidates, asked, strict=True) if is_in)
            return _group(found, members)

    def _has_member(self, group_id: str, account_id: str) -> bool:
        found = self._resources.matching(f"id eq {quoted(group_id)} and members eq {quoted(account_id)}", without=_MEMBERS)
        return any(str(group["id"]) == group_id for group in found)

    def create(self, name: str, external_id: str) -> Group:
        """Create a group without members."""
        body = {"schemas": [GROUP], "displayName": name, EXTERNAL_ID: external_id}
        with translate_errors(creating=True):
            return _group(self._resources.create(body))

    def mark(self, group_id: str, external_id: str) -> None:
        """Write our mark to a group."""
        operation = {"op": self._word("replace"), "path": EXTERNAL_ID, "value": external_id}
        self._change(group_id, [operation], lambda group: {**group, EXTERNAL_ID: external_id})

    def change_members(self, group_id: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        """Add accounts to a group, or remove them. Other members stay."""
        operations: list[Mapping[str, Any]] = []
        if add:
            operations.append({"op": self._word("add"), "path": _MEMBERS, "value": [{"value": each} for each in add]})
        if remove and self._patch_style == "entra":
            operations.append({"op": "Remove", "path": _MEMBERS, "value": [{"value": each} for each in remove]})
        elif remove:
            operations += [{"op": "remove", "path": f"{_MEMBERS}[value eq {quoted(each)}]"} for each in remove]

        def changed(group: Resource) -> Resource:
            gone = {*add, *remove}
            kept = [member for member in _member_list(group) if str(member.get("value")) not in gone]
            return {**group, _MEMBERS: [*kept, *({"value": each} for each in add)]}

        self._change(group_id, operations, changed)

    def _word(self, operation: str) -> str:
        return operation.capitalize() if self._patch_style == "entra" else operation

    def _change(
        self, group_id: str, operations: Sequence[Mapping[str, Any]], changed: Callable[[Resource], Resource]
    ) -> None:
        """Send a change, again with the new version if others have changed the group in the meantime.

        :param operations: the operations of a PATCH
        :param changed: returns the whole group after the change, for a PUT
        """
        with translate_errors():
            for attempt in attempts(CHANGES, lambda error: isinstance(error, Conflict), backoff=0.0):
                with attempt:
                    self._change_once(group_id, operations, changed)

    def _change_once(
        self, group_id: str, operations: Sequence[Mapping[str, Any]], changed: Callable[[Resource], Resource]
    ) -> None:
        uses_put, has_versions = self._patch_style == "put", self._has_versions()
        if not uses_put and not has_versions:
            self._resources.patch(group_id, operations)
            return
        current = self._resources.get(group_id, without="" if uses_put else _MEMBERS)
        if current is None:
            raise AccountMissing(f"The group {group_id} no longer exists")
        version = version_of(current) if has_versions else ""
        if uses_put:
            # PUT deletes missing attributes, so the request has all of them, except those that only the service can set.
            whole = {name: value for name, value in changed(current).items() if name != "meta"}
            self._resources.replace(group_id, whole, version)
        else:
            self._resources.patch(group_id, operations, version)


def _group(resource: Resource, members: frozenset[str] = frozenset()) -> Group:
    return Group(
        id=str(resource["id"]),
        name=str(resource.get("displayName") or ""),
        external_id=str(resource.get(EXTERNAL_ID) or ""),
        members=members,
    )


def _member_list(resource: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    listed = resource.get(_MEMBERS)
    return [member for member in listed if isinstance(member, dict)] if isinstance(listed, list) else []


def _account_ids(resource: Mapping[str, Any]) -> frozenset[str]:
    """Return the ids of the accounts in a group, without nested groups."""
    return frozenset(
        str(member["value"])
        for member in _member_list(resource)
        if member.get("value") not in (None, "")
        and str(member.get("type") or "User").lower() != "group"
        and "/Groups/" not in str(member.get("$ref") or "")
    )
