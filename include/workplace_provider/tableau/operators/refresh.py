"""Operator that refreshes the extract of a workbook or published data source, once per task, and waits for the job."""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from airflow.sdk import conf
from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.fields import Field, boolean, choice, integer, text
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.tableau.operators.base import POOL, TableauViewLink

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.tableau.client import DataSource, Job, TableauClient, Workbook

STATE_KEY: Final = "tableau_refresh"
"""Key of the task's state, which its tries share: the refresh that it has requested, and the id of its job."""


class TableauRefreshOperator(WorkplaceOperator):
    """Refresh the extract of a workbook or published data source, and wait until the job has ended.

    A retry waits for the job that the first try has started. With ``deferrable``, the operator occupies no worker while it
    waits. Each check still runs on a worker, in the pool of the personal access tokens: a check from the triggerer would end
    the session of a task that is exporting at that moment.

    ::

        TableauRefreshOperator(task_id="refresh", datasource="매출 원천", project="데이터분석팀/원천", deferrable=True)

    :param workbook: the workbook: its URL from a browser, its id, or its name
    :param datasource: the published data source, in place of a workbook
    :param project: name of its project, or its path such as ``Parent/Team``, when several have the same name
    :param incremental: add new rows only, if the extract is set up for it; needs version 3.25 of the REST API
    :param if_running: when a refresh is already queued or running: ``join`` waits for that one, ``fail`` fails and ``skip``
        skips the task
    :param wait: ``False`` returns as soon as the refresh is queued
    :param deferrable: wait in the triggerer
    :param check_interval: seconds between two checks of the job
    :param timeout: seconds after which the task fails. The job goes on, and a retry waits for it again
    :param tableau_conn_id: connection of type ``tableau_rest``
    """

    operator_extra_links = (TableauViewLink(),)
    ui_color = "#fff1e0"
    argument_defaults: ClassVar[Mapping[str, Any]] = {"pool": POOL}

    workbook: Field[str] = text(default="")
    datasource: Field[str] = text(default="")
    project: Field[str] = text(default="")
    incremental: Field[bool] = boolean(default=False)
    if_running: Field[str] = choice("join", "fail", "skip", default="join")
    wait: Field[bool] = boolean(default=True)
    deferrable: Field[bool] = boolean(default=conf.getboolean("operators", "default_deferrable", fallback=False))
    check_interval: Field[int] = integer(default=60, least=1)
    timeout: Field[int] = integer(default=6 * 3600, least=1)
    tableau_conn_id: Field[str] = text(default="tableau_default")

    view_url = ""

    def check_fields(self) -> None:
        """Check that there is one thing to refresh."""
        if bool(self.workbook) == bool(self.datasource):
            raise ValueError("give either workbook or datasource")

    def execute(self, context: Context) -> dict[str, Any] | None:
        """Start the refresh, or resume waiting for the job of an earlier try.

        :return: id, name and URL of the content, and id and times of the job
        :raises AirflowFailException: the job was cancelled, or the error is permanent, so that a retry cannot help
        :raises AirflowSkipException: ``if_running`` is ``skip``, and a refresh is queued or running
        """
        with fail_on_permanent_error("Tableau"):
            self.parse_fields()
            deadline = datetime.now(UTC) + timedelta(seconds=self.timeout)
            with self._client(context) as client:
                job = self._resume(client, context) or self._start(client, context)
                while self.wait and not self.deferrable and not job.finished:
                    self._check_deadline(job, deadline)
                    time.sleep(self.check_interval)
                    job = self._check(client, job)
            return self._end(context, job, deadline)

    def check_again(self, context: Context, event: Any = None, *, deadline: str = "") -> dict[str, Any] | None:
        """Check the job once, and defer again while it runs. Deferred tasks resume here, by this name.

        :param event: the trigger's event, which has no content
        :param deadline: time after which the task fails. Airflow's ``dag.test()`` loses the arguments of a deferred task
        """
        with fail_on_permanent_error("Tableau"):
            self.parse_fields()
            # Sign out after each check: an idle session would block the token for other tasks.
            with self._client(context) as client:
                job = self._resume(client, context) or self._start(client, context)
            end = datetime.fromisoformat(deadline) if deadline else datetime.now(UTC) + timedelta(seconds=self.timeout)
            return self._end(context, job, end)

    def _resume(self, client: TableauClient, context: Context) -> Job | None:
        """Return the job that this task has started before; ``None`` if it has not."""
        from workplace_provider.http.errors import NotFound
        from workplace_provider.tableau.client import Job

        state = self._state(context)
        if not state.get("job"):
            return None
        self.view_url = str(state.get("url") or "")
        known = Job(str(state["job"]), "", "", None, None, None, "", "")
        try:
            job = self._check(client, known)
        except NotFound as error:
            self.log.warning("the job of an earlier try no longer exists, so the refresh starts again: %s", error)
            return None
        self.log.info("resumed the job %s of an earlier try: %s", job.id, _status(job))
        return job

    def _start(self, client: TableauClient, context: Context) -> Job:
        from workplace_provider.http.errors import WorkplaceError
        from workplace_provider.tableau.client.jobs import is_already_queued

        content = self._find(client)
        self.view_url = content.url
        requested = self._state(context).get("requested_at")
        state: dict[str, Any] = {"wanted": self._wanted, "id": content.id, "name": content.name, "url": content.url}
        if requested:
            # An earlier try has sent the request, and has not read the response.
            job = client.jobs.find_running(content, since=datetime.fromisoformat(str(requested)))
            if job is not None:
                return self._record(context, {**state, "requested_at": requested}, job, "found the job of an earlier try")
        now = datetime.now(UTC)
        state["requested_at"] = now.isoformat()
        context["task_state_store"].set(STATE_KEY, state)
        try:
            job = client.jobs.start(content, incremental=self.incremental)
        except WorkplaceError as error:
            if is_already_queued(error):
                return self._join(client, context, content, state, error, is_own=bool(requested))
            if not (error.outcome_unknown or (error.status or 0) >= 500):
                context["task_state_store"].delete(STATE_KEY)
                raise
            found = client.jobs.find_running(content, since=now)
            if found is None:
                raise
            return self._record(context, state, found, f"found the job after a lost response ({error})")
        return self._record(context, state, job, "started a refresh")

    def _join(
        self,
        client: TableauClient,
        context: Context,
        content: Workbook | DataSource,
        state: Mapping[str, Any],
        refusal: Exception,
        *,
        is_own: bool,
    ) -> Job:
        """Return the job of the refresh that is queued or running already, unless ``if_running`` is another choice.

        :param is_own: an earlier try of this task has requested a refresh, which is probably this one
        """
        from workplace_provider.http.errors import Conflict, Invalid

        running = f"a refresh of the {content.LABEL} {content} is already queued or running"
        if self.if_running != "join" and not is_own:
            context["task_state_store"].delete(STATE_KEY)
            if self.if_running == "skip":
                raise AirflowSkipException(running)
            raise Invalid(running, advice="wait until it has ended, or set if_running to join") from refusal
        job = client.jobs.find_running(content)
        if job is None:
            # It may have ended in this moment. Otherwise it stays invisible, and the task fails when it has no retries left.
            raise Conflict(
                f"{running}, and its job cannot be found",
                advice="retry later; if this lasts, give the account the permission to list the jobs of the site",
                retryable=True,
            ) from refusal
        return self._record(
            context, {**state, "joined": True}, job, "joined a refresh that another user or task has started"
        )

    def _record(self, context: Context, state: Mapping[str, Any], job: Job, event: str) -> Job:
        context["task_state_store"].set(STATE_KEY, {**state, "job": job.id})
        self.log.info("%s: the job %s, created at %s", event, job.id, job.created_at)
        return job

    def _check(self, client: TableauClient, job: Job) -> Job:
        """Return the current state of a job. A temporary error counts as "still running"."""
        from workplace_provider.http.errors import AuthFailed, WorkplaceError

        try:
            return client.jobs.get(job.id)
        except WorkplaceError as error:
            # Without the scope for jobs, a JWT gets the error of a lost session at each check
            # (tableau/server-client-python#1320).
            if not error.retryable or isinstance(error, AuthFailed):
                raise
            self.log.warning("cannot read the job %s now: %s", job.id, error)
            return job

    def _end(self, context: Context, job: Job, deadline: datetime) -> dict[str, Any] | None:
        """Return the result of a job that has ended, or defer."""
        from workplace_provider.tableau.client.responses import source_error

        if not job.finished and self.wait:
            self._check_deadline(job, deadline)
            from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

            self.defer(
                trigger=TimeDeltaTrigger(timedelta(seconds=self.check_interval)),
                method_name="check_again",
                kwargs={"deadline": deadline.isoformat()},
            )
        state = self._state(context)
        # The next try, or a cleared task, starts a new refresh.
        context["task_state_store"].delete(STATE_KEY)
        self.log.info("the job %s: %s", job.id, _status(job))
        name = str(state.get("name") or "the content")
        if job.cancelled:
            raise ValueError(f"the refresh of {name!r} was cancelled in Tableau (job {job.id})")
        if job.finished and not job.succeeded:
            raise source_error(f"the refresh of {name!r} failed: {job.notes or 'without a reason'} (job {job.id})")
        return {
            "id": state.get("id"),
            "name": name,
            "url": state.get("url"),
            "job_id": job.id,
            "joined": bool(state.get("joined")),
            "created_at": _text(job.created_at),
            "completed_at": _text(job.completed_at),
        }

    def _check_deadline(self, job: Job, deadline: datetime) -> None:
        from workplace_provider.http.errors import SourceUnavailable

        if datetime.now(UTC) >= deadline:
            raise SourceUnavailable(
                f"the job {job.id} has not ended within {self.timeout} seconds",
                advice="check it in Tableau. A retry of the task waits for the same job",
            )

    def _find(self, client: TableauClient) -> Workbook | DataSource:
        from workplace_provider.tableau.client import DataSource, Workbook

        if self.workbook:
            return client.find_content(Workbook, self.workbook, project=self.project)
        return client.find_content(DataSource, self.datasource, project=self.project)

    def _client(self, context: Context) -> TableauClient:
        from workplace_provider.tableau.hooks import TableauRestHook

        # Parallel tasks start with different tokens: two sessions of one token end each other.
        seed = f"{context['dag'].dag_id}/{context['run_id']}/{self.task_id}"
        return TableauRestHook(self.tableau_conn_id, first_credential=zlib.crc32(seed.encode())).client

    @property
    def _wanted(self) -> list[str]:
        return [self.workbook, self.datasource, self.project]

    def _state(self, context: Context) -> Mapping[str, Any]:
        """Return the stored state, unless it is of other content: a template may have another value in a cleared task."""
        stored = context["task_state_store"].get(STATE_KEY)
        return stored if isinstance(stored, Mapping) and stored.get("wanted") == self._wanted else {}


def _status(job: Job) -> str:
    if job.finished:
        outcome = "succeeded" if job.succeeded else "was cancelled" if job.cancelled else "failed"
        return f"{outcome} at {job.completed_at}"
    return f"running since {job.started_at}" if job.started_at else "queued"


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
