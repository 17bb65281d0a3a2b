"""The command ``workplace identity``: checks definitions of syncs, and prints the plan of one. It writes nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.common.terminal import for_terminal, print_text, use_all_connections
from workplace_provider.http.redaction import sanitize_text

if TYPE_CHECKING:
    from workplace_provider.identity import Directory, SyncState
    from workplace_provider.identity.definition import SyncDefinition
    from workplace_provider.identity.operators.profiles import StoredProfiles
    from workplace_provider.identity.sources.slack_profiles import CachedProfile

FAILED: Final = 1
BLOCKED: Final = 3
"""Exit code for a plan that a gate blocks; 2 is that of an invalid command line."""
ROWS: Final = 50


def main(arguments: Sequence[str] | None = None, *, prog: str = "workplace identity") -> int:
    """Run the command.

    :param arguments: arguments of the command; ``None`` for those of this process
    :param prog: the command as people type it
    :return: exit code: 0 for success, 1 for a problem, 3 for a plan that a gate blocks
    """
    options = _parser(prog).parse_args(arguments)
    use_all_connections()
    if options.action == "reference":
        return _reference()
    if options.action == "check":
        return max(_check_file(path, options, prog) for path in options.files)
    with _errors_of(prog) as errors:
        return _plan(options)
    return errors.code


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog, description="Check and plan account syncs. Nothing is written.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser(
        "check",
        help="check definitions",
        description="Check definitions of syncs and the descriptions of services that they name.",
    )
    check.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a definition, such as include/identity/crm.yaml")
    check.add_argument("--online", action="store_true", help="also read the source, the accounts and the secrets")
    plan = actions.add_parser(
        "plan",
        help="print the plan of a sync",
        description="Read the people and the accounts, and print what a run would write, as Markdown. The exit code is 3 if "
        "a gate blocks the plan.",
    )
    plan.add_argument("file", type=Path, metavar="FILE", help="a definition")
    plan.add_argument("--only", action="append", metavar="PERSON", help="plan only for this person; repeat for several")
    plan.add_argument("--conn-id", metavar="ID", help="another connection of the target, of its conn_ids")
    plan.add_argument("--rows", type=int, default=ROWS, help="rows for each kind of operation (%(default)s)")
    actions.add_parser("reference", help="print the reference of all keys as Markdown")
    for action in (check, plan):
        action.add_argument(
            "--slack-conn-id", default="slack_api_default", metavar="ID", help="connection of the workspace (%(default)s)"
        )
    return parser


def _reference() -> int:
    from workplace_provider.identity.reference import identity_reference

    sys.stdout.write(identity_reference())
    return 0


def _check_file(path: Path, options: argparse.Namespace, prog: str) -> int:
    with _errors_of(f"{prog}: {path}") as errors:
        definition = _load(path)
        summary = f"{definition.target['type']}, {len(definition.mapping.maps)} attributes"
        if options.online:
            summary += f"; {_check_online(definition, options)}"
        print_text(f"{path}: valid ({summary})")
    return errors.code


def _load(path: Path) -> SyncDefinition:
    """Read a definition, with its schedule and the description of its service."""
    from workplace_provider.identity.definition import load
    from workplace_provider.identity.hooks import check_service
    from workplace_provider.identity.operators.schedule import schedule_of

    definition = load(path)
    schedule_of(definition.schedule, definition.where)
    check_service(definition)
    return definition


def _check_online(definition: SyncDefinition, options: argparse.Namespace) -> str:
    """Read everything that a run reads, and return its size."""
    from workplace_provider.identity import SyncState, read_groups
    from workplace_provider.identity.groups import check_rules
    from workplace_provider.identity.hooks import account_target, target_secrets

    target_secrets(definition)
    directory = _read_directory(definition, options)
    definition.scope.check_groups(directory.groups)
    definition.mapping.check_groups(directory.groups)
    check_rules(definition.groups, directory.groups)
    wanted = [identity for identity in directory.identities if identity.is_active_person]
    in_scope = sum(not definition.scope.exclusion_reason(identity) for identity in wanted)
    with closing(account_target(definition)) as target:
        accounts = f"{sum(1 for _ in target.read())} accounts" if target.capabilities.listing else "accounts by look-up"
        groups = read_groups(target, definition.groups, directory.source, SyncState())
    if groups.unreadable:
        raise ValueError(f"{definition.where}: groups: they could not be read: {groups.unreadable}")
    found = f", {len(groups.groups)} of {len(definition.groups)} groups exist" if definition.groups else ""
    return f"{in_scope} of {len(wanted)} people of {directory.source} in scope, {accounts}{found}"


def _plan(options: argparse.Namespace) -> int:
    """Print the plan."""
    from workplace_provider.identity import blocking_gates, evaluate, markdown_report
    from workplace_provider.identity.hooks import account_target
    from workplace_provider.identity.operators.run import plan_sync

    definition = _load(options.file).with_connection(options.conn_id)
    state = _read_state(definition)
    directory = _read_directory(definition, options)
    with closing(account_target(definition)) as target:
        name = definition.name or target.name
        plan = plan_sync(definition, target, directory, state, options.only)
    policy = definition.policy
    verdicts = evaluate(plan, policy)
    print_text(markdown_report(plan, name, verdicts=verdicts, rows=options.rows))
    return BLOCKED if blocking_gates(verdicts) else 0


def _read_directory(definition: SyncDefinition, options: argparse.Namespace) -> Directory:
    from workplace_provider.common.artifact_store import ArtifactStore
    from workplace_provider.identity.hooks import read_people
    from workplace_provider.identity.operators.profiles import StoredProfiles

    return read_people(
        definition, options.slack_conn_id, _ReadOnlyProfiles(StoredProfiles(_DatabaseState(), ArtifactStore()))
    )


def _read_state(definition: SyncDefinition) -> SyncState:
    """Return the state of the last run from Airflow's database."""
    from workplace_provider.common.artifact_store import ArtifactStore
    from workplace_provider.identity.operators.memory import SyncMemory

    memory = SyncMemory(
        _DatabaseState(), ArtifactStore(), definition.key, system=definition.system, folder=definition.folder
    )
    return memory.load()


class _ReadOnlyProfiles:
    """The Slack profiles that tasks have read."""

    def __init__(self, profiles: StoredProfiles) -> None:
        self.load = profiles.load

    def save(self, workspace: str, profiles: Mapping[str, CachedProfile]) -> None:
        """Keep nothing."""


class _DatabaseState:
    """The state store of ``SYNC_STATE`` outside of a task: read from Airflow's database, and never written."""

    def get(self, key: str, /) -> Any:
        """Return a value; ``None`` if there is none.

        :raises ValueError: the database cannot be read
        """
        import json

        from airflow.models.asset import AssetModel
        from airflow.models.asset_state_store import AssetStateStoreModel
        from airflow.utils.session import create_session
        from sqlalchemy import select
        from sqlalchemy.exc import SQLAlchemyError

        from workplace_provider.identity.operators.memory import SYNC_STATE

        query = (
            select(AssetStateStoreModel.value)
            .join(AssetModel, AssetModel.id == AssetStateStoreModel.asset_id)
            .where(AssetModel.name == SYNC_STATE.name, AssetStateStoreModel.key == key)
        )
        try:
            with create_session() as session:
                stored = session.scalar(query)
        except SQLAlchemyError as error:
            problem = type(error).__name__
            raise ValueError(
                f"The state of earlier runs cannot be read from Airflow's database ({problem}). Run the command where "
                "`airflow db check` succeeds"
            ) from error
        return None if stored is None else json.loads(stored)

    def set(self, key: str, value: Any, /) -> None:
        """Refuse to write."""
        raise ValueError(f"The state {key} is only written by tasks")


class _Errors:
    """The exit code of a block of :func:`_errors_of`."""

    code: int = 0


@contextmanager
def _errors_of(where: str) -> Iterator[_Errors]:
    """Print a known error of the block on standard error as one line."""
    from airflow.sdk.exceptions import AirflowException

    from workplace_provider.http.errors import WorkplaceError
    from workplace_provider.identity import TargetError

    errors = _Errors()
    try:
        yield errors
    except (WorkplaceError, TargetError, ValueError, AirflowException) as error:
        print(f"{where}: {for_terminal(sanitize_text(str(error)))}", file=sys.stderr)
        errors.code = FAILED
