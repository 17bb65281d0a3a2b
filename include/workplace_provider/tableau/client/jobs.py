"""Background jobs: start the refresh of an extract, find one that is queued or running, and read the state of a job."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from lxml import etree

from workplace_provider.http.errors import BadResponse, Conflict, Invalid, NotFound, WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.tableau.client.listing import ListRequest, list_elements
from workplace_provider.tableau.client.model import Content, Flow, read_time
from workplace_provider.tableau.client.responses import ResponseNode, path_segment

if TYPE_CHECKING:
    from workplace_provider.tableau.client.rest import RestApi

log = get_logger("workplace_provider.tableau")

ALREADY_QUEUED: Final = "409093"
_NOT_READABLE_BY_ID: Final = "400031"
_SINCE: Final = "2.8"
_JOBS_SINCE: Final = "3.1"
_RUNS_SINCE: Final = "3.10"
_INCREMENTAL_SINCE: Final = "3.25"
_LONGEST_NOTES: Final = 2000
"""Characters of a job's notes that are kept: they are a text of the data source's server, of any length."""
_MOST_CANDIDATES: Final = 50
# The server writes whole seconds. A larger tolerance could return an older refresh, whose data is out of date.
_CLOCK_SKEW: Final = timedelta(seconds=2)

# tableauserverclient (job_item) calls 3 "completed"; a recorded response of a successful refresh has it.
_SUCCESS: Final = ("0", "3")
_FAILED: Final = "1"
_CANCELLED: Final = "2"
_STATES_OF_LIST: Final = {"Success": "0", "Failed": "1", "Cancelled": "2"}


@dataclass(frozen=True, slots=True)
class Job:
    """A background job of Tableau.

    :param content_id: id of the workbook or data source that it refreshes; empty if the response does not have it
    :param finish_code: Tableau's code for the outcome; empty while the job is queued or running
    :param notes: reason of a failure
    """

    id: str
    type: str
    content_id: str
    created_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    finish_code: str
    notes: str

    @property
    def finished(self) -> bool:
        """True if the job has ended. The progress is no proof: it reaches 100 before the job ends."""
        return self.completed_at is not None

    @property
    def succeeded(self) -> bool:
        """True if the job has ended with success."""
        return self.finished and self.finish_code in _SUCCESS

    @property
    def cancelled(self) -> bool:
        """True if a person has cancelled the job."""
        return self.finished and self.finish_code == _CANCELLED


class BackgroundJobs:
    """Refreshes of extracts, and the runs of flows.

    ::

        job = client.jobs.start(client.find_content(Workbook, "Weekly KPI"))
        job = client.jobs.get(job.id)

    :param rest: the REST API
    """

    def __init__(self, rest: RestApi) -> None:
        self._rest = rest

    def start(self, content: Content, *, incremental: bool = False) -> Job:
        """Start a refresh of an extract. The request is sent once; after a lost response, use :meth:`find_running`.

        :param content: a workbook or data source
        :param incremental: add new rows only, if the extract is set up for it
        :raises Conflict: a refresh is already queued or running, or the content has no extract
        """
        needed = {"a refresh": _SINCE}
        if incremental:
            needed["an incremental refresh"] = _INCREMENTAL_SINCE
        self._rest.require(needed)
        path = f"{content.KIND}s/{path_segment(content.id)}/refresh"
        response = self._rest.post(path, _refresh_body(incremental, element=self._rest.supports(_INCREMENTAL_SINCE)))
        job = _read_job(response.first("job"))
        if not job.id or (job.content_id and job.content_id.lower() != content.id.lower()):
            raise BadResponse(
                f"the response does not describe a refresh of the {content.LABEL} {content}",
                method="POST",
                advice="check the connection's host; a proxy or another server may respond instead of Tableau",
                retryable=True,
                outcome_unknown=True,
            )
        return job

    def get(self, job_id: str) -> Job:
        """Return a job by its id.

        :raises NotFound: no job has this id, or Tableau has deleted it
        """
        try:
            return _read_job(self._rest.get_item("jobs", "job", job_id))
        except Invalid as error:
            # Some types of jobs cannot be read by id (tableau/server-client-python#1093).
            if error.code != _NOT_READABLE_BY_ID:
                raise
        for job in self._list():
            if job.id.lower() == job_id.lower():
                return job
        raise NotFound(f"no job {job_id}", advice="check the jobs of the site in Tableau")

    def find_running(self, content: Content, *, since: datetime | None = None) -> Job | None:
        """Return the newest refresh of a workbook or data source that is queued or running.

        The list of jobs does not say what a job refreshes, so each candidate is read by its id.

        :param since: return also a job that has ended, if it was created at or after this time
        :return: ``None`` if there is none, or the account may not read the jobs of others
        """
        try:
            jobs = self._list()
        except WorkplaceError as error:
            if error.retryable:
                raise
            log.warning("cannot list the jobs of the site: %s", error)
            return None
        earliest = since - _CLOCK_SKEW if since else None

        def may_be_it(job: Job) -> bool:
            # Types are "refresh_extracts" and "increment_extracts" here; other methods have "RefreshExtract".
            is_recent = earliest is not None and job.created_at is not None and job.created_at >= earliest
            return "extract" in job.type.lower() and (not job.finished or is_recent)

        candidates = sorted(filter(may_be_it, jobs), key=_newest_running_first)
        for candidate in candidates[:_MOST_CANDIDATES]:
            job = self._readable(candidate.id)
            if job is not None and job.content_id.lower() == content.id.lower():
                return job
        return None

    def last_success(self, flow: Flow) -> datetime | None:
        """Return when the newest successful run of a flow has ended; ``None`` if there is none."""
        self._rest.require({"runs of flows": _RUNS_SINCE})
        # The list has no pagination element. The size is the largest, for servers that nevertheless limit the list.
        response = self._rest.get("flows/runs", f"pageSize=1000&filter=flowId:eq:{flow.id}")
        # Recorded responses of tableauserverclient have "flowRuns" as the name of the elements, too.
        runs = [*list_elements(response, "flowRuns"), *list_elements(response, "flowRun")]
        ended = [_end_of_success(run) for run in runs if run.get("flowId").lower() == flow.id.lower()]
        return max((moment for moment in ended if moment is not None), default=None)

    def _readable(self, job_id: str) -> Job | None:
        try:
            return self.get(job_id)
        except WorkplaceError as error:
            if error.retryable:
                raise
            log.info("cannot read the job %s: %s", job_id, error)
            return None

    def _list(self) -> Collection[Job]:
        self._rest.require({"the list of jobs": _JOBS_SINCE})
        return self._rest.read_all(ListRequest("jobs", "backgroundJob", sort=""), _read_listed_job)


def is_already_queued(error: WorkplaceError) -> bool:
    """Return whether a refresh was not started because one is queued or running. The text differs by language."""
    return isinstance(error, Conflict) and error.code == ALREADY_QUEUED


def _newest_running_first(job: Job) -> tuple[bool, float]:
    return job.finished, -job.created_at.timestamp() if job.created_at else 0.0


def _refresh_body(incremental: bool, *, element: bool) -> bytes:
    """Return the body of a refresh: before version 3.25 an empty request, afterwards with the kind of refresh.

    Source: ``refresh_req`` of tableauserverclient.
    """
    request = etree.Element("tsRequest")
    if element:
        etree.SubElement(request, "extractRefresh", {"incremental": "true"} if incremental else {})
    return etree.tostring(request)


def _read_job(node: ResponseNode) -> Job:
    detail = node.first("extractRefreshJob")
    content = next((child for name in ("workbook", "datasource") for child in detail.all(name)), ResponseNode("", {}))
    notes = detail.text_of("notes")
    completed_at, finish_code = read_time(node.get("completedAt")), node.get("finishCode")
    if completed_at is not None and finish_code not in (*_SUCCESS, _FAILED, _CANCELLED):
        raise BadResponse(f"the job {node.get('id')} has ended with the unknown code {finish_code[:20]!r}", method="GET")
    return Job(
        id=node.get("id"),
        type=node.get("type"),
        content_id=content.get("id"),
        created_at=read_time(node.get("createdAt")),
        started_at=read_time(node.get("startedAt")),
        completed_at=completed_at,
        finish_code=finish_code,
        notes=notes[:_LONGEST_NOTES],
    )


def _read_listed_job(node: ResponseNode) -> Job:
    """Return the job for an element of the list, which has a status in place of the code."""
    ended_at, code = read_time(node.get("endedAt")), _STATES_OF_LIST.get(node.get("status"), "")
    return Job(
        id=node.get("id"),
        type=node.get("jobType"),
        content_id="",
        created_at=read_time(node.get("createdAt")),
        started_at=read_time(node.get("startedAt")),
        completed_at=ended_at if code else None,
        finish_code=code,
        notes="",
    )


def _end_of_success(run: ResponseNode) -> datetime | None:
    return read_time(run.get("completedAt")) if run.get("status") == "Success" else None
