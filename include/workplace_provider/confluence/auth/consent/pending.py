"""Consents that were begun and not answered yet.

Each is a Variable under a digest of its state, because all processes of all API servers see those. Whoever deletes it has
the answer: a database deletes a row once, so a state is good for one answer.
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
"""How the names of the Variables begin; with "token" in them, Airflow's UI masks the values."""

LASTS: Final = 600.0
"""Seconds that a person has; Atlassian's codes live no longer."""

DESCRIPTION: Final = "A consent at Atlassian that is not answered yet; is deleted with its answer, or by the next one begun."


@dataclass(frozen=True, slots=True)
class PendingConsent:
    """What is known of a consent when it is begun, and compared when its answer comes.

    :param user_id: who began it
    :param browser: digest of what is in the cookie of their browser
    :param verifier: the secret of PKCE
    :param redirect_uri: that was sent with the request
    :param expires_at: seconds since 1970
    """

    conn_id: str
    user_id: str
    browser: str
    redirect_uri: str
    verifier: str = field(repr=False)
    expires_at: float = field(default_factory=lambda: time.time() + LASTS)

    def begun_by(self, user_id: str, cookie: str) -> bool:
        """Whether that user began it in that browser."""
        same_browser = bool(cookie) and secrets.compare_digest(self.browser, digest(cookie))
        return same_browser and secrets.compare_digest(self.user_id.encode(), user_id.encode())


def keep(state: str, pending: PendingConsent) -> None:
    """Remember a consent until its answer comes, and forget those for which none came in time."""
    with create_session() as session:
        found = session.scalars(select(Variable).where(Variable.key.startswith(KEY, autoescape=True)))
        ended = [each.id for each in found if _read(each.val) is None]
        # By a statement, to which it is no error that another process was faster.
        session.execute(delete(Variable).where(Variable.id.in_(ended)))
        new = Variable(_key(state), json.dumps(asdict(pending)), DESCRIPTION)  # type: ignore[no-untyped-call]
        session.add(new)


def take(state: str) -> PendingConsent | None:
    """The consent that an answer is to, once; ``None`` when there is none, or it came too late."""
    with create_session() as session:
        row = session.scalar(select(Variable).where(Variable.key == _key(state)))
        pending = _read(row.val) if row is not None else None
        deleted = cast("CursorResult[Any]", session.execute(delete(Variable).where(Variable.key == _key(state))))
        return pending if deleted.rowcount == 1 else None


def digest(secret: str) -> str:
    """What is kept of a secret that is only compared."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _key(state: str) -> str:
    return f"{KEY}{digest(state)}"


def _read(text: str | None) -> PendingConsent | None:
    try:
        pending = PendingConsent(**json.loads(text or ""))
        return pending if pending.expires_at > time.time() else None
    except (TypeError, ValueError):
        # Somebody else wrote it, or the Fernet key is another by now.
        return None
