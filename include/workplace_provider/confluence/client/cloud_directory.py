"""Names and ids on Confluence Cloud: API v2 knows spaces and accounts by id, people by key and name. Both are cached."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.confluence.client.decoding import decode
from workplace_provider.confluence.client.listing import listed
from workplace_provider.confluence.client.responses import Account, Listing, Space
from workplace_provider.http.errors import Forbidden, NotFound
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.confluence.client.cloud_connection import CloudConnection

log = get_logger("workplace_provider.confluence")

LISTING: Final = 250


class CloudDirectory:
    """The spaces and accounts of a site.

    :param connection: to the site
    """

    def __init__(self, connection: CloudConnection) -> None:
        self._connection = connection
        self._space_ids: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._naming = threading.Lock()

    def space_id(self, key: str) -> str:
        """Return the id of a space.

        :raises NotFound: when the account sees no space with this key
        """
        if key not in self._space_ids:
            for space in self._spaces({"keys": key}):
                self._space_ids[space.key] = str(space.id)
        if key not in self._space_ids:
            self._connection.access.verify()
            raise NotFound(
                f"no space with key {key!r} on this Confluence site",
                code="space-missing",
                advice="check the key, and that the connection's account may see the space",
            )
        return self._space_ids[key]

    def space_key(self, space_id: str) -> str:
        """Return the key of a space; empty when the account does not see it."""
        keys = {number: key for key, number in list(self._space_ids.items())}
        if space_id and space_id not in keys:
            for space in self._spaces({"ids": space_id}):
                self._space_ids[space.key] = str(space.id)
                keys[str(space.id)] = space.key
        return keys.get(space_id, "")

    def home_page(self, key: str) -> str:
        """Return the id of a space's home page; empty when it has no home page."""
        return next((str(space.homepage_id or "") for space in self._spaces({"keys": key}) if space.key == key), "")

    def name_of(self, account_id: str) -> str:
        """Return the name that people see for an account; its id when the account may not read names."""
        return self.names_of([account_id]).get(account_id, account_id) if account_id else account_id

    def names_of(self, account_ids: Collection[str]) -> Mapping[str, str]:
        """Return the names that people see for accounts; ids when the account may not read names."""
        # The lock lets several workers that need the same names request them once.
        with self._naming:
            unknown = sorted(name for name in set(account_ids) if name and name not in self._names)
            for start in range(0, len(unknown), LISTING):
                self._read_names(unknown[start : start + LISTING])
            return {account_id: self._names[account_id] for account_id in account_ids if account_id}

    def _read_names(self, account_ids: Sequence[str]) -> None:
        http = self._connection.http
        users: Sequence[Account] = ()
        try:
            response = http.request("POST", "api/v2/users-bulk", json={"accountIds": account_ids}, idempotent=True)
        except Forbidden as error:
            log.info("authors are shown by account id: %s", error)
        else:
            users = decode(http, response, Listing[Account]).results
        self._names.update(zip(account_ids, account_ids, strict=True))
        for user in users:
            self._names[user.name] = user.shown or user.name

    def _spaces(self, params: Mapping[str, Any]) -> Iterator[Space]:
        return listed(self._connection.http, "api/v2/spaces", {"limit": LISTING, **params}, Space)
