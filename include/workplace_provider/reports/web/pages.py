"""The pages as HTML, with headers that allow only their own script and style."""

from __future__ import annotations

import datetime as dt
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from fastapi.responses import HTMLResponse, Response

from workplace_provider.common.web import page_templates
from workplace_provider.reports.web.states import COLUMNS

if TYPE_CHECKING:
    from jinja2 import Environment

    from workplace_provider.common.periods import Period
    from workplace_provider.reports.web.states import Run

HEADERS: Final = {
    "Cache-Control": "no-store",
    # The script uses Airflow's API for the button "Run".
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; frame-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'self'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

_MEDIA_TYPES: Final = {"css": "text/css", "js": "text/javascript"}


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page from a template.

    :param template: name of the file without its extension
    :param values: values for the template; all are escaped
    """
    return HTMLResponse(_environment().get_template(f"{template}.html").render(**values), status, headers=HEADERS)


def message_page(title: str, text: str, status: int, log_in: str = "") -> HTMLResponse:
    """Return a page with a message.

    :param log_in: URL of the log-in page
    """
    return page("message", status, title=title, text=text, log_in=log_in)


def asset(name: str) -> Response:
    """Return the script or the style of the pages."""
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    return Response(_content(name), media_type=_MEDIA_TYPES[name.rpartition(".")[2]], headers=headers)


@cache
def _content(name: str) -> bytes:
    return (files("workplace_provider.reports.web") / "static" / name).read_bytes()


@cache
def _environment() -> Environment:
    environment = page_templates("workplace_provider.reports.web")
    environment.filters |= {"duration": _duration, "days": _days, "path": _path}
    environment.globals |= {"run_path": _run_path, "task_path": _task_path, "COLUMNS": COLUMNS}
    return environment


def _path(text: str) -> str:
    return quote(text, safe="")


def _run_path(run: Run) -> str:
    """Return the path of a run in Airflow's UI, from one of these pages."""
    return f"../dags/{_path(run.dag_id)}/runs/{_path(run.run_id)}"


def _task_path(run: Run, task_id: str, map_index: int) -> str:
    mapped = f"/mapped/{map_index}" if map_index >= 0 else ""
    return f"{_run_path(run)}/tasks/{_path(task_id)}{mapped}"


def _duration(span: dt.timedelta) -> str:
    minutes, seconds = divmod(round(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _days(period: Period) -> str:
    """Return the days of a period: ``16 - 22 Nov``."""
    start, end = period.start, period.end
    if start == end:
        return f"{start:%a}"
    return f"{start.day} {start:%b} – {end.day} {end:%b}"
