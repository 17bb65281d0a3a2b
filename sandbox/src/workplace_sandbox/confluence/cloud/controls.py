"""Controls of the cloud for tests and demos: advance time, expire tokens, revoke consents, use up points, archive a page."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from workplace_sandbox.confluence.cloud import CLOUD_ID, SITE_PATH
from workplace_sandbox.confluence.cloud.accounts import BOT, account_id
from workplace_sandbox.confluence.cloud.grants import WEB_APP
from workplace_sandbox.confluence.cloud.oauth import token_json
from workplace_sandbox.confluence.cloud.state import CloudState
from workplace_sandbox.faults import Fault
from workplace_sandbox.state.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from workplace_sandbox.faults import FaultBoard
    from workplace_sandbox.model import User
    from workplace_sandbox.store import Store

OVER_HTTP = frozenset(
    {
        "add_folder",
        "add_person",
        "advance",
        "archive_page",
        "behave_well",
        "consent",
        "expire_access_tokens",
        "make_api_token",
        "people",
        "put_in_folder",
        "ratelimit",
        "revoke_api_token",
        "revoke_consents",
        "revoke_family",
        "set_access_lifetime",
        "set_app_scopes",
        "set_points",
        "set_task_looks",
        "spoil_uploads",
    }
)
"""The actions that other processes may call: ``POST /_sandbox/cloud/<action>`` with the arguments as JSON."""


class CloudControls:
    """The controls of the cloud.

    :param store: the wiki.
    :param faults: the fault rules, for rate limits.
    """

    def __init__(self, store: Store, faults: FaultBoard) -> None:
        self._store = store
        self._faults = faults
        self.state = CloudState()

    @property
    def cloud_id(self) -> str:
        """The id of the site."""
        return CLOUD_ID

    def behave_well(self) -> None:
        """Restore the initial clock, tokens, points and jobs; the wiki stays."""
        self.state.reset()

    # --- time and tokens

    def advance(self, seconds: float | timedelta) -> None:
        """Advance the clock of the cloud: tokens expire, an hour of points ends.

        :param seconds: how much; not negative.
        """
        self.state.clock.advance(seconds.total_seconds() if isinstance(seconds, timedelta) else seconds)

    def set_access_lifetime(self, seconds: float) -> None:
        """Set the lifetime of access tokens that are issued from now on."""
        if seconds <= 0:
            raise ValueError("the lifetime of a token must be positive")
        self.state.grants.access_lifetime = timedelta(seconds=seconds)

    def expire_access_tokens(self) -> int:
        """Expire all access tokens.

        :return: their number.
        """
        return self.state.grants.expire_access()

    def consent(self, scopes: Iterable[str] | None = None, username: str = BOT) -> dict[str, Any]:
        """Record the consent of a person to the app, and issue the first tokens.

        :param scopes: the granted scopes, ``offline_access`` for a refresh token; all scopes of the app when None.
        :param username: the person.
        :return: the response of the token endpoint: ``access_token``, ``refresh_token``, ``expires_in``, ``scope`` and
            ``token_type``.
        :raises NotFoundError: there is no such person.
        """
        self._user(username)
        grants = self.state.grants
        app = grants.app(WEB_APP.client_id) or WEB_APP
        granted = app.scopes if scopes is None else tuple(scopes)
        code = grants.consent(app, username, granted, "http://127.0.0.1/callback")
        return token_json(grants.exchange(app, code, "http://127.0.0.1/callback", None))

    def revoke_consents(self, username: str | None = None) -> int:
        """Revoke consents: all their refresh and access tokens are refused from then on.

        :param username: the person; everyone when None.
        :return: the number of consents.
        """
        return self.state.grants.end_families(username)

    def revoke_family(self, token: str) -> None:
        """Revoke the consent that a token came from, with all tokens of that consent.

        :param token: an access or refresh token.
        :raises NotFoundError: there is no such token.
        """
        if not self.state.grants.end_family(token):
            raise NotFoundError("token")

    def set_app_scopes(self, client_id: str, scopes: Iterable[str]) -> None:
        """Change the scopes of an app from now on; earlier consents keep theirs.

        :raises NotFoundError: there is no such app.
        """
        app = self.state.grants.app(client_id)
        if app is None:
            raise NotFoundError(client_id)
        self.state.grants.add_app(replace(app, scopes=tuple(scopes)))

    def make_api_token(self, username: str = BOT, scopes: Iterable[str] | None = None) -> str:
        """Create an API token.

        :param scopes: its scopes, for the gateway; None for a token without scopes, for the site.
        :return: the token, to be sent with the person's e-mail address.
        """
        self._user(username)
        return self.state.tokens.make(username, scopes)

    def revoke_api_token(self, token: str) -> None:
        """Revoke an API token: it is refused like a wrong one."""
        self.state.tokens.revoke(token)

    # --- limits

    def set_points(self, limit: int, remaining: int | None = None) -> None:
        """Give apps a number of points an hour.

        :param remaining: how many of them are left in this hour; all when None.
        """
        if limit < 1 or (remaining is not None and not 0 <= remaining <= limit):
            raise ValueError("the limit must be at least 1, and the rest between 0 and the limit")
        self.state.budget.set(limit, remaining)

    def ratelimit(self, *, retry_after: int = 60, times: int | None = 1, path: str = f"^{SITE_PATH}/") -> int:
        """Respond to requests with status 429 whatever their caller, as in a burst.

        :param retry_after: seconds.
        :param times: the number of requests; None for all.
        :param path: regular expression that is searched in their paths.
        :return: the id of the fault's rule.
        """
        headers = {
            "Retry-After": str(retry_after),
            "RateLimit-Reason": "confluence-burst-based",
            "Content-Type": "application/json",
        }
        body = '{"code":429,"message":"Rate limit exceeded"}'
        return self._faults.add(Fault(path, "status", times=times, status=429, headers=headers, body=body))

    def spoil_uploads(self, times: int = 1) -> None:
        """Respond 503 to uploads of new attachments, and leave an attachment without bytes behind.

        :param times: how many.
        """
        if times < 0:
            raise ValueError("times must not be negative")
        self.state.spoiled_uploads = times

    def set_task_looks(self, looks: int) -> None:
        """Set how many status requests a background job takes to finish."""
        self.state.task_looks = looks

    # --- the wiki

    def archive_page(self, page_id: str) -> None:
        """Archive a page: out of the tree, but its title stays taken.

        :raises NotFoundError: there is no such page.
        """
        self._store.archive_page(page_id)

    def add_folder(self, title: str, parent_id: str | None = None, *, space: str = "ANALYTICS", username: str = BOT) -> str:
        """Create a folder.

        :param parent_id: the page or folder above it; None for the top of the space.
        :return: its id.
        """
        return self._store.add_folder(space, title, parent_id, author=username).id

    def make_live_doc(self, page_id: str) -> None:
        """Turn a page into a live doc, whose current version may be empty; only lists show that."""
        if self._store.page(page_id) is None:
            raise NotFoundError(page_id)
        self.state.live_docs.add(page_id)

    def put_in_folder(self, page_id: str, folder_id: str) -> None:
        """Move a page directly below a folder."""
        page = self._store.page(page_id)
        if page is None or self._store.folder(folder_id) is None:
            raise NotFoundError(page_id if page is None else folder_id)
        if page.parent_id is not None:
            self._store.update_page(page_id, author=page.updated_by, parent_id=None)
        self._store.put_in_folder(page_id, folder_id)

    # --- people

    def people(self) -> list[dict[str, Any]]:
        """Return the people of the site: user name, name, e-mail address and account id."""
        return [asdict(user) | {"account_id": account_id(user.username)} for user in self._store.users()]

    def account_id(self, username: str) -> str:
        """Return the account id of a person.

        :raises NotFoundError: there is no such person.
        """
        return account_id(self._user(username).username)

    def add_person(self, username: str, display_name: str, email: str = "") -> dict[str, Any]:
        """Add a person to the site.

        :return: as in ``people``.
        """
        user = self._store.add_user(username, display_name, email)
        return asdict(user) | {"account_id": account_id(username)}

    def run(self, action: str, arguments: Mapping[str, Any]) -> Any:
        """Run an action for another process.

        :param action: name of a method; see ``OVER_HTTP``.
        :param arguments: by name.
        :return: the result as JSON.
        :raises NotFoundError: there is no such action, person, page or app.
        :raises TypeError: the arguments do not fit.
        :raises ValueError: a value is invalid.
        """
        if action not in OVER_HTTP:
            raise NotFoundError(action)
        return {"result": getattr(self, action)(**arguments)}

    def _user(self, username: str) -> User:
        user = self._store.user(username)
        if user is None:
            raise NotFoundError(username)
        return user
