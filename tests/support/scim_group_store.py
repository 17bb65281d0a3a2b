from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"


class GroupRefused(Exception):
    def __init__(self, status: int, detail: str, scim_type: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.scim_type = scim_type


@dataclass
class GroupStore:
    """The groups of a SCIM service.

    :param has_user: whether there is a user with an id
    :param form: the form of a removal that it understands: ``rfc`` names the member in the path and refuses a value;
        ``entra`` takes the members of the value, and for a member in the path removes all members, as Microsoft's reference
        code does (AzureAD/SCIMReferenceCode#10)
    :param lists_members: whether a group shows its members; otherwise a filter asks for one, as with AWS IAM Identity Center
    :param keeps_marks: whether it stores an external id
    :param most: the largest number of changes in a request
    :param shown: the largest number of members in a response (FusionAuth/fusionauth-issues#2784)
    :param late: for how many reads after a change a group shows its members from before
    :param versions: whether a change must name the version
    :param patches: whether it accepts PATCH
    """

    has_user: Callable[[str], bool]
    form: str = "rfc"
    lists_members: bool = True
    keeps_marks: bool = True
    most: int = 100
    shown: int | None = None
    late: int = 0
    versions: bool = False
    patches: bool = True
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    version: dict[str, int] = field(default_factory=dict)
    before_change: Callable[[str], None] = lambda _: None
    refused_users: set[str] = field(default_factory=set)
    _stale: dict[str, tuple[int, list[dict[str, Any]]]] = field(default_factory=dict)

    def add(self, name: str, *members: str, external_id: str = "", nested: str = "") -> str:
        """Add a group without a request."""
        group_id = f"g{len(self.version) + 1}"
        listed: list[dict[str, Any]] = [{"value": member, "type": "User"} for member in members]
        listed += [{"value": nested, "type": "Group"}] if nested else []
        self.groups[group_id] = {"id": group_id, "displayName": name, "members": listed}
        if external_id:
            self.groups[group_id]["externalId"] = external_id
        self.version[group_id] = 1
        return group_id

    def members(self, name: str) -> list[str]:
        """Return the members of the group with a name, with duplicates."""
        (group,) = [group for group in self.groups.values() if group["displayName"] == name]
        return sorted(member["value"] for member in group["members"])

    def answer(self, method: str, path: list[str], query: dict[str, str], headers: Any, sent: dict[str, Any]) -> Any:
        """Return status, body and ETag."""
        hidden = query.get("excludedAttributes") == "members"
        if len(path) == 1:
            return self._create(sent) if method == "POST" else (200, self._list(query, hidden), "")
        if path[1] not in self.groups:
            raise GroupRefused(404, "there is no such group")
        group_id = path[1]
        if method == "GET":
            return 200, self._shown(group_id, hidden), self._etag(group_id)
        self.before_change(group_id)
        if self.versions and headers.get("If-Match") != self._etag(group_id):
            raise GroupRefused(412 if headers.get("If-Match") else 428, "another version")
        self._keep_stale(group_id)
        if method == "PUT":
            self.groups[group_id] = {"members": [], **self._stored(sent), "id": group_id}
        elif method == "PATCH" and self.patches:
            self.groups[group_id] = self._patched(self.groups[group_id], sent["Operations"])
        else:
            raise GroupRefused(501, f"{method} is not supported")
        self.version[group_id] += 1
        return 204, None, self._etag(group_id)

    def _create(self, sent: dict[str, Any]) -> Any:
        if GROUP not in sent.get("schemas", []):
            raise GroupRefused(400, "schemas is missing", "invalidSyntax")
        if any(group["displayName"].lower() == sent["displayName"].lower() for group in self.groups.values()):
            raise GroupRefused(409, "there is a group with this name", "uniqueness")
        group_id = self.add(sent["displayName"])
        self.groups[group_id] = {"members": [], **self._stored(sent), "id": group_id}
        return 201, self._shown(group_id, hidden=False), self._etag(group_id)

    def _stored(self, sent: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in sent.items() if self.keeps_marks or name != "externalId"}

    def _patched(self, group: dict[str, Any], operations: list[dict[str, Any]]) -> dict[str, Any]:
        changed: dict[str, Any] = json.loads(json.dumps(group))
        if sum(len(operation.get("value") or [1]) for operation in operations if "members" in operation["path"]) > self.most:
            raise GroupRefused(400, "too many changes", "tooMany")
        for operation in operations:
            if self.form == "rfc" and operation["op"] != operation["op"].lower():
                raise GroupRefused(400, "op must be in lower case", "invalidSyntax")
            kind = operation["op"].lower()
            if operation["path"] == "externalId":
                changed |= self._stored({"externalId": operation["value"]})
            elif kind == "add":
                self._add(changed, [member["value"] for member in operation["value"]])
            else:
                self._remove(changed, operation)
        return changed

    def _add(self, group: dict[str, Any], users: list[str]) -> None:
        for user in users:
            if not self.has_user(user) or user in self.refused_users:
                raise GroupRefused(400, f"there is no user {user}", "invalidValue")
            group["members"].append({"value": user, "type": "User"})

    def _remove(self, group: dict[str, Any], operation: dict[str, Any]) -> None:
        named = re.fullmatch(r'members\[value eq ("(?:[^"\\]|\\.)*")\]', operation["path"])
        if self.form == "rfc":
            if not named or "value" in operation:
                raise GroupRefused(400, "values must not be set for a removal", "invalidValue")
            gone = {json.loads(named[1])}
        else:
            gone = {member["value"] for member in operation.get("value") or group["members"]}
        group["members"] = [member for member in group["members"] if member["value"] not in gone]

    def _list(self, query: dict[str, str], hidden: bool) -> dict[str, Any]:
        found = [group_id for group_id in self.groups if self._matches(group_id, query.get("filter", ""))]
        start, count = int(query.get("startIndex", "1")), int(query.get("count", "100"))
        page = [self._shown(group_id, hidden) for group_id in found[start - 1 : start - 1 + count]]
        return {"totalResults": len(found), "Resources": page}

    def _matches(self, group_id: str, condition: str) -> bool:
        group = self.groups[group_id]
        for part in condition.split(" and ") if condition else []:
            name, _, literal = part.split(" ", 2)
            value = json.loads(literal)
            if name == "members":
                if not self.has_user(value):
                    raise GroupRefused(404, "there is no such member")
                if value not in [member["value"] for member in group["members"]]:
                    return False
            elif str(group.get(name, "")).lower() != value.lower():
                return False
        return True

    def _keep_stale(self, group_id: str) -> None:
        if self.late:
            self._stale[group_id] = (self.late, self.groups[group_id]["members"])

    def _shown(self, group_id: str, hidden: bool) -> dict[str, Any]:
        group = dict(self.groups[group_id])
        reads, stale = self._stale.get(group_id, (0, []))
        if reads:
            group["members"] = stale
            self._stale[group_id] = (reads - 1, stale)
        if hidden or not self.lists_members:
            group.pop("members")
        elif self.shown is not None:
            group["members"] = group["members"][: self.shown]
        return group

    def _etag(self, group_id: str) -> str:
        return f'W/"{self.version[group_id]}"' if self.versions else ""
