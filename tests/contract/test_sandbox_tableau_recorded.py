"""The sandbox's answers have the elements and attributes of answers that real servers gave."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from lxml import etree

from support.tableau_rest import ask_to_sign_in, post, sign_in
from workplace_sandbox import Sandbox

pytestmark = pytest.mark.contract

PAT = {"personalAccessTokenName": "airflow", "personalAccessTokenSecret": "sandbox-pat-secret"}
LATER = {
    # What newer servers say besides; the recorded answers are of REST API 2.3.
    "credentials": {"estimatedTimeToExpiration"},
    "views/view": {"viewUrlName"},
    "view": {"viewUrlName"},
    "workbooks/workbook": {"webpageUrl"},
}
UNDOCUMENTED = {
    # In the recorded response, but in no schema.
    "customViews/customView": {"contentUrl"},
}


def shape(content: bytes) -> dict[str, set[str]]:
    """Paths of the elements, each with the attributes that any of them has."""
    found: dict[str, set[str]] = {}

    def walk(node: etree._Element, path: str) -> None:
        found.setdefault(path, set()).update(str(name) for name in node.attrib)
        for child in node:
            walk(child, f"{path}/{etree.QName(child).localname}".lstrip("/"))

    root = etree.fromstring(content)
    assert etree.QName(root).localname == "tsResponse"
    assert etree.QName(root).namespace == "http://tableau.com/api"
    for child in root:
        walk(child, etree.QName(child).localname)
    return found


def answers(sandbox: Sandbox) -> dict[str, bytes]:
    base = sandbox.tableau_url
    refused = ask_to_sign_in(base, "analytics", name="report-bot", password="wrong")
    signed_in = ask_to_sign_in(base, "analytics", **PAT)
    api = sign_in(base)
    overview = api.view("WeeklyKPI/Overview")
    workbook = api.names("/workbooks", {"filter": "contentUrl:eq:WeeklyKPI"}, "id")[0]
    return {
        "auth_sign_in.xml": signed_in.content,
        "auth_sign_in_error.xml": refused.content,
        "server_info_get.xml": requests.get(f"{base}/api/3.29/serverinfo", timeout=30).content,
        "view_get.xml": api.ok("/views").content,
        "view_get_id.xml": api.ok(f"/views/{overview}").content,
        "view_get_all_fields.xml": api.ok("/views", {"fields": "_all_", "filter": "workbookName:eq:점검"}).content,
        "workbook_get.xml": api.ok("/workbooks").content,
        "workbook_get_page_1.xml": api.ok("/workbooks", {"pageSize": 1, "sort": "contentUrl:asc"}).content,
        "custom_view_get.xml": api.ok("/customviews").content,
        "workbook_refresh.xml": post(f"{api.base}/sites/{api.site}/workbooks/{workbook}/refresh", token=api.token).content,
        "workbook_populate_views.xml": api.ok(f"/workbooks/{workbook}/views").content,
    }


@pytest.mark.parametrize(
    "name",
    [
        "auth_sign_in.xml", "auth_sign_in_error.xml", "server_info_get.xml", "view_get.xml", "view_get_id.xml",
        "view_get_all_fields.xml", "workbook_get.xml", "workbook_get_page_1.xml", "workbook_populate_views.xml",
        "custom_view_get.xml", "workbook_refresh.xml",
    ],
)  # fmt: skip
def test_elements_and_attributes_are_those_of_the_recorded_answer(sandbox, recorded_tableau: Path, name: str):
    recorded = shape((recorded_tableau / name).read_bytes())
    ours = shape(answers(sandbox)[name])
    assert set(ours) == set(recorded)
    for path, attributes in recorded.items():
        assert attributes - UNDOCUMENTED.get(path, set()) <= ours[path], path
        assert ours[path] - attributes <= LATER.get(path, set()), path


def test_files_are_of_the_recorded_kinds(sandbox, recorded_tableau: Path):
    api = sign_in(sandbox.tableau_url)
    view = api.view("WeeklyKPI/UsersByDevice")
    for name, path in (("populate_pdf.pdf", "pdf"), ("populate_excel.xlsx", "crosstab/excel")):
        assert api.ok(f"/views/{view}/{path}").content[:4] == (recorded_tableau / name).read_bytes()[:4]
    recorded = (recorded_tableau / "populate_csv.csv").read_bytes()
    ours = api.ok(f"/views/{view}/data").content
    for content in (recorded, ours):
        assert not content.startswith(b"\xef\xbb\xbf")
        assert content.count(b"\r\n") == content.count(b"\n")
        assert content.endswith(b"\n")
        assert b'"' in content.splitlines()[1]
