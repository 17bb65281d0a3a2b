"""Connections of systems with accounts: the ``scim`` hook, and targets for the definitions of syncs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import BaseHook

from workplace_provider.common.connection_settings import base_url, http_settings, read_connection
from workplace_provider.common.http_connection import http_connection
from workplace_provider.common.outgoing import checked_test

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from workplace_provider.identity import Directory, IdentityTarget
    from workplace_provider.identity.definition import SyncDefinition
    from workplace_provider.identity.sources.slack import SlackExtras
    from workplace_provider.identity.sources.slack_profiles import ProfileCache
    from workplace_provider.identity.targets.file_target import FileTarget
    from workplace_provider.identity.targets.rest import RestTarget
    from workplace_provider.identity.targets.scim import ScimTarget
    from workplace_provider.identity.targets.scim_client import ScimClient

__all__ = ["ScimHook", "account_target", "read_people", "read_slack", "rest_target"]

SCIM_EXAMPLE: Final = "https://app.example.com/scim/v2"
REST_EXAMPLE: Final = "https://members.example.com/api"


class ScimHook(BaseHook):
    """Airflow hook for a SCIM 2.0 service.

    The connection's host is the URL above ``/Users``. Its password is a bearer token, or, with a login, the user's
    password::

        hook = ScimHook("portal")
        client = hook.client
        accounts = list(hook.target(attributes=["displayName"]).read())

    :param scim_conn_id: connection of type ``scim``
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
        """The client, created on first use. Creating it sends nothing."""
        return self._client()

    def get_conn(self) -> ScimClient:
        """Return the client."""
        return self.client

    def target(self, **options: Any) -> ScimTarget:
        """Return the service's users as a system of accounts.

        :param options: arguments of :class:`~workplace_provider.identity.targets.scim.ScimTarget`; the connection's extra
            has the defaults of ``read``, ``bulk`` and ``patch_style``
        """
        from workplace_provider.identity.targets.scim import ScimTarget

        extra = read_connection(self.scim_conn_id, self.conn_type).extra_dejson
        defaults = {name: extra[name] for name in ("read", "bulk", "patch_style") if extra.get(name)}
        try:
            return ScimTarget(self.client, **{**defaults, **options})
        except ValueError as error:
            raise ValueError(f"connection {self.scim_conn_id}: {error}") from error

    @checked_test
    def test_connection(self) -> tuple[bool, str]:
        """Read the service's features and one user.

        :return: whether the connection works, and a sentence with the features of the service
        """
        client = self._client(attempts=1)
        config = client.service_provider_config()
        # Some services publish their features without a credential, but never their users.
        count = client.count()
        features = ("patch", "bulk", "filter", "etag")
        offered = [name for name in features if str((config.get(name) or {}).get("supported")).lower() == "true"]
        summary = f"it offers {', '.join(offered) or 'no optional feature'}" if config else "it does not list its features"
        return True, f"SCIM at {client.base_url} with {count} users; {summary}"

    def _client(self, attempts: int | None = None) -> ScimClient:
        from workplace_provider.http.client import Basic, Bearer
        from workplace_provider.identity.targets.scim_client import connect

        connection = read_connection(self.scim_conn_id, self.conn_type)
        password = connection.password or ""
        auth = Basic(connection.login, password) if connection.login else Bearer(password) if password else None
        extra = connection.extra_dejson
        settings = http_settings(connection.conn_id, extra, attempts=attempts)
        name = str(extra.get("name") or "SCIM")
        return connect(base_url(connection, SCIM_EXAMPLE), auth=auth, settings=settings, name=name)


def rest_target(http_conn_id: str, description: Path) -> RestTarget:
    """Return a REST service as a system of accounts, from a connection of type ``http`` and a description in YAML.

    :func:`~workplace_provider.common.http_connection.http_connection` documents the connection. With ``"auth": "headers"``
    in its extra, the headers of the description contain the credential::

        target = rest_target("members_api", Path("include/identity/services/member_service.yaml"))

    :param http_conn_id: the connection
    :param description: the file
    :raises ValueError: connection or description are invalid; the message names the place
    """
    from workplace_provider.identity.targets.description import load
    from workplace_provider.identity.targets.rest import RestTarget

    connection = http_connection(http_conn_id, REST_EXAMPLE)
    return RestTarget(
        load(description),
        connection.base_url,
        auth=connection.auth,
        login=connection.login,
        headers=connection.headers,
        settings=connection.settings,
    )


def read_slack(slack_conn_id: str, team_id: str | None = None, extras: SlackExtras | None = None) -> Directory:
    """Return the current directory of a Slack workspace.

    :param slack_conn_id: connection of type ``slack``
    :param team_id: workspace; required for a token of an Enterprise organization
    :param extras: channels and profile fields to read
    """
    from workplace_provider.identity.sources.slack import read_slack_directory
    from workplace_provider.slack.hooks.directory import SlackDirectoryHook

    with closing(SlackDirectoryHook(slack_conn_id=slack_conn_id, team_id=team_id)) as hook:
        return read_slack_directory(hook, extras)


def read_people(definition: SyncDefinition, slack_conn_id: str, cache: ProfileCache | None = None) -> Directory:
    """Return the people of a definition: of its ``source``, else of a Slack workspace.

    ::

        directory = read_people(load(Path("include/identity/crm.yaml")), "slack_api_default")

    :param slack_conn_id: connection of type ``slack``, for a definition without a source
    :param cache: custom profile fields of earlier runs
    :raises WorkplaceError: the people could not be read completely
    :raises ValueError: a connection or a file is invalid
    """
    from workplace_provider.identity.sources.slack import SlackExtras

    source = definition.source or {"type": "slack", "conn_id": slack_conn_id}
    extras = SlackExtras(channels=definition.channels, cache=cache)
    return _read_source(source, definition.folder, extras)


def _read_source(source: Mapping[str, Any], folder: Path, extras: SlackExtras) -> Directory:
    """Return the people of a source, which has been checked.

    :param folder: folder of files that the source names
    :param extras: parts of Slack workspaces to read
    """
    kind = source["type"]
    if kind == "slack":
        extras = replace(
            extras,
            profile_fields=source.get("profile_fields") or {},
            max_profile_reads=source.get("max_profile_reads", extras.max_profile_reads),
        )
        return read_slack(str(source["conn_id"]), source.get("team_id"), extras)
    if kind == "scim":
        from workplace_provider.identity.sources.scim import read_scim_directory

        conn_id = str(source["conn_id"])
        with closing(ScimHook(conn_id).client) as client:
            return read_scim_directory(client, f"scim:{source.get('name') or conn_id}")
    if kind == "file":
        from workplace_provider.identity.sources.file import read_people_file

        return read_people_file(
            _file_of(source, folder),
            source["columns"],
            source=f"file:{source['name']}",
            active_values=source.get("active_values", ()),
            format=str(source.get("format") or ""),
        )
    from workplace_provider.identity.source_definition import MergeRule
    from workplace_provider.identity.sources.merged import merge_directories

    rule = MergeRule(by=str(source.get("by") or "email"), agree=tuple(source.get("agree", ())))
    extras = replace(extras, channels_elsewhere=True)
    directories = [_read_source(part, folder, extras) for part in source["sources"]]
    return merge_directories(directories, rule, f"merged:{source['name']}")


def _file_of(options: Mapping[str, Any], folder: Path) -> Path | ObjectStoragePath:
    """Return the file of a source or a target: a path in the folder of definitions, or an object in an object store."""
    path = str(options["path"])
    if "://" not in path:
        return folder / path
    from airflow.sdk import ObjectStoragePath

    return ObjectStoragePath(path, conn_id=options.get("storage_conn_id"))


def account_target(definition: SyncDefinition) -> IdentityTarget:
    """Return the system whose accounts a definition syncs.

    ``target`` of a definition has a ``type`` and further keys:

    * ``scim``: ``conn_id`` of a connection of type ``scim``, and arguments of
      :class:`~workplace_provider.identity.targets.scim.ScimTarget`: ``attributes`` (by default those of the
      mapping), ``read``, ``bulk``, ``patch_style``, ``page_size``, ``members``, ``group_patch_style``
    * ``rest``: ``conn_id`` of a connection of type ``http``, and ``service``: a description of the service, relative to the
      definition's folder
    * ``csv``, ``json`` and ``yaml``: ``path`` of the file, relative to the definition's folder, or an object-storage URL
      with ``storage_conn_id``, and ``columns``: the attribute of each column or key; for JSON and YAML, ``records``: the
      keys to the list of accounts, separated by dots

    ::

        with closing(account_target(load(Path("include/identity/members.yaml")))) as target:
            accounts = list(target.read())

    :raises DefinitionError: the target is invalid; the message names file and key
    :raises ValueError: its connection or its file is invalid
    """
    from workplace_provider.identity.definition import DefinitionError

    # The definition has already checked the type and the keys.
    options = dict(definition.target)
    kind = options.pop("type")
    try:
        if kind == "scim":
            return _scim_target(definition, options)
        if kind == "rest":
            return _described_target(definition, options)
        return _file_target(definition, kind, options)
    except TypeError as error:
        raise DefinitionError(f"{definition.where}: target: {error}") from error


def target_secrets(definition: SyncDefinition) -> dict[str, str]:
    """Return the secrets of a definition: the passwords of their connections, by the names of the secrets.

    :raises ValueError: a connection has no password
    """
    secrets: dict[str, str] = {}
    for name, conn_id in definition.secrets.items():
        # The secret is the password of an account, so unlike a token it may contain spaces and any letters.
        password = read_connection(conn_id, token=False).password
        if not password:
            raise ValueError(f"{definition.where}: secrets.{name}: the connection {conn_id} has no password. Add it there")
        secrets[name] = password
    return secrets


def _scim_target(definition: SyncDefinition, options: Mapping[str, Any]) -> ScimTarget:
    mapped = [declared.target for declared in definition.mapping.maps if not declared.secret]
    arguments = {
        "attributes": mapped,
        **{name: value for name, value in options.items() if name not in ("conn_id", "conn_ids")},
    }
    return ScimHook(str(options["conn_id"])).target(**arguments)


def check_service(definition: SyncDefinition) -> None:
    """Check the description of the service that a definition names, and the mapping against it. Needs no connection.

    :raises DescriptionError: the description is invalid
    :raises MappingError: the mapping does not fit the description
    """
    if definition.target["type"] == "rest":
        from workplace_provider.identity.targets.description import check_mapping, load

        description = definition.folder / str(definition.target["service"])
        check_mapping(load(description), definition.mapping, f"{definition.where} and {description.name}")


def _described_target(definition: SyncDefinition, options: Mapping[str, Any]) -> RestTarget:
    check_service(definition)
    return rest_target(str(options["conn_id"]), definition.folder / str(options["service"]))


def _file_target(definition: SyncDefinition, kind: str, options: Mapping[str, Any]) -> FileTarget:
    file = _file_of(options, definition.folder)
    if kind == "csv":
        from workplace_provider.identity.targets.csv_file import CsvTarget

        return CsvTarget(file, options["columns"])
    from workplace_provider.identity.targets.text_files import JsonTarget, YamlTarget

    target = JsonTarget if kind == "json" else YamlTarget
    return target(file, options["columns"], records=str(options.get("records") or ""))
