"""Consents that were started and are not finished yet.

Each is stored in a Variable, under a digest of its state, because all processes of all API servers read Variables. The
process that deletes the Variable handles the redirect: a database deletes a row once, so a state is accepted once.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, cast

from airflow.models.variable import Variable
from airflow.utils.session import create_session
from sqlalchemy import delete, select

if TYPE_CHECKING:
    from sqlalchemy import CursorResult

KEY: Final = "workplace_consent_token_"
"""Prefix of the Variables' names. Airflow's UI masks their values because of "token" in the name."""

LASTS: Final = 600.0
"""Seconds until a started consent expires; Atlassian's codes do not last longer."""

DESCRIPTION: Final = "A consent at Atlassian that is not finished yet; deleted when it is finished or has expired."


@dataclass(frozen=True, slots=True)
class PendingConsent:
    """A started consent; the redirect from Atlassian is compared with it.

    :param user_id: user who started it
    :param browser: digest of the cookie in the user's browser
    :param verifier: the PKCE verifier
    :param redirect_uri: callback URL that was sent with the request
    :param expires_at: seconds since 1970
    """

    conn_id: str
    user_id: str
    browser: str
    redirect_uri: str
    verifier: str = field(repr=False)
    expires_at: float = field(default_factory=lambda: time.time() + LASTS)

    def started_by(self, user_id: str, cookie: str) -> bool:
        """Return whether this user started it in this browser."""
        same_browser = bool(cookie) and secrets.compare_digest(self.browser, digest(cookie))
        return same_browser and secrets.compare_digest(self.user_id.encode(), user_id.encode())


def save(state: str, pending: PendingConsent) -> None:
    """Store a started consent, and delete those that have expired."""
    with create_session() as session:
        stored = session.scalars(select(Variable).where(Variable.key.startswith(KEY, autoescape=True)))
        expired = [variable.id for variable in stored if _read(variable.val) is None]
        # A statement does not fail when another process has deleted the rows.
        session.execute(delete(Variable).where(Variable.id.in_(expired)))
        new = Variable(_key(state), json.dumps(asdict(pending)), DESCRIPTION)  # type: ignore[no-untyped-call]
        session.add(new)


def take(state: str) -> PendingConsent | None:
    """Return and delete the consent with this state; ``None`` when it is unknown or has expired."""
    with create_session() as session:
        row = session.scalar(select(Variable).where(Variable.key == _key(state)))
        pending = _read(row.val) if row is not None else None
        deleted = cast("CursorResult[Any]", session.execute(delete(Variable).where(Variable.key == _key(state))))
        return pending if deleted.rowcount == 1 else None


def digest(secret: str) -> str:
    """Return the digest of a secret that is only compared."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _key(state: str) -> str:
    return f"{KEY}{digest(state)}"


def _read(text: str | None) -> PendingConsent | None:
    try:
        pending = PendingConsent(**json.loads(text or ""))
        return pending if pending.expires_at > time.time() else None
    except (TypeError, ValueError):
        # The value was written by something else, or the Fernet key has changed.
        return None
