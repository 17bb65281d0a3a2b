"""A SCIM 2.0 service as a system of accounts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

from workplace_provider.common.arguments import parse_bool, parse_choice
from workplace_provider.http.errors import WorkplaceError
from workplace_provider.http.status import kind_of
from workplace_provider.identity import (
    Account,
    AccountChanged,
    AccountExists,
    AccountMissing,
    Capabilities,
    Lookup,
    TargetError,
    Write,
    WriteKind,
)
from workplace_provider.identity.accounts import ACTIVE, EMAIL, EXTERNAL_ID, ID, USER_NAME
from workplace_provider.identity.matching import matches_key
from workplace_provider.identity.privilege import is_admin_value
from workplace_provider.identity.targets.failures import translate_error, translate_errors
from workplace_provider.identity.targets.scim_client import USER, iter_batches
from workplace_provider.identity.targets.scim_groups import ScimGroups
from workplace_provider.identity.targets.scim_resources import PATCH, version_of

if TYPE_CHECKING:
    from workplace_provider.identity.targets.scim_client import ScimClient
    from workplace_provider.identity.targets.scim_resources import Resource

PatchStyle = Literal["rfc", "entra", "put"]
BULK_SIZE: Final = 100
READERS: Final = 8
# An attribute of an extension comes after the last colon of the schema's URN.
_EXTENSION: Final = re.compile(r"^(urn:[^ ]+):([^:]+)$")
_OWN: Final = frozenset({ID, EXTERNAL_ID, USER_NAME, EMAIL, ACTIVE})
# RFC 7643, section 4.1.2: lists of objects with a value. Strict services refuse texts, and others store them unchanged.
_LISTS: Final = frozenset({"roles", "entitlements", "phoneNumbers", "ims", "photos", "x509Certificates", "groups"})
_OBJECTS: Final = frozenset({"manager"})


class ScimTarget:
    """The users of a SCIM service.

        target = ScimTarget(connect("https://app.example.com/scim/v2", auth=Bearer(token)), attributes=["displayName"])
        accounts = list(target.read())

    :param client: the client
    :param attributes: the attributes of the mapping, to read besides names, addresses and state. An attribute
        of an extension has its URN, such as
        ``urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department``
    :param read: ``list`` reads all users; ``lookup`` reads them one by one, for services that do not list all users
    :param bulk: several changes in one request: ``auto`` if the service supports it
    :param patch_style: ``rfc``; ``entra``: as Microsoft Entra sends it, for services that only support that; ``put``: the
        whole user, read before each change, for services without PATCH
    :param page_size: users per request, and groups
    :param members: ``list``: the service returns the members of a group; ``filter``: it is asked for one member at a time,
        for services that return no members or not all of them
    :param group_patch_style: the style of changes to groups, if it is another one: some services understand users as the RFC
        has them, and groups as Microsoft Entra sends them
    """

    def __init__(
        self,
        client: ScimClient,
        *,
        attributes: Collection[str] = (),
        read: Literal["list", "lookup"] = "list",
        bulk: Literal["auto", "never"] = "auto",
        patch_style: PatchStyle = "rfc",
        page_size: int = 200,
        members: Literal["list", "filter"] = "list",
        group_patch_style: PatchStyle | None = None,
    ) -> None:
        for name, value, allowed in (
            ("read", read, ("list", "lookup")),
            ("bulk", bulk, ("auto", "never")),
            ("patch_style", patch_style, ("rfc", "entra", "put")),
            ("members", members, ("list", "filter")),
            ("group_patch_style", group_patch_style or patch_style, ("rfc", "entra", "put")),
        ):
            parse_choice(value, name, allowed)
        self._client = client
        self._attributes = tuple(dict.fromkeys(name for name in attributes if name not in _OWN))
        self._read = read
        self._bulk = bulk
        self._patch_style = patch_style
        self._page_size = page_size
        self._group_patch_style = group_patch_style or patch_style
        self._members: Literal["list", "filter"] = members

    @property
    def name(self) -> str:
        """The service's name."""
        return self._client.name

    @cached_property
    def _config(self) -> Resource:
        return self._client.service_provider_config()

    def _offers(self, feature: str) -> dict[str, Any] | None:
        offered = self._config.get(feature)
        return offered if isinstance(offered, dict) and parse_bool(offered.get("supported", False), feature) else None

    @cached_property
    def capabilities(self) -> Capabilities:
        """The operations that the service supports, according to its configuration."""
        bulk = self._offers("bulk") if self._bulk == "auto" else None
        most = int(bulk.get("maxOperations") or BULK_SIZE) if bulk else 1
        return Capabilities(
            versions=self._offers("etag") is not None,
            listing=self._read == "list",
            bulk=max(1, min(most, BULK_SIZE)),
        )

    @cached_property
    def groups(self) -> ScimGroups:
        """The groups of the service."""
        return ScimGroups(
            self._client.groups,
            patch_style=self._group_patch_style,
            members=self._members,
            read=self._read,
            page_size=self._page_size,
            has_versions=lambda: self.capabilities.versions,
        )

    def read(self, lookups: Sequence[Lookup] | None = None) -> Iterable[Account]:
        """Return the users that the look-ups find; all users for ``None``."""
        if lookups is None:
            return map(self._account, self._client.users(page_size=self._page_size))
        found: dict[str, Account] = {}
        with ThreadPoolExecutor(max(1, min(READERS, len(lookups)))) as pool:
            for accounts in pool.map(self._look_up, lookups):
                found |= {account.id: account for account in accounts}
        return list(found.values())

    def _look_up(self, lookup: Lookup) -> list[Account]:
        for key in lookup:
            if key.attribute == ID:
                one = self._client.user(key.value)
                resources = [one] if one else []
            else:
                resources = self._client.find(key.attribute, key.value)
            # Some services ignore the case of ids, or ignore a filter that they do not understand.
            if found := [account for account in map(self._account, resources) if matches_key(account, key)]:
                return found
        return []

    def create(self, values: Mapping[str, Any], secrets: Mapping[str, str]) -> Account:
        """Create a user."""
        body = _build_user({**values, **secrets, ACTIVE: True})
        with translate_errors(creating=True, secrets=secrets.values()):
            return self._account(self._client.create(body))

    def update(self, account_id: str, values: Mapping[str, Any], version: str = "") -> Account:
        """Set attributes of a user."""
        with translate_errors():
            method, body, current = self._change(account_id, values, version)
            if method == "PUT":
                return self._account(self._client.replace(account_id, body, current))
            return self._account(self._client.patch(account_id, body["Operations"], current))

    def set_active(self, account_id: str, active: bool, version: str = "") -> Account:
        """Enable or disable a user."""
        return self.update(account_id, {ACTIVE: active}, version)

    def delete(self, account_id: str, version: str = "") -> None:
        """Delete a user."""
        with translate_errors():
            self._client.delete(account_id, version)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def bulk(self, writes: Sequence[Write]) -> list[Account | TargetError | None]:
        """Send writes in as few requests as the service accepts."""
        offered = self._offers("bulk") or {}
        results: dict[str, Account | TargetError | None] = {}
        operations: list[Mapping[str, Any]] = []
        for number, write in enumerate(writes):
            try:
                with translate_errors():
                    operations.append(self._bulk_operation(str(number), write))
            except TargetError as error:
                results[str(number)] = error
        max_bytes = int(offered.get("maxPayloadSize") or 0) or None
        for batch in iter_batches(operations, self.capabilities.bulk, max_bytes):
            results |= self._send_batch(batch, writes)
        return [results[str(number)] for number in range(len(writes))]

    def _send_batch(
        self, batch: Sequence[Mapping[str, Any]], writes: Sequence[Write]
    ) -> dict[str, Account | TargetError | None]:
        """Send one bulk request, and return the result of each write by its number."""
        numbers = [str(operation["bulkId"]) for operation in batch]
        secrets = [secret for number in numbers for secret in writes[int(number)].secrets.values()]
        try:
            responses = self._client.bulk(batch)
        except WorkplaceError as error:
            # A conflict of the whole request does not mean that the user name of an operation is taken.
            failed = translate_error(error, creating=True, secrets=secrets)
            plain = TargetError(str(failed), fatal=failed.fatal, outcome_unknown=failed.outcome_unknown)
            return dict.fromkeys(numbers, plain)
        return {
            number: self._bulk_result(writes[int(number)], response)
            for number, response in zip(numbers, responses, strict=True)
        }

    def _bulk_operation(self, number: str, write: Write) -> Mapping[str, Any]:
        if write.kind == WriteKind.CREATE:
            body = _build_user({**write.values, **write.secrets, ACTIVE: True})
            return {"method": "POST", "path": "/Users", "bulkId": number, "data": body}
        operation: dict[str, Any] = {"method": "DELETE", "path": f"/Users/{write.account_id}", "bulkId": number}
        version = write.version
        if write.kind != WriteKind.DELETE:
            values = write.values if write.kind == WriteKind.UPDATE else {ACTIVE: write.kind == WriteKind.ENABLE}
            operation["method"], operation["data"], version = self._change(write.account_id, values, write.version)
        return {**operation, "version": version} if version else operation

    def _bulk_result(self, write: Write, response: Resource) -> Account | TargetError:
        """Return the account, or the error, of one operation of a bulk request."""
        code = response.get("status")
        status = int((code.get("code") if isinstance(code, dict) else code) or 0)
        if 200 <= status < 300:
            location = str(response.get("location") or "").rstrip("/")
            account_id = write.account_id or location.rpartition("/")[2]
            return Account(id=account_id, version=str(response.get("version") or ""))
        body = response.get("response")
        details: Resource = body if isinstance(body, dict) else {}
        detail = str(details.get("detail") or "")
        for secret in write.secrets.values():
            detail = detail.replace(secret, "***")
        message = f"{detail or kind_of(status or 500).__name__} ({self.name}, bulk request, {status})"
        # RFC 7644, section 3.12, has status 409 for a taken name, and several services send 400.
        taken = details.get("scimType") == "uniqueness" and 400 <= status < 500
        if write.kind == WriteKind.CREATE and (status == 409 or taken):
            return AccountExists(message)
        if status == 412:
            return AccountChanged(message)
        if status == 404 and write.account_id:
            return AccountMissing(message)
        unknown = not status or (status >= 500 and status != 501)
        return TargetError(message, outcome_unknown=unknown, invalid=status in (400, 422, 501), unsupported=status == 501)

    # --- building requests

    def _change(self, account_id: str, values: Mapping[str, Any], version: str) -> tuple[str, Resource, str]:
        """Return method, body and expected version of a change."""
        patch = self._patch_style != "put"
        if patch and EMAIL not in values and not any(_is_list(name) for name in values):
            return "PATCH", self._patch(values), version
        current = self._client.user(account_id)
        if current is None:
            raise AccountMissing(f"The user {account_id} no longer exists")
        version = version or (version_of(current) if self.capabilities.versions else "")
        if patch:
            return "PATCH", self._patch(values, current), version
        # PUT deletes missing attributes, so the request has all of them, except those that only the service can set.
        whole = {name: value for name, value in current.items() if name not in ("meta", "groups", "password")}
        return "PUT", _build_user(values, whole), version

    def _patch(self, values: Mapping[str, Any], current: Resource | None = None) -> Resource:
        entra = self._patch_style == "entra"
        operations = []
        for name, value in values.items():
            # A list with only the new address would delete the other ones, so the whole list is sent.
            path, sent = ("emails", _replace_primary(current, value)) if name == EMAIL else _to_scim(name, value, current)
            if entra and isinstance(sent, bool):
                sent = str(sent)
            operations.append({"op": "Replace" if entra else "replace", "path": path, "value": sent})
        return {"schemas": [PATCH], "Operations": operations}

    # --- reading responses

    def _account(self, resource: Resource) -> Account:
        kept = {name: value for name in self._attributes if (value := _value(resource, name)) not in (None, "")}
        listed = resource.get("emails")
        emails = [email for email in listed if isinstance(email, dict)] if isinstance(listed, list) else []
        emails.sort(key=lambda email: not parse_bool(email.get("primary") or False, "primary"))
        roles = resource.get("roles")
        active = resource.get("active")
        return Account(
            id=str(resource["id"]),
            external_id=str(resource.get("externalId") or ""),
            user_name=str(resource.get("userName") or ""),
            emails=tuple(str(email["value"]) for email in emails if email.get("value")),
            active=True if active is None else parse_bool(active, "active"),
            attributes=kept,
            groups=_names(resource.get("groups")),
            version=version_of(resource),
            admin=is_admin_value(list(_names(roles))) if roles else None,
        )


def _names(listed: Any) -> tuple[str, ...]:
    """Return groups or roles by the names that people know."""
    if not isinstance(listed, list):
        return ()
    return tuple(
        str(item.get("display") or item.get("value") or "") if isinstance(item, dict) else str(item) for item in listed
    )


def _steps(name: str) -> list[str]:
    extension = _EXTENSION.match(name)
    return [extension[1], *extension[2].split(".")] if extension else name.split(".")


def _value(resource: Resource, name: str) -> Any:
    value: Any = resource
    steps = _steps(name)
    if steps[0] in _LISTS and steps[1:] == ["value"]:
        steps = steps[:1]
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    if steps[-1] in _LISTS and isinstance(value, list):
        return [item.get("value", item.get("display")) if isinstance(item, dict) else item for item in value]
    return value.get("value") if steps[-1] in _OBJECTS and isinstance(value, dict) else value


def _is_list(name: str) -> bool:
    steps = _steps(name)
    return steps[0] in _LISTS and steps[1:] in ([], ["value"])


def _to_scim(name: str, value: Any, current: Resource | None = None) -> tuple[str, Any]:
    """Return path and value of an attribute in the form of RFC 7643: ``roles`` is a list of objects with a ``value``.

    :param current: the user; values that stay keep their other parts, such as ``type`` and ``display``
    """
    steps = _steps(name)
    if _is_list(name):
        listed = (current or {}).get(steps[0])
        present = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
        known = {str(item.get("value")): item for item in present}
        values = value if isinstance(value, list | tuple) else [value]
        return steps[0], [item if isinstance(item, dict) else known.get(str(item), {"value": item}) for item in values]
    if steps[-1] in _OBJECTS and not isinstance(value, dict):
        return name, {"value": value}
    return name, value


def _build_user(values: Mapping[str, Any], base: Resource | None = None) -> Resource:
    """Return a user with these values and those of a base."""
    resource: Resource = {"schemas": [USER], **(base or {})}
    schemas = list(resource["schemas"])
    for name, value in values.items():
        if name == EMAIL:
            resource["emails"] = _replace_primary(base, value)
            continue
        name, value = _to_scim(name, value, base)
        *parents, last = _steps(name)
        into = resource
        for parent in parents:
            # The base belongs to the caller, so nested objects are copied.
            into[parent] = dict(into.get(parent) or {})
            into = into[parent]
        into[last] = value
        if parents and parents[0].startswith("urn:") and parents[0] not in schemas:
            schemas.append(parents[0])
    resource["schemas"] = schemas
    return resource


def _replace_primary(current: Resource | None, address: str) -> list[Resource]:
    """Return the addresses of a user with a new primary one; the others stay."""
    listed = (current or {}).get("emails")
    emails = [dict(email) for email in listed if isinstance(email, dict)] if isinstance(listed, list) else []
    first = next(
        (email for email in emails if parse_bool(email.get("primary") or False, "primary")), emails[0] if emails else None
    )
    if first is None:
        return [{"value": address, "type": "work", "primary": True}]
    first["value"] = address
    first.pop("display", None)
    return emails
