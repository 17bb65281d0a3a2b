"""The ``scim`` connection."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import BaseHook

from workplace_provider.common.connection_settings import base_url, http_settings, read_connection
from workplace_provider.common.outgoing import checked_test

if TYPE_CHECKING:
    from workplace_provider.identity.targets.scim import ScimTarget
    from workplace_provider.identity.targets.scim_client import ScimClient

EXAMPLE: Final = "https://app.example.com/scim/v2"


class ScimHook(BaseHook):
    """Makes a SCIM 2.0 client, or a system of accounts, of an Airflow connection.

    Host is the base URL with its path, where ``/Users`` is; the password is a bearer token, or with a login the account's
    password.

    :param scim_conn_id: the connection
    """

    conn_name_attr = "scim_conn_id"
    default_conn_name = "scim_default"
    conn_type = "scim"
    hook_name = "SCIM"

    def __init__(self, scim_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.scim_conn_id = scim_conn_id

    @cached_property
    def client(self) -> ScimClient:
        """The client; made once, sends nothing by itself."""
        return self._client()

    def get_conn(self) -> ScimClient:
        """The client; made once, sends nothing by itself."""
        return self.client

    def target(self, **options: Any) -> ScimTarget:
        """The service's users as a system of accounts.

        :param options: those of :class:`~workplace_provider.identity.targets.scim.ScimTarget`; what is left out comes
            from the connection's extra (``read``, ``bulk``, ``patch_style``)
        """
        from workplace_provider.identity.targets.scim import ScimTarget

        extra = read_connection(self.scim_conn_id, self.conn_type).extra_dejson
        usual = {name: extra[name] for name in ("read", "bulk", "patch_style") if extra.get(name)}
        try:
            return ScimTarget(self.client, **{**usual, **options})
        except ValueError as error:
            raise ValueError(f"connection {self.scim_conn_id}: {error}") from error

    @checked_test
    def test_connection(self) -> tuple[bool, str]:
        """Ask what the service can do, and for one user.

        :return: whether the connection can be used, and a sentence that names what the service offers
        """
        client = self._client(attempts=1)
        config = client.service_provider_config()
        # What a service can do it tells anybody; its users it does not.
        count = client.count()
        features = ("patch", "bulk", "filter", "etag")
        offered = [name for name in features if str((config.get(name) or {}).get("supported")).lower() == "true"]
        says = (
            f"it offers {', '.join(offered) or 'nothing beyond the least'}" if config else "it does not say what it offers"
        )
        return True, f"SCIM at {client.base_url} with {count} users; {says}"

    def _client(self, attempts: int | None = None) -> ScimClient:
        from workplace_provider.http.client import Basic, Bearer
        from workplace_provider.identity.targets.scim_client import connect

        connection = read_connection(self.scim_conn_id, self.conn_type)
        password = connection.password or ""
        auth = Basic(connection.login, password) if connection.login else Bearer(password) if password else None
        extra = connection.extra_dejson
        settings = http_settings(connection.conn_id, extra, attempts=attempts)
        name = str(extra.get("name") or "SCIM")
        return connect(base_url(connection, EXAMPLE), auth=auth, settings=settings, name=name)
