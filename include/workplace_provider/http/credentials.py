"""Checks of credentials and URLs before they are used. The errors name the field and never contain the value.

HTTP libraries print a header or a URL that they cannot send. So a value with a line break, the most common paste error, must
not reach them.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit

from workplace_provider.http.redaction import has_invisible

# RFC 9110, 5.6.2 and 5.5.
_HEADER_NAME: Final = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
_HEADER_VALUE: Final = re.compile(r"[\x21-\x7e\xa1-\xff](?:[\x20-\x7e\xa1-\xff\t]*[\x21-\x7e\xa1-\xff])?|")
_VISIBLE_ASCII: Final = re.compile(r"[\x21-\x7e]*")


class InvalidCredential(ValueError):
    """A credential, a header or a URL that cannot be sent as it is. The message does not contain it."""


def check_token(value: str, field: str) -> str:
    """Return a token, which is visible ASCII without spaces.

    :param field: what the error calls it
    :raises InvalidCredential: it has another character
    """
    if _VISIBLE_ASCII.fullmatch(value):
        return value
    raise InvalidCredential(f"{field} contains {_problem(value)}; copy the token again, without what is around it")


def check_password(value: str, field: str) -> str:
    """Return a password or user name, which may have spaces and letters of any language inside.

    :param field: what the error calls it
    :raises InvalidCredential: it has a control character, or a space at either end
    """
    if has_invisible(value) or "\n" in value or "\t" in value or value != value.strip():
        raise InvalidCredential(f"{field} contains {_problem(value)}; enter it again, without what is around it")
    return value


def check_header(name: str, value: str, field: str = "") -> str:
    """Return the value of a header.

    :param field: what the error calls it; by default the header's name
    :raises InvalidCredential: name or value cannot be sent
    """
    if not _HEADER_NAME.fullmatch(name):
        raise InvalidCredential(f"{field or 'a header'} has a name with a character that headers cannot have")
    if not _HEADER_VALUE.fullmatch(value):
        raise InvalidCredential(f"{field or f'the header {name}'} contains {_problem(value)}")
    return value


def check_url(value: str, field: str, *, schemes: tuple[str, ...] = ("http", "https"), user_info: bool = False) -> str:
    """Return the URL of a server or a proxy.

    :param field: what the error calls it
    :param schemes: those that it may have
    :param user_info: whether it may have a user and a password in it
    :raises InvalidCredential: it cannot be used
    """
    if value.split() != [value] or has_invisible(value):
        raise InvalidCredential(f"{field} contains {_problem(value)}" if value else f"{field} is empty")
    scheme, separator, rest = value.partition("://")
    if not separator or scheme.lower() not in schemes:
        raise InvalidCredential(f"{field} must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    if not user_info and "@" in rest:
        raise InvalidCredential(
            f"{field} contains a user or a password (an @); put them into the connection's login and password"
        )
    if "?" in rest or "#" in rest or "\\" in rest:
        raise InvalidCredential(f"{field} must end with the path: it contains a query, a fragment or a backslash")
    try:
        parts = urlsplit(value)
        usable = bool(parts.hostname) and parts.port != 0 and not re.search(r"[\s<>\"{}|^`,;]", parts.netloc)
    except ValueError:  # the message of the standard library has the URL in it
        usable = False
    if not usable:
        raise InvalidCredential(f"{field} has no valid host name and port")
    return value


def has_dot_segment(path: str) -> bool:
    """Return whether a path has a ``.`` or ``..`` in it, which HTTP libraries and servers resolve (RFC 3986, 5.2.4).

    Percent-encoding does not protect it: libraries decode what needs no encoding (6.2.2.2).
    """
    folders = path.partition("?")[0].partition("#")[0].split("/")
    return any(unquote(folder) in (".", "..") for folder in folders if len(folder) <= len("%2E%2E"))


def _problem(value: str) -> str:
    """Name what is wrong with a value."""
    if "\n" in value or "\r" in value:
        return "a line break"
    if has_invisible(value):
        return "a control character"
    if re.search(r"\s", value):
        return "a space"
    return "a character that is not ASCII"
