"""Refreshes of extracts, runs of flows, and their jobs. The shapes are those that ``tableauserverclient`` reads."""

from datetime import datetime

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from workplace_sandbox.tableau.calls import CallDep, TableauCall, body_of, latency
from workplace_sandbox.tableau.catalogue import luid
from workplace_sandbox.tableau.clock import moment
from workplace_sandbox.tableau.credentials import read_request
from workplace_sandbox.tableau.errors import TableauError
from workplace_sandbox.tableau.jobs import TableauJob, Target
from workplace_sandbox.tableau.listing import Conditions, page_of, select
from workplace_sandbox.tableau.responses import Element, element, respond

router = APIRouter(prefix="/{version}", dependencies=[Depends(latency)])

_BODY_SINCE = (3, 25)


@router.post("/sites/{site}/workbooks/{workbook}/refresh")
async def refresh_workbook(call: CallDep, workbook: str) -> Response:
    """Refresh the extract of a workbook."""
    record = call.workbook(workbook)
    return await _refresh(call, "workbook", record.luid, record.name)


@router.post("/sites/{site}/datasources/{datasource}/refresh")
async def refresh_datasource(call: CallDep, datasource: str) -> Response:
    """Refresh the extract of a published data source."""
    source = call.datasource(datasource)
    if source.extract_at is None:
        raise TableauError("409090", f"The data source '{source.name}' has no extract.")
    return await _refresh(call, "datasource", source.luid, source.name)


@router.post("/sites/{site}/flows/{flow}/run")
def run_flow(call: CallDep, flow: str) -> Response:
    """Run a flow."""
    record = call.flow(flow)
    job = call.controls.jobs.start(call.site.content_url, "flow", record.luid, record.name, call.session.user)
    return respond(call.request, [_job(call, job, fresh=True)])


@router.get("/sites/{site}/flows/runs")
def flow_runs(call: CallDep) -> Response:
    """List the runs of flows, without pages."""
    seeded = [
        _run(luid(call.site.content_url, "run", flow.luid), flow.luid, flow.refreshed_at, flow.refreshed_at, "Success")
        for flow in call.site.flows
    ]
    now = call.controls.clock.now()
    started = [
        _run(_run_luid(job), job.content, job.started_at, job.ended_at(now), job.status(now))
        for job in call.controls.jobs.of_site(call.site.content_url)
        if job.target == "flow"
    ]
    fields: Conditions[Element] = {"flowId": lambda run: run.get("flowId", "")}
    return respond(
        call.request, [element("flowRuns", None, *select([*seeded, *started], fields, call.request.query_params))]
    )


@router.get("/sites/{site}/jobs")
def jobs(call: CallDep) -> Response:
    """List jobs, in pages. An element does not say what its job refreshes."""
    now = call.controls.clock.now()
    fields: Conditions[TableauJob] = {
        "jobType": _list_type,
        "status": lambda job: job.status(now),
        "createdAt": lambda job: job.created_at,
    }
    query = call.request.query_params
    page, pagination = page_of(select(call.controls.jobs.of_site(call.site.content_url), fields, query), query)
    elements = element("backgroundJobs", None, *(_background_job(job, now) for job in page))
    return respond(call.request, [element("pagination", pagination), elements])


@router.get("/sites/{site}/jobs/{job}")
def job(call: CallDep, job: str) -> Response:
    """Return a job."""
    return respond(call.request, [_job(call, call.controls.jobs.get(call.site.content_url, job))])


@router.put("/sites/{site}/jobs/{job}")
def cancel_job(call: CallDep, job: str) -> Response:
    """Cancel a job."""
    call.controls.jobs.cancel(call.site.content_url, job)
    return Response(status_code=200)


async def _refresh(call: TableauCall, target: Target, content: str, name: str) -> Response:
    body = await body_of(call.request)
    request = read_request(body, call.request.headers.get("content-type", "")) if body else {}
    options = request.get("extractRefresh") if call.version >= _BODY_SINCE else None
    incremental = isinstance(options, dict) and options.get("incremental") in ("true", True)
    jobs_of_server = call.controls.jobs
    started = jobs_of_server.start(call.site.content_url, target, content, name, call.session.user, incremental=incremental)
    return respond(call.request, [_job(call, started, fresh=True)], 202)


def _job(call: TableauCall, job: TableauJob, *, fresh: bool = False) -> Element:
    """Return a job; a fresh one has no progress, as in the recorded response."""
    now = call.controls.clock.now()
    kind = "RunFlow" if job.target == "flow" else "IncrementExtract" if job.incremental else "RefreshExtract"
    own = {"id": job.luid, "mode": "Asynchronous", "type": kind, "createdAt": moment(job.created_at)}
    if job.target == "flow":
        run = element("runFlowJobType", {"flowRunId": _run_luid(job)}, _content(job))
        return element("job", own, run)
    detail = element("extractRefreshJob", None, _content(job))
    ended_at = job.ended_at(now)
    if not fresh:
        own["progress"] = "100" if ended_at else "0"
        if job.started_at <= now:
            own["startedAt"] = moment(job.started_at)
        if ended_at:
            own |= {"completedAt": moment(ended_at), "finishCode": job.code(now)}
            detail.insert(0, element("notes", text=job.failure or "Finished refresh of extracts"))
    return element("job", own, detail)


def _content(job: TableauJob) -> Element:
    return element(job.target, {"id": job.content, "name": job.name})


def _background_job(job: TableauJob, now: datetime) -> Element:
    own = {"id": job.luid, "status": job.status(now), "createdAt": moment(job.created_at)}
    if job.started_at <= now:
        own["startedAt"] = moment(job.started_at)
    if ended_at := job.ended_at(now):
        own["endedAt"] = moment(ended_at)
    return element("backgroundJob", {**own, "priority": "50", "jobType": _list_type(job), "title": job.name})


def _list_type(job: TableauJob) -> str:
    if job.target == "flow":
        return "run_flow"
    return "increment_extracts" if job.incremental else "refresh_extracts"


def _run(run: str, flow: str, started_at: datetime, ended_at: datetime | None, status: str) -> Element:
    own = {"id": run, "flowId": flow, "status": status, "startedAt": moment(started_at)}
    if ended_at:
        own["completedAt"] = moment(ended_at)
    return element("flowRuns", {**own, "progress": "100" if ended_at else "0"})


def _run_luid(job: TableauJob) -> str:
    return luid(job.site, "run", job.luid)
