"""Values that must be declared before they are written: rights, and one password for all people.

A list of forbidden words cannot decide which value makes an administrator, because people write their own titles in any
language. So each system has an allow-list of values for attributes that grant rights.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from workplace_provider.identity.text import fold_strictly

_RIGHTS: Final = re.compile(
    r"role|group|permission|privilege|entitlement|admin(?!istrative)|owner|superuser|access|authorit"
    r"|types?(?![a-z])|(?<![a-z])(?:is_?)?(?:root|staff)(?![a-z_])|(?<![a-z])(?:level|rank|scopes?|acl|su)(?![a-z])"
    "|권한|역할|그룹|관리자|운영자|소유자|등급|유형|직급"
    "|権限|役割|ロール|グループ|管理者|管理|所有者|種別|タイプ|权限|角色|管理员|所有者|類型|类型"
)
_ADMIN_VALUE: Final = re.compile(
    r"(?<![a-z])(?:super|site|sys|system|global|org|organization|tenant)?[-_ ]?"
    r"(?:admin(?:istrator)?s?|root|owners?|super[-_ ]?users?)(?![a-z])"
    "|관리자|운영자|管理者|管理员|管理員"
)
_SECRET_NAME: Final = re.compile(
    r"password|passwd|passcode|\bpwd\b|secret|token|api_?key|credential|비밀번호|암호|パスワード|密码"
)
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def is_secret_name(attribute: str) -> bool:
    """Return whether an attribute with this name contains a password or another secret."""
    return bool(_SECRET_NAME.search(fold_strictly(attribute)))


def grants_rights(attribute: str) -> bool:
    """Return whether an attribute with this name may decide about the rights of an account.

    All parts of a path are checked: ``roles.value``, ``metadata.userType``.

        grants_rights("roleGroupId"), grants_rights("is_staff"), grants_rights("관리자")
    """
    if ":" in attribute:  # an attribute of a SCIM extension begins with its URN; the schema's name grants no rights
        attribute = attribute.rpartition(":")[2]
    spread = ".".join(_HUMP.sub("_", part) for part in attribute.split("."))
    return bool(_RIGHTS.search(fold_strictly(spread)))


def is_allowed(value: Any, allowed: Collection[Any]) -> bool:
    """Return whether a value, or every value in it, is in an allow-list; text must be identical."""
    if isinstance(value, Mapping):
        return all(is_allowed(item, allowed) for name, item in value.items() if name not in ("primary", "$ref"))
    if isinstance(value, list | tuple | set | frozenset):
        return all(is_allowed(item, allowed) for item in value)
    # In Python, True equals 1, but a right written as 1 is a different one.
    return any(type(value) is type(item) and value == item for item in allowed)


def rights_in(payload: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every attribute of a payload that grants rights, at any depth, with its value."""
    if isinstance(payload, Mapping):
        for name, value in payload.items():
            place = f"{path}.{name}" if path else str(name)
            if grants_rights(str(name)):
                yield place, value
            else:
                yield from rights_in(value, place)
    elif isinstance(payload, list):
        for value in payload:
            yield from rights_in(value, path)


def is_admin_value(value: Any) -> bool:
    """Return whether a role of an account looks like an administrator's, so that the account is protected."""
    if isinstance(value, Mapping):
        return any(is_admin_value(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(is_admin_value(item) for item in value)
    return isinstance(value, str) and bool(_ADMIN_VALUE.search(fold_strictly(_HUMP.sub("_", value))))
