"""What must be said in as many words before it is done: making administrators, and giving everybody one password."""

from __future__ import annotations

import re
from typing import Any, Final

_GRANTING_NAME: Final = re.compile(r"role|group|permission|privilege|entitlement|admin|owner|superuser|access", re.I)
_ADMIN_NAME: Final = re.compile(r"admin|superuser|root|owner", re.I)
_ADMIN_VALUE: Final = re.compile(
    r"(?<![a-z])(?:super|site|sys|system|global|org|organization|tenant)?[-_ ]?"
    r"(?:admin(?:istrator)?s?|root|owners?|superusers?)(?![a-z])",
    re.I,
)
_SECRET_NAME: Final = re.compile(r"password|passwd|passcode|\bpwd\b|secret|token|api_?key|credential", re.I)


def is_secret_name(attribute: str) -> bool:
    """Whether an attribute of that name holds a password or the like."""
    return bool(_SECRET_NAME.search(attribute))


def grants_admin(attribute: str, value: Any) -> bool:
    """Whether a value makes somebody an administrator, going by the name of the attribute and the words in the value.

    Only attributes that grant something count: a person may well be called Root.
    """
    if not _GRANTING_NAME.search(attribute):
        return False
    if isinstance(value, dict):
        return any(grants_admin(f"{attribute}.{name}", each) for name, each in value.items())
    if isinstance(value, list | tuple):
        return any(grants_admin(attribute, each) for each in value)
    if _ADMIN_NAME.search(attribute) and str(value).strip().lower() in ("true", "1", "yes"):
        return True
    return isinstance(value, str) and bool(_ADMIN_VALUE.search(value))
