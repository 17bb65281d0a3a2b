"""How to sign in to Tableau: the four kinds of credentials, and the body of the sign-in request."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from lxml import etree

# A connected app's token may live for ten minutes at most, and is used at once.
_JWT_LIFE: Final = timedelta(minutes=5)
DEFAULT_SCOPES: Final = ("tableau:content:read", "tableau:views:download")


@dataclass(frozen=True, slots=True)
class PersonalAccessToken:
    """A personal access token. It has one session: signing in with it again ends the session before.

    :param name: the token's name
    :param secret: its secret
    """

    name: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class UserPassword:
    """A user's name and password: Tableau Server, or Tableau Cloud without multi-factor authentication."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Jwt:
    """A token that somebody else made.

    :param unified: it is of the unified access token kind (``isUat``)
    """

    token: str = field(repr=False)
    unified: bool = False


@dataclass(frozen=True, slots=True)
class ConnectedApp:
    """A connected app with direct trust: a token of its own is made for every sign-in.

    :param client_id: the app's client id
    :param secret_id: id of its secret
    :param secret_value: the secret
    :param user: Tableau user to act as
    :param scopes: what the token permits
    """

    client_id: str
    secret_id: str
    secret_value: str = field(repr=False)
    user: str
    scopes: Sequence[str] = DEFAULT_SCOPES

    def mint(self, now: datetime | None = None) -> str:
        """Make a token: HS256, with the claims of Tableau's documentation of connected apps."""
        import jwt  # not needed for the other kinds

        now = now or datetime.now(UTC)
        claims = {
            "iss": self.client_id,
            "sub": self.user,
            "aud": "tableau",
            "jti": str(uuid.uuid4()),
            "exp": now + _JWT_LIFE,
            # Clocks differ by some seconds.
            "nbf": now - timedelta(seconds=5),
            "scp": list(self.scopes),
        }
        headers = {"kid": self.secret_id, "iss": self.client_id}
        return jwt.encode(claims, self.secret_value, algorithm="HS256", headers=headers)


Credential: TypeAlias = PersonalAccessToken | UserPassword | Jwt | ConnectedApp


def named(credential: Credential) -> str:
    """The credential for people, without its secret."""
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
    """The body of ``POST /auth/signin``, as XML, which every version of the server understands.

    :param site: the site's name in URLs; empty for the default site of a server
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
