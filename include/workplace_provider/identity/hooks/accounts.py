"""The system of accounts that a definition of a sync names, from Airflow's connections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.common.connection_settings import read_connection
from workplace_provider.identity.definition import DefinitionError, SyncDefinition

if TYPE_CHECKING:
    from workplace_provider.identity import IdentityTarget


def account_target(definition: SyncDefinition) -> IdentityTarget:
    """The system whose accounts the sync keeps in step.

    ``target`` of a definition has a ``type``, and beside it:

    * ``scim``: ``conn_id`` of a connection of type ``scim``, and what
      :class:`~workplace_provider.identity.targets.scim.ScimTarget` takes: ``attributes`` (by default those of the
          mapping), ``read``, ``bulk``, ``patch_style``
    * ``rest``: ``conn_id`` of a connection of type ``http``, and ``service``: a file that describes the service, beside the
      definition
    * ``csv``: ``path`` of the file, beside the definition, or an object-storage URL with ``storage_conn_id``, and
      ``columns``: the attribute of each column

    :raises DefinitionError: the target cannot be used; the message names file and key
    :raises ValueError: the same of its connection or its file
    """
    # The definition has checked type and keys.
    kind = definition.target["type"]
    given = {name: value for name, value in definition.target.items() if name != "type"}
    try:
        return _KINDS[kind](definition, given)
    except TypeError as error:
        raise DefinitionError(f"{definition.where}: target: {error}") from error


def target_secrets(definition: SyncDefinition) -> dict[str, str]:
    """The secrets that the mapping of a sync names: the passwords of the connections that the definition gives for them.

    :raises ValueError: a connection has no password
    """
    found: dict[str, str] = {}
    for name, conn_id in definition.secrets.items():
        # It becomes the password of an account, which may have spaces and letters of any language.
        password = read_connection(conn_id, token=False).password
        if not password:
            raise ValueError(f"{definition.where}: secrets.{name}: the connection {conn_id} has no password")
        found[name] = password
    return found


def _scim(definition: SyncDefinition, given: Mapping[str, Any]) -> IdentityTarget:
    from workplace_provider.identity.hooks.scim import ScimHook

    mapped = [each.target for each in definition.mapping.maps if not each.secret]
    options = {"attributes": mapped, **{name: value for name, value in given.items() if name != "conn_id"}}
    return ScimHook(str(given["conn_id"])).target(**options)


def _rest(definition: SyncDefinition, given: Mapping[str, Any]) -> IdentityTarget:
    from workplace_provider.identity.hooks.rest import rest_target
    from workplace_provider.identity.targets.description import check_mapping, load

    description = definition.folder / str(given["service"])
    check_mapping(load(description), definition.mapping, f"{definition.where} and {description.name}")
    return rest_target(str(given["conn_id"]), description)


def _csv(definition: SyncDefinition, given: Mapping[str, Any]) -> IdentityTarget:
    from workplace_provider.identity.targets.csv_file import CsvTarget

    path = str(given["path"])
    if "://" in path:
        from airflow.sdk import ObjectStoragePath

        return CsvTarget(ObjectStoragePath(path, conn_id=given.get("storage_conn_id")), given["columns"])
    return CsvTarget(definition.folder / path, given["columns"])


_Make = Callable[[SyncDefinition, Mapping[str, Any]], "IdentityTarget"]
_KINDS: Final[Mapping[str, _Make]] = {"scim": _scim, "rest": _rest, "csv": _csv}
