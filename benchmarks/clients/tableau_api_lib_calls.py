"""List and export through tableau-api-lib; runs in that client's environment, with its settings as the argument."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from tableau_api_lib import TableauServerConnection
from tableau_api_lib.utils.querying import (
    get_projects_dataframe,
    get_view_data_dataframe,
    get_views_dataframe,
    get_workbooks_dataframe,
)

STARTS = {"PDF": b"%PDF", "PNG": b"\x89PNG", "CSV": "단계".encode(), "PPTX": b"PK", "TWBX": b"PK"}
results: dict[str, str] = {}


def record(call: str, run: Callable[[], Any], kind: str = "") -> Any:
    try:
        value = run()
    except Exception as error:  # any failure goes into the table
        results[call] = f"FAILED: {type(error).__name__}: {str(error)[:200]}"
        return None
    if hasattr(value, "shape"):
        results[call] = f"{len(value)} rows"
    elif not value.ok or (kind and not value.content.startswith(STARTS[kind])):
        results[call] = f"FAILED: {value.status_code}: {value.text[:200]}"
    else:
        results[call] = f"a {kind} file" if kind else f"{value.status_code}"
    return value


connection = TableauServerConnection({"tableau_prod": json.loads(sys.argv[1])})
record("sign_in", connection.sign_in)
record("get_projects_dataframe", lambda: get_projects_dataframe(connection))
workbooks = record("get_workbooks_dataframe", lambda: get_workbooks_dataframe(connection))
views = record("get_views_dataframe", lambda: get_views_dataframe(connection))
view = views[views["contentUrl"] == "WeeklyKPI/sheets/Overview"]["id"].iloc[0]
workbook = workbooks[workbooks["contentUrl"] == "WeeklyKPI"]["id"].iloc[0]
filters = {"filter": "vf_채널=검색", "age": "maxAge=1"}
paper = {"type": "type=A4", "orientation": "orientation=Landscape"}
record("query_views_for_site", lambda: connection.query_views_for_site(connection.site_id))
record("query_views_for_workbook", lambda: connection.query_views_for_workbook(workbook))
record("get_view", lambda: connection.get_view(view))
record("get_view_by_path", lambda: connection.get_view_by_path("Overview"))
record("query_view_data", lambda: connection.query_view_data(view), "CSV")
record("query_view_data with a filter", lambda: connection.query_view_data(view, filters), "CSV")
record("get_view_data_dataframe", lambda: get_view_data_dataframe(connection, view))
record("query_view_image", lambda: connection.query_view_image(view), "PNG")
record("query_view_image in high resolution", lambda: connection.query_view_image(view, {"res": "resolution=high"}), "PNG")
record("query_view_pdf", lambda: connection.query_view_pdf(view), "PDF")
record("query_view_pdf with a paper size", lambda: connection.query_view_pdf(view, paper), "PDF")
record("query_view_preview_image", lambda: connection.query_view_preview_image(workbook, view), "PNG")
record("query_workbook_preview_image", lambda: connection.query_workbook_preview_image(workbook), "PNG")
record("download_workbook_pdf", lambda: connection.download_workbook_pdf(workbook), "PDF")
record("download_workbook_powerpoint", lambda: connection.download_workbook_powerpoint(workbook), "PPTX")
record("download_workbook", lambda: connection.download_workbook(workbook), "TWBX")
record("sign_out", connection.sign_out)
print(json.dumps(results))
