"""Airflow's users and database, as the API server has them.

The imports from the API server are not a public interface of Airflow, so no other module of this package has them. The
number of queries does not depend on the number of reports.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import get_user
from airflow.models.dag import DagModel, DagTag
from airflow.models.dag_version import DagVersion
from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import String, and_, cast, func, or_, select, tuple_

from workplace_provider.common.airflow_ui import ui_base
from workplace_provider.http.redaction import get_logger
from workplace_provider.reports.rhythm import BROKEN_TAG, REPORT_TAG, Rhythm
from workplace_provider.reports.web.states import Answer, Run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

__all__ = [
    "BaseUser",
    "ReportDag",
    "get_user",
    "log_in_url",
    "may_read_report",
    "read_reports",
    "read_run",
    "read_runs",
]

log = get_logger("workplace_provider.reports")

TASKS: Final = ("check", "compose", "review", "publish")
RESULTS: Final = (("compose", "period"), ("compose", "title"), ("compose", "changes"), ("publish", "url"))
DETAILS: Final = (*RESULTS, ("check", "results"), ("compose", "preview"))
"""Outputs of tasks: for the page of all reports, and for that of one run."""

MOST_REPORTS: Final = 500
MOST_RUNS: Final = 200
"""Most runs of one report that are read for a page, the latest first."""
LARGEST_RESULT: Final = 64 * 1024
"""Most characters of an output as JSON; a larger one is not read."""

_rhythms: dict[str, tuple[str, Rhythm | None]] = {}
"""The rhythm of each DAG, with the hash of the serialized DAG that has it."""


@dataclass(frozen=True, slots=True)
class ReportDag:
    """A DAG with the tag ``report``.

    :param rhythm: its periods; ``None`` for a DAG that was not made from a definition
    :param problem: the error of its definition
    :param may_start: the user may trigger runs
    """

    dag_id: str
    name: str
    owner: str
    tags: tuple[str, ...]
    is_paused: bool
    may_start: bool
    rhythm: Rhythm | None
    problem: str = ""


def log_in_url() -> str:
    """Return the URL of the log-in page, which leads back to the page *Reports*."""
    return str(get_auth_manager().get_url_login(next_url=f"{ui_base()}/plugin/reports"))


def may_read_report(user: BaseUser, dag_id: str) -> bool:
    """Return whether a user may read the runs of a DAG and the outputs of its tasks."""
    return all(_may(user, "GET", entity, dag_id) for entity in (DagAccessEntity.RUN, DagAccessEntity.XCOM))


def _may(user: BaseUser, method: Any, entity: DagAccessEntity, dag_id: str) -> bool:
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    return bool(get_auth_manager().is_authorized_dag(method=method, access_entity=entity, details=details, user=user))


def read_reports(user: BaseUser) -> list[ReportDag]:
    """Return the reports whose runs a user may read, by name."""
    with create_session() as session:
        allowed = get_auth_manager().get_authorized_dag_ids(user=user, method="GET", session=session)
        tagged = select(DagTag.dag_id).where(DagTag.name == REPORT_TAG)
        query = select(
            DagModel.dag_id, DagModel._dag_display_property_value, DagModel.owners, DagModel.is_paused, DagModel.description
        ).where(DagModel.dag_id.in_(tagged), ~DagModel.is_stale)
        rows = [row for row in session.execute(query.order_by(DagModel.dag_id)) if row[0] in allowed][:MOST_REPORTS]
        ids = [row[0] for row in rows]
        tags: dict[str, list[str]] = {dag_id: [] for dag_id in ids}
        for dag_id, tag in session.execute(select(DagTag.dag_id, DagTag.name).where(DagTag.dag_id.in_(ids))):
            tags[dag_id].append(tag)
        rhythms = _read_rhythms(session, ids)
    reports = [
        ReportDag(
            dag_id,
            name or dag_id,
            owner or "",
            tuple(sorted(set(tags[dag_id]) - {REPORT_TAG, BROKEN_TAG})),
            bool(is_paused),
            _may(user, "POST", DagAccessEntity.RUN, dag_id),
            rhythms.get(dag_id),
            (description or BROKEN_TAG) if BROKEN_TAG in tags[dag_id] else "",
        )
        for dag_id, name, owner, is_paused, description in rows
        if may_read_report(user, dag_id)
    ]
    return sorted(reports, key=lambda report: (report.name, report.dag_id))


def read_runs(windows: Iterable[tuple[Sequence[str], dt.date, dt.date]]) -> dict[str, list[Run]]:
    """Return the runs of some DAGs that may be of some periods, by DAG.

    :param windows: ids of DAGs, and the first and the last day of their periods
    """
    terms = [_in_window(dag_ids, first, last) for dag_ids, first, last in windows]
    if not terms:
        return {}
    number = func.row_number().over(partition_by=DagRun.dag_id, order_by=DagRun.id.desc()).label("number")
    numbered = select(DagRun.id, number).where(or_(*terms)).subquery()
    ids = select(numbered.c.id).where(numbered.c.number <= MOST_RUNS)
    with create_session() as session:
        return _read(session, ids, RESULTS)


def read_run(dag_id: str, run_id: str) -> Run | None:
    """Return a run with the details of its report; ``None`` if there is no such run."""
    ids = select(DagRun.id).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
    with create_session() as session:
        return next(iter(_read(session, ids, DETAILS).get(dag_id, [])), None)


def _in_window(dag_ids: Sequence[str], first: dt.date, last: dt.date) -> Any:
    """Return the condition for runs of periods in a window: by their time, or by the report date of their form."""
    # The days of a report's time zone begin up to 14 hours before or after those of UTC.
    since = dt.datetime.combine(first, dt.time(), dt.UTC) - dt.timedelta(days=1)
    until = dt.datetime.combine(last, dt.time(), dt.UTC) + dt.timedelta(days=2)
    report_date = DagRun.conf["report_date"].as_string()
    return and_(
        DagRun.dag_id.in_(dag_ids),
        or_(
            and_(DagRun.run_after >= since, DagRun.run_after < until),
            and_(report_date >= first.isoformat(), report_date <= last.isoformat()),
        ),
    )


def _read(session: Session, ids: Any, results: Sequence[tuple[str, str]]) -> dict[str, list[Run]]:
    columns = (
        DagRun.id, DagRun.dag_id, DagRun.run_id, DagRun.state, DagRun.run_after, DagRun.queued_at, DagRun.data_interval_end,
        DagRun.partition_key, DagRun.conf, DagRun.start_date, DagRun.end_date,
    )  # fmt: skip
    rows = session.execute(select(*columns).where(DagRun.id.in_(ids))).all()
    numbers = [row[0] for row in rows]
    tasks, failed, reviews = _read_tasks(session, numbers)
    answers = _read_answers(session, reviews)
    outputs = _read_results(session, numbers, results)
    runs: dict[str, list[Run]] = {}
    for number, dag_id, run_id, state, run_after, queued_at, interval_end, key, values, start, end in rows:
        run = Run(
            dag_id, run_id, number, str(state), run_after, queued_at or run_after, interval_end, key,
            values if isinstance(values, Mapping) else {}, start, end,
            tasks.get(number, {}), failed.get(number, ()), outputs.get(number, {}), answers.get(number),
        )  # fmt: skip
        runs.setdefault(dag_id, []).append(run)
    return runs


def _read_tasks(
    session: Session, numbers: Sequence[int]
) -> tuple[dict[int, dict[str, str | None]], dict[int, list[tuple[str, int]]], dict[Any, int]]:
    """Return the states of a report's tasks, the tasks that failed, and the runs by the ids of their reviews."""
    tasks: dict[int, dict[str, str | None]] = {}
    failed: dict[int, list[tuple[str, int]]] = {}
    reviews: dict[Any, int] = {}
    query = (
        select(DagRun.id, TaskInstance.id, TaskInstance.task_id, TaskInstance.map_index, TaskInstance.state)
        .join(DagRun, and_(DagRun.dag_id == TaskInstance.dag_id, DagRun.run_id == TaskInstance.run_id))
        .where(DagRun.id.in_(numbers), or_(TaskInstance.task_id.in_(TASKS), TaskInstance.state == "failed"))
    )
    for number, ti_id, task_id, map_index, state in session.execute(query):
        if map_index < 0 and task_id in TASKS:
            tasks.setdefault(number, {})[task_id] = None if state is None else str(state)
        if task_id == "review":
            reviews[ti_id] = number
        if state == "failed":
            failed.setdefault(number, []).append((task_id, map_index))
    return tasks, failed, reviews


def _read_answers(session: Session, reviews: Mapping[Any, int]) -> dict[int, Answer]:
    columns = (HITLDetail.ti_id, HITLDetail.chosen_options, HITLDetail.responded_by, HITLDetail.assignees)
    query = select(*columns).where(HITLDetail.ti_id.in_(reviews))
    return {
        reviews[ti_id]: Answer(
            str((by or {}).get("name") or (by or {}).get("id") or ""),
            str(chosen[0]) if chosen else "",
            tuple(str(user.get("name") or user.get("id")) for user in assignees or ()),
        )
        for ti_id, chosen, by, assignees in session.execute(query)
    }


def _read_results(
    session: Session, numbers: Sequence[int], results: Sequence[tuple[str, str]]
) -> dict[int, dict[tuple[str, str], Any]]:
    query = select(XComModel.dag_run_id, XComModel.task_id, XComModel.key, XComModel.value).where(
        XComModel.dag_run_id.in_(numbers),
        XComModel.map_index == -1,
        tuple_(XComModel.task_id, XComModel.key).in_(results),
        func.length(cast(XComModel.value, String)) <= LARGEST_RESULT,
    )
    found: dict[int, dict[tuple[str, str], Any]] = {}
    for number, task_id, key, value in session.execute(query):
        found.setdefault(number, {})[task_id, key] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    """Return an output as plain data. Airflow's own decoder would make objects of the classes that it names."""
    if isinstance(value, str) and value[:1] in ('"', "[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _read_rhythms(session: Session, dag_ids: Sequence[str]) -> dict[str, Rhythm | None]:
    """Return the rhythms of DAGs. A serialized DAG is read once for each of its versions."""
    latest = (
        select(DagVersion.dag_id, func.max(DagVersion.version_number).label("number"))
        .where(DagVersion.dag_id.in_(dag_ids))
        .group_by(DagVersion.dag_id)
        .subquery()
    )
    query = (
        select(SerializedDagModel.id, SerializedDagModel.dag_id, SerializedDagModel.dag_hash)
        .join(DagVersion, SerializedDagModel.dag_version_id == DagVersion.id)
        .join(latest, and_(DagVersion.dag_id == latest.c.dag_id, DagVersion.version_number == latest.c.number))
    )
    hashes = {dag_id: (number, digest) for number, dag_id, digest in session.execute(query)}
    unknown = {dag_id: number for dag_id, (number, digest) in hashes.items() if _rhythms.get(dag_id, ("",))[0] != digest}
    if unknown:
        serialized = select(SerializedDagModel).where(SerializedDagModel.id.in_(unknown.values()))
        for dag in session.scalars(serialized):
            _rhythms[dag.dag_id] = (hashes[dag.dag_id][1], _rhythm_in(dag.dag_id, dag.data))
    return {dag_id: _rhythms[dag_id][1] for dag_id in hashes if dag_id in _rhythms}


def _rhythm_in(dag_id: str, data: Any) -> Rhythm | None:
    """Return the rhythm in a serialized DAG: it is a field of the task ``compose``."""
    for task in data["dag"]["tasks"]:
        fields = task.get("__var", task)
        if fields.get("task_id") == "compose" and "rhythm" in fields:
            try:
                return Rhythm.parse(fields["rhythm"])
            except ValueError as error:
                log.warning("%s: %s", dag_id, error)
    return None
