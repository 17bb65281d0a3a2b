"""What must be declared before it is written: rights, and one password for everybody.

A list of bad words cannot tell which value makes an administrator: people write their own title, in any language. So
whatever an attribute that grants rights may hold is listed, for each system.
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
    """Return whether an attribute of that name holds a password or the like."""
    return bool(_SECRET_NAME.search(fold_strictly(attribute)))


def grants_rights(attribute: str) -> bool:
    """Return whether an attribute of that name may decide what an account is allowed to do.

    In a path the last part counts, and those before it: ``roles.value``, ``metadata.userType``.

        grants_rights("roleGroupId"), grants_rights("is_staff"), grants_rights("관리자")
    """
    if ":" in attribute:  # an extension's attribute has a URN before its name, where the schema's name grants nothing
        attribute = attribute.rpartition(":")[2]
    spread = ".".join(_HUMP.sub("_", part) for part in attribute.split("."))
    return bool(_RIGHTS.search(fold_strictly(spread)))


def is_allowed(value: Any, allowed: Collection[Any]) -> bool:
    """Return whether a value, or everything in it, is in an allow-list; a text must be equal to the letter."""
    if isinstance(value, Mapping):
        return all(is_allowed(each, allowed) for name, each in value.items() if name not in ("primary", "$ref"))
    if isinstance(value, list | tuple | set | frozenset):
        return all(is_allowed(each, allowed) for each in value)
    # In Python True is 1, and a right written as 1 is another one.
    return any(type(value) is type(each) and value == each for each in allowed)


def rights_in(payload: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every attribute of a payload that grants rights, at any depth, with its value."""
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
    """Return whether a role that an account has looks like an administrator's, so that the account is protected."""
    if isinstance(value, Mapping):
        return any(is_admin_value(each) for each in value.values())
    if isinstance(value, list | tuple):
        return any(is_admin_value(each) for each in value)
    return isinstance(value, str) and bool(_ADMIN_VALUE.search(fold_strictly(_HUMP.sub("_", value))))
