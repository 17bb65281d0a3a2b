"""The four kinds of credentials for Tableau, and the body of the sign-in request."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from lxml import etree

# Tableau accepts a lifetime of at most ten minutes; the client uses the token immediately.
_JWT_LIFE: Final = timedelta(minutes=5)
DEFAULT_SCOPES: Final = ("tableau:content:read", "tableau:views:download")


@dataclass(frozen=True, slots=True)
class PersonalAccessToken:
    """A personal access token. It has one session at a time: each sign-in ends the previous session.

    :param name: name of the token
    :param secret: secret of the token
    """

    name: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class UserPassword:
    """A user name and password, for Tableau Server, or Tableau Cloud without multi-factor authentication."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Jwt:
    """A JSON web token that another system issued.

    :param token: the token
    :param unified: the token is a unified access token (``isUat``)
    """

    token: str = field(repr=False)
    unified: bool = False


@dataclass(frozen=True, slots=True)
class ConnectedApp:
    """A connected app with direct trust. The client issues a new token for every sign-in.

    :param client_id: client id of the app
    :param secret_id: id of the app's secret
    :param secret_value: the secret
    :param user: Tableau user to act as
    :param scopes: permissions of the token
    """

    client_id: str
    secret_id: str
    secret_value: str = field(repr=False)
    user: str
    scopes: Sequence[str] = DEFAULT_SCOPES

    def mint(self, now: datetime | None = None) -> str:
        """Issue a token: HS256, with the claims from Tableau's documentation of connected apps."""
        import jwt  # the other kinds of credentials do not need it

        now = now or datetime.now(UTC)
        claims = {
            "iss": self.client_id,
            "sub": self.user,
            "aud": "tableau",
            "jti": str(uuid.uuid4()),
            "exp": now + _JWT_LIFE,
            # Tolerates a difference of some seconds between the clocks.
            "nbf": now - timedelta(seconds=5),
            "scp": list(self.scopes),
        }
        headers = {"kid": self.secret_id, "iss": self.client_id}
        return jwt.encode(claims, self.secret_value, algorithm="HS256", headers=headers)


Credential: TypeAlias = PersonalAccessToken | UserPassword | Jwt | ConnectedApp


def describe(credential: Credential) -> str:
    """Return the description of a credential for messages, without its secret."""
    match credential:
        case PersonalAccessToken(name=name):
            return f"the personal access token {name!r}"
        case UserPassword(user=user):
            return f"the user {user!r}"
        case Jwt():
            return "the given JWT"
        case ConnectedApp(client_id=client_id, user=user):
            return f"the connected app {client_id} as {user!r}"


def sign_in_body(credential: Credential, site: str) -> bytes:
    """Return the body of ``POST /auth/signin``, in XML, which all versions of the server support.

    :param site: name of the site in URLs; empty for the default site of a server
    """
    request = etree.Element("tsRequest")
    element = etree.SubElement(request, "credentials")
    match credential:
        case PersonalAccessToken(name=name, secret=secret):
            element.set("personalAccessTokenName", name)
            element.set("personalAccessTokenSecret", secret)
        case UserPassword(user=user, password=password):
            element.set("name", user)
            element.set("password", password)
        case Jwt(token=token, unified=unified):
            element.set("jwt", token)
            if unified:
                element.set("isUat", "true")
        case ConnectedApp() as app:
            element.set("jwt", app.mint())
    etree.SubElement(element, "site").set("contentUrl", site)
    return etree.tostring(request, encoding="utf-8", xml_declaration=True)
