"""The Airflow plugin that the provider registers by the entry point ``airflow.plugins``."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from workplace_provider.atlassian_consent import NAME, PREFIX, ConsentPages
from workplace_provider.common.outgoing import markdown_code, slack_link, slack_text
from workplace_provider.common.report_date import report_date, report_title
from workplace_provider.reports import web
from workplace_provider.reports.deadline import ReportDeadline
from workplace_provider.reports.timetable import HolidayCronTimetable


class WorkplacePlugin(AirflowPlugin):
    """Macros for templates, pages of the UI, and holidays and deadlines of reports.

    The pages are *Admin -> Connect Atlassian*, *Browse -> Reports* and the tab *Report* of a run.

    ``{{ macros.workplace.report_date() }}``, ``{{ macros.workplace.report_title(pattern) }}``,
    ``{{ macros.workplace.slack_text(value) }}`` and ``{{ macros.workplace.slack_link(text, url) }}`` and
    ``{{ macros.workplace.markdown_code(text) }}`` work in every template.
    On the page a person authorizes a connection to Confluence or Jira to act for them, by OAuth.
    """

    name = "workplace"
    macros = [report_date, report_title, slack_link, slack_text, markdown_code]  # noqa: RUF012 - Airflow's plugin manager reads plain lists
    fastapi_apps = [  # noqa: RUF012
        {"app": ConsentPages(), "url_prefix": PREFIX, "name": NAME},
        {"app": web.ReportPages(), "url_prefix": web.PREFIX, "name": "Workplace reports"},
    ]
    timetables = [HolidayCronTimetable]  # noqa: RUF012
    deadline_references = [ReportDeadline]  # noqa: RUF012
    # Without a "url_route" the page opens in its own tab. In a frame of the UI it could not redirect to Atlassian.
    external_views = [  # noqa: RUF012
        {"name": NAME, "href": f"{PREFIX.lstrip('/')}/", "category": "admin", "destination": "nav"},
        *web.VIEWS,
    ]
