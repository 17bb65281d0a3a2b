"""A service that speaks SCIM 2.0 as a system of accounts."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
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
from workplace_provider.identity.targets.failures import attempt, translate_error
from workplace_provider.identity.targets.scim_client import PATCH, USER, iter_batches, version_of

if TYPE_CHECKING:
    from workplace_provider.identity.targets.scim_client import Resource, ScimClient

PatchStyle = Literal["rfc", "entra", "put"]
BULK_SIZE: Final = 100
READERS: Final = 8
# "emails" and "name" have parts; what stands behind the last colon of a schema's URN is an attribute of an extension.
_EXTENSION: Final = re.compile(r"^(urn:[^ ]+):([^:]+)$")
_OWN: Final = frozenset({ID, EXTERNAL_ID, USER_NAME, EMAIL, ACTIVE})
# RFC 7643, section 4.1.2: lists of objects with a value. Strict services refuse texts, and others store them as they are.
_LISTS: Final = frozenset({"roles", "entitlements", "phoneNumbers", "ims", "photos", "x509Certificates", "groups"})
_OBJECTS: Final = frozenset({"manager"})


class ScimTarget:
    """The users of a SCIM service.

    :param client: the client
    :param attributes: what to keep of a user beside names, addresses and state: the attributes of the mapping. An attribute
        of an extension is written with its URN, such as
        ``urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department``
    :param read: ``list`` reads all users; ``lookup`` one by one, for services that do not list them all
    :param bulk: several changes in one request: ``auto`` where the service says that it can
    :param patch_style: ``rfc``; ``entra``: as Microsoft's service writes it, for services made for that alone; ``put``: the
        whole user, read anew before, for services without PATCH
    :param page_size: how many users to ask for at a time
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
    ) -> None:
        for name, value, allowed in (
            ("read", read, ("list", "lookup")),
            ("bulk", bulk, ("auto", "never")),
            ("patch_style", patch_style, ("rfc", "entra", "put")),
        ):
            parse_choice(value, name, allowed)
        self._client = client
        self._attributes = tuple(dict.fromkeys(each for each in attributes if each not in _OWN))
        self._read = read
        self._bulk = bulk
        self._patch_style = patch_style
        self._page_size = page_size

    @property
    def name(self) -> str:
        """The service's name."""
        return self._client.name

    @cached_property
    def _config(self) -> Resource:
        return self._client.service_provider_config()

    def _offers(self, feature: str) -> dict[str, Any] | None:
        said = self._config.get(feature)
        return said if isinstance(said, dict) and parse_bool(said.get("supported", False), feature) else None

    @cached_property
    def capabilities(self) -> Capabilities:
        """What the service says that it can do."""
        bulk = self._offers("bulk") if self._bulk == "auto" else None
        most = int(bulk.get("maxOperations") or BULK_SIZE) if bulk else 1
        return Capabilities(
            versions=self._offers("etag") is not None,
            listing=self._read == "list",
            bulk=max(1, min(most, BULK_SIZE)),
        )

    def read(self, lookups: Sequence[Lookup] | None = None) -> Iterable[Account]:
        """The users that are looked up, or all."""
        if lookups is None:
            return map(self._account, self._client.users(page_size=self._page_size))
        found: dict[str, Account] = {}
        with ThreadPoolExecutor(max(1, min(READERS, len(lookups)))) as pool:
            for accounts in pool.map(self._look_up, lookups):
                found |= {each.id: each for each in accounts}
        return list(found.values())

    def _look_up(self, lookup: Lookup) -> list[Account]:
        for key in lookup:
            if key.attribute == ID:
                one = self._client.user(key.value)
                resources = [one] if one else []
            else:
                resources = self._client.find(key.attribute, key.value)
            # Some services compare ids in any case, or do not look at a filter that they cannot read.
            if hits := [each for each in map(self._account, resources) if matches_key(each, key)]:
                return hits
        return []

    def create(self, values: Mapping[str, Any], secrets: Mapping[str, str]) -> Account:
        """Create a user."""
        body = _resource({**values, **secrets, ACTIVE: True})
        return self._account(attempt(lambda: self._client.create(body), creating=True, secrets=secrets.values()))

    def update(self, account_id: str, values: Mapping[str, Any], version: str = "") -> Account:
        """Set attributes of a user."""

        def write() -> Resource:
            method, body, current = self._change(account_id, values, version)
            if method == "PUT":
                return self._client.replace(account_id, body, current)
            return self._client.patch(account_id, body["Operations"], current)

        return self._account(attempt(write))

    def set_active(self, account_id: str, active: bool, version: str = "") -> Account:
        """Enable or disable a user."""
        return self.update(account_id, {ACTIVE: active}, version)

    def delete(self, account_id: str, version: str = "") -> None:
        """Delete a user."""
        attempt(lambda: self._client.delete(account_id, version))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def bulk(self, writes: Sequence[Write]) -> list[Account | TargetError | None]:
        """Carry out writes in as few requests as the service takes."""
        offered = self._offers("bulk") or {}
        answers: dict[str, Account | TargetError | None] = {}
        operations: list[Mapping[str, Any]] = []
        for number, write in enumerate(writes):
            try:
                operations.append(attempt(self._bulk_operation(str(number), write)))
            except TargetError as error:
                answers[str(number)] = error
        for batch in iter_batches(operations, self.capabilities.bulk, int(offered.get("maxPayloadSize") or 0) or None):
            numbers = [str(each["bulkId"]) for each in batch]
            secrets = [secret for number in numbers for secret in writes[int(number)].secrets.values()]
            try:
                said = self._client.bulk(batch)
            except WorkplaceError as error:
                # A name that is taken is told of one operation; said of the whole request it is another thing.
                failed = translate_error(error, creating=True, secrets=secrets)
                plain = TargetError(str(failed), fatal=failed.fatal, outcome_unknown=failed.outcome_unknown)
                answers |= dict.fromkeys(numbers, plain)
                continue
            for sent, each in zip(numbers, said, strict=True):
                answers[sent] = self._bulk_answer(writes[int(sent)], each)
        return [answers[str(number)] for number in range(len(writes))]

    def _bulk_operation(self, number: str, write: Write) -> Callable[[], Mapping[str, Any]]:
        def made() -> Mapping[str, Any]:
            if write.kind == WriteKind.CREATE:
                body = _resource({**write.values, **write.secrets, ACTIVE: True})
                return {"method": "POST", "path": "/Users", "bulkId": number, "data": body}
            operation: dict[str, Any] = {"method": "DELETE", "path": f"/Users/{write.account_id}", "bulkId": number}
            version = write.version
            if write.kind != WriteKind.DELETE:
                active = write.kind == WriteKind.ENABLE
                values = write.values if write.kind == WriteKind.UPDATE else {ACTIVE: active}
                operation["method"], operation["data"], version = self._change(write.account_id, values, write.version)
            return {**operation, "version": version} if version else operation

        return made

    def _bulk_answer(self, write: Write, said: Resource) -> Account | TargetError:
        code = said.get("status")
        status = int((code.get("code") if isinstance(code, dict) else code) or 0)
        location = str(said.get("location") or "").rstrip("/")
        if 200 <= status < 300:
            account_id = write.account_id or location.rpartition("/")[2]
            return Account(id=account_id, version=str(said.get("version") or ""))
        body = said.get("response")
        detail = str(body.get("detail") or "") if isinstance(body, dict) else ""
        for secret in write.secrets.values():
            detail = detail.replace(secret, "***")
        message = f"{self.name} answered {status} in a bulk request: {detail or kind_of(status or 500).__name__}"
        taken = isinstance(body, dict) and body.get("scimType") == "uniqueness"
        if write.kind == WriteKind.CREATE and (status == 409 or (taken and 400 <= status < 500)):
            return AccountExists(message)
        if status == 412:
            return AccountChanged(message)
        if status == 404 and write.account_id:
            return AccountMissing(message)
        unknown = not status or (status >= 500 and status != 501)
        return TargetError(message, outcome_unknown=unknown, invalid=status in (400, 422, 501), unsupported=status == 501)

    # --- what is sent

    def _change(self, account_id: str, values: Mapping[str, Any], version: str) -> tuple[str, Resource, str]:
        """Method, body and expected version of a change."""
        patch = self._patch_style != "put"
        if patch and EMAIL not in values:
            return "PATCH", self._patch(values), version
        current = self._client.user(account_id)
        if current is None:
            raise AccountMissing(f"there is no user {account_id} any more")
        version = version or (version_of(current) if self.capabilities.versions else "")
        if patch:
            return "PATCH", self._patch(values, current), version
        # PUT makes vanish what is left out: so all of it is sent, but for what the service alone may set.
        whole = {name: value for name, value in current.items() if name not in ("meta", "groups", "password")}
        return "PUT", _resource(values, whole), version

    def _patch(self, values: Mapping[str, Any], current: Resource | None = None) -> Resource:
        entra = self._patch_style == "entra"
        operations = []
        for name, value in values.items():
            # With only the address replaced, the others would be lost: so the whole list is sent.
            path, sent = ("emails", _emails(current, value)) if name == EMAIL else _written(name, value)
            if entra and isinstance(sent, bool):
                sent = str(sent)
            operations.append({"op": "Replace" if entra else "replace", "path": path, "value": sent})
        return {"schemas": [PATCH], "Operations": operations}

    # --- what is read

    def _account(self, resource: Resource) -> Account:
        kept = {name: value for name in self._attributes if (value := _value(resource, name)) not in (None, "")}
        listed = resource.get("emails")
        emails = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        emails.sort(key=lambda each: not parse_bool(each.get("primary") or False, "primary"))
        roles = resource.get("roles")
        active = resource.get("active")
        return Account(
            id=str(resource["id"]),
            external_id=str(resource.get("externalId") or ""),
            user_name=str(resource.get("userName") or ""),
            emails=tuple(str(each["value"]) for each in emails if each.get("value")),
            active=True if active is None else parse_bool(active, "active"),
            attributes=kept,
            groups=_names(resource.get("groups")),
            version=version_of(resource),
            admin=is_admin_value(list(_names(roles))) if roles else None,
        )


def _names(listed: Any) -> tuple[str, ...]:
    """Groups or roles by the names that people know them by."""
    if not isinstance(listed, list):
        return ()
    return tuple(
        str(each.get("display") or each.get("value") or "") if isinstance(each, dict) else str(each) for each in listed
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
        return [each.get("value", each.get("display")) if isinstance(each, dict) else each for each in value]
    return value.get("value") if steps[-1] in _OBJECTS and isinstance(value, dict) else value


def _written(name: str, value: Any) -> tuple[str, Any]:
    """Return path and value of an attribute as RFC 7643 has them: ``roles`` is a list of objects with a ``value``."""
    steps = _steps(name)
    if steps[0] in _LISTS and steps[1:] in ([], ["value"]):
        values = value if isinstance(value, list | tuple) else [value]
        return steps[0], [each if isinstance(each, dict) else {"value": each} for each in values]
    if steps[-1] in _OBJECTS and not isinstance(value, dict):
        return name, {"value": value}
    return name, value


def _resource(values: Mapping[str, Any], base: Resource | None = None) -> Resource:
    """A user with these values, on top of what is there."""
    resource: Resource = {"schemas": [USER], **(base or {})}
    schemas = list(resource["schemas"])
    for name, value in values.items():
        if name == EMAIL:
            resource["emails"] = _emails(base, value)
            continue
        name, value = _written(name, value)
        *parents, last = _steps(name)
        into = resource
        for parent in parents:
            # What is read is not ours to change.
            into[parent] = dict(into.get(parent) or {})
            into = into[parent]
        into[last] = value
        if parents and parents[0].startswith("urn:") and parents[0] not in schemas:
            schemas.append(parents[0])
    resource["schemas"] = schemas
    return resource


def _emails(current: Resource | None, address: str) -> list[Resource]:
    """The list of addresses with another primary one; the others stay."""
    listed = (current or {}).get("emails")
    emails = [dict(each) for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    first = next(
        (each for each in emails if parse_bool(each.get("primary") or False, "primary")), emails[0] if emails else None
    )
    if first is None:
        return [{"value": address, "type": "work", "primary": True}]
    first["value"] = address
    first.pop("display", None)
    return emails
