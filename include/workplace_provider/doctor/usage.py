"""The DAGs of an installation, and the connections and pools that they use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.doctor.findings import Finding, ok, problem, warning
from workplace_provider.reports.rhythm import BROKEN_TAG

if TYPE_CHECKING:
    from collections.abc import Iterable

_SUFFIX: Final = "conn_id"
_DEFAULT_POOL: Final = "default_pool"


@dataclass
class Usage:
    """The names of connections and pools that DAGs use, each with a task that uses it.

    :param findings: DAG files and definitions that cannot be read
    """

    connections: dict[str, str] = field(default_factory=dict)
    pools: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def read_usage() -> Usage:
    """Parse the DAG files, and return what they use."""
    from airflow.configuration import conf
    from airflow.dag_processing.dagbag import DagBag

    folder = conf.get("core", "dags_folder")
    bag = DagBag(dag_folder=folder, bundle_name="dags-folder")
    usage = Usage()
    for file, error in sorted(bag.import_errors.items()):
        lines = error.strip().splitlines() or ["unknown error"]
        usage.findings.append(problem("dags", f"{file} cannot be imported: {lines[-1]}", "Fix the file"))
    for dag_id, dag in sorted(bag.dags.items()):
        if BROKEN_TAG in dag.tags:
            usage.findings.append(problem("dags", f"{dag_id}: {dag.description}", "Fix the definition"))
            continue
        for task in dag.tasks:
            where = f"{dag_id}.{task.task_id}"
            for conn_id in connections_of(task):
                usage.connections.setdefault(conn_id, where)
            if (pool := getattr(task, "pool", None)) and pool != _DEFAULT_POOL:
                usage.pools.setdefault(pool, where)
    if not bag.dags:
        usage.findings.append(warning("dags", f"there is no DAG in {folder}", "Check [core] dags_folder"))
    elif not usage.findings:
        usage.findings.append(ok("dags", f"{len(bag.dags)} DAGs can be read"))
    return usage


def connections_of(task: Any) -> Iterable[str]:
    """Return the ids of connections in the arguments of a task and its alarms, without those from a template."""
    arguments = getattr(task, "partial_kwargs", None) or vars(task)
    callbacks = arguments.get("on_failure_callback") or ()
    notifiers = callbacks if isinstance(callbacks, list | tuple) else [callbacks]
    owners = [arguments, *(vars(notifier) for notifier in notifiers if hasattr(notifier, "__dict__"))]
    if page := getattr(arguments.get("definition"), "page", None):  # a report's tasks share its definition
        owners.append({_SUFFIX: page.conn_id})
    for owner in owners:
        for name, value in owner.items():
            if name.endswith(_SUFFIX) and isinstance(value, str) and value and "{" not in value:
                yield value


def pools(usage: Usage) -> Iterator[Finding]:
    """Check that the pools exist, and that the one of Tableau has as many slots as the connection has tokens."""
    from airflow.models.pool import Pool
    from sqlalchemy.exc import SQLAlchemyError

    from workplace_provider.tableau.operators.base import POOL

    try:
        slots = {pool.pool: pool.slots for pool in Pool.get_pools()}
    except SQLAlchemyError:
        return  # reported with the components
    for name, where in sorted(usage.pools.items()):
        if name not in slots:
            yield problem(
                "pools",
                f"the pool {name} does not exist, so {where} is never started",
                f"airflow pools set {name} 1 'see docs/operations.md'",
            )
        elif name == POOL and (tokens := _tokens(usage)) is not None and slots[name] > tokens:
            yield problem(
                "pools",
                f"the pool {name} has {slots[name]} slots for {tokens} token(s): tasks end each other's sessions",
                f"airflow pools set {name} {tokens} 'one slot per token', or add tokens in the extra pats",
            )
        else:
            yield ok("pools", f"{name} has {slots[name]} slots")


def _tokens(usage: Usage) -> int | None:
    """Return the number of personal access tokens of the connection to Tableau; ``None`` if it has none."""
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowException

    for conn_id in usage.connections:
        try:
            connection = BaseHook.get_connection(conn_id)
        except AirflowException:
            continue
        if connection.conn_type in ("tableau_rest", "tableau"):
            extra = connection.extra_dejson
            more = extra.get("pats") or []
            return None if extra.get("auth", "pat") != "pat" else 1 + (len(more) if isinstance(more, list) else 0)
    return None
