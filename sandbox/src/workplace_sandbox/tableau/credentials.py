"""The body of a sign-in, and the check of its credentials.

Personal access token, name and password, or a JSON web token of the connected app; never two of them. Source: reference
section 2.1.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import Any

import jwt
from lxml import etree

from workplace_sandbox.tableau.accounts import BOT, CONNECTED_APP, PASSWORD, PATS, USERS
from workplace_sandbox.tableau.errors import TableauError

_LONGEST_JWT_SECONDS = 600
_KINDS = ("personalAccessTokenName", "name", "jwt")


@dataclass(frozen=True, slots=True)
class SignInRequest:
    """A request to sign in.

    :param values: attributes of ``credentials``.
    :param site: content URL of the site; empty for the default one.
    :param impersonates: whether it requests another user.
    """

    values: dict[str, str]
    site: str
    impersonates: bool = False


@dataclass(frozen=True, slots=True)
class SignedInUser:
    """A signed-in user, and the personal access token of the sign-in, if any."""

    user: str
    pat: str | None = None


def read_request(body: bytes, content_type: str) -> dict[str, Any]:
    """Return the body of a request as a tree of dictionaries, from XML or JSON.

    :param body: ``<tsRequest>...`` or ``{...}``.
    :param content_type: decides the format.
    :return: the content of ``tsRequest``: attributes and children by name.
    :raises TableauError: 400000.
    """
    try:
        if content_type.partition(";")[0].strip().lower() == "application/json":
            tree = json.loads(body)
        else:
            tree = _children(etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True)))
    except (ValueError, RecursionError, etree.XMLSyntaxError) as error:
        raise _unreadable("The request body cannot be read") from error
    if not isinstance(tree, dict):
        raise _unreadable("The request body is not what was expected")
    return tree


def read_sign_in(tree: dict[str, Any]) -> SignInRequest:
    """Return the credentials in the body of a sign-in.

    :raises TableauError: 400000: they are missing, or of more than one kind.
    """
    credentials = tree.get("credentials")
    if not isinstance(credentials, dict):
        raise _unreadable("The credentials element is missing")
    values = {name: _text(value) for name, value in credentials.items() if not isinstance(value, dict)}
    if len([kind for kind in _KINDS if kind in values]) != 1:
        raise _unreadable("Exactly one kind of credentials is expected: a personal access token, a name, or a jwt")
    user = credentials.get("user")
    # tableau-api-lib sends {"user": {"id": null}} with each personal access token, which impersonates no one.
    impersonates = isinstance(user, dict) and bool(user.get("id"))
    return SignInRequest(values, site_of(credentials), impersonates)


def site_of(parent: dict[str, Any]) -> str:
    """Return the content URL in the element ``site``; empty, for the default site, when it is missing.

    :param parent: the element above it.
    """
    site = parent.get("site")
    return _text(site.get("contentUrl", "")) if isinstance(site, dict) else ""


class CredentialChecker:
    """Checks credentials, and remembers the used JSON web tokens: each is valid for one sign-in."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: set[str] = set()

    def check(self, sign_in: SignInRequest, *, cloud: bool) -> SignedInUser:
        """Return the user of a sign-in.

        :param sign_in: the request.
        :param cloud: whether it is Tableau Cloud, which refuses passwords.
        :raises TableauError: 401001.
        """
        values = sign_in.values
        if sign_in.impersonates:
            raise _sign_in_error("Only a server administrator can sign in as another user.")
        if "jwt" in values:
            return SignedInUser(self._check_jwt(values["jwt"], universal=values.get("isUat", "false").lower() == "true"))
        if "name" in values:
            if cloud:
                raise _sign_in_error("This site demands multi-factor authentication: use a personal access token.")
            if values["name"] not in USERS or values.get("password") != PASSWORD:
                raise _sign_in_error("Error signing in to Tableau Server")
            return SignedInUser(values["name"])
        pat = values["personalAccessTokenName"]
        if pat not in PATS or values.get("personalAccessTokenSecret") != PATS[pat]:
            raise _sign_in_error("The personal access token you provided is invalid.")
        return SignedInUser(BOT, pat)

    def forget(self) -> None:
        """Forget the used JSON web tokens."""
        with self._lock:
            self._seen.clear()

    def _check_jwt(self, token: str, *, universal: bool) -> str:
        if universal:
            raise _sign_in_error("Unified access tokens are not configured.")
        try:
            if jwt.get_unverified_header(token).get("kid") != CONNECTED_APP["secret_id"]:
                raise _sign_in_error("The connected app has no such secret (10084).")
            claims = jwt.decode(
                token,
                CONNECTED_APP["secret_value"],
                algorithms=["HS256"],
                audience="tableau",
                issuer=CONNECTED_APP["client_id"],
                options={"require": ["iss", "sub", "aud", "jti", "exp"]},
            )
        except jwt.PyJWTError as error:
            raise _sign_in_error(f"The JSON web token is not valid: {error} (16 LOGIN_FAILED).") from error
        # The reserved claim is a date of the real world, which the sandbox's clock may have left.
        if claims["exp"] > time.time() + _LONGEST_JWT_SECONDS:
            raise _sign_in_error("The JSON web token expires more than 10 minutes ahead (10096).")
        scopes = claims.get("scp")
        if not isinstance(scopes, list) or not any(str(scope).startswith("tableau:") for scope in scopes):
            raise _sign_in_error("The JSON web token has no scopes (scp) for the REST API (10097).")
        if claims["sub"] not in USERS:
            raise _sign_in_error("The JSON web token is for a user who is not on this site (10081).")
        with self._lock:
            if claims["jti"] in self._seen:
                raise _sign_in_error("The JSON web token was used before (10091).")
            self._seen.add(claims["jti"])
        return str(claims["sub"])


def _children(element: etree._Element) -> dict[str, Any]:
    children: dict[str, Any] = {str(name): str(value) for name, value in element.attrib.items()}
    for child in element:
        if isinstance(child.tag, str):
            children[etree.QName(child).localname] = _children(child)
    return children


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unreadable(detail: str) -> TableauError:
    return TableauError("400000", detail)


def _sign_in_error(detail: str) -> TableauError:
    return TableauError("401001", detail)
