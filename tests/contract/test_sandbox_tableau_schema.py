"""Tableau's published schema: what the sandbox responds, and what the provider's client sends, is valid by it.

The schema has the types of version 3.29 and the envelope of 3.0, which knows neither a view alone nor views in pages. So
elements are validated by their type.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from lxml import etree

from support.tableau_rest import ask_to_sign_in, sign_in
from workplace_provider.tableau import PersonalAccessToken, UserPassword
from workplace_provider.tableau.client import Jwt
from workplace_provider.tableau.client.credentials import sign_in_body
from workplace_sandbox import Sandbox

pytestmark = pytest.mark.contract

NS = "http://tableau.com/api"
TYPES = {
    "pagination": "paginationType",
    "credentials": "tableauCredentialsType",
    "site": "siteType",
    "user": "userType",
    "view": "viewType",
    "views": "viewListType",
    "workbook": "workbookType",
    "workbooks": "workbookListType",
    "projects": "projectListType",
    "error": "errorType",
}


@pytest.fixture(scope="module")
def schema(tableau_schema: Path) -> etree.XMLSchema:
    tree = etree.parse(tableau_schema)
    for name, kind in TYPES.items():
        etree.SubElement(tree.getroot(), "{http://www.w3.org/2001/XMLSchema}element", name=name, type=kind)
    return etree.XMLSchema(tree)


def problems(schema: etree.XMLSchema, document: bytes) -> list[str]:
    root = etree.fromstring(document)
    for element in root.iter():
        # The client sends no namespace, as Tableau's own clients do not.
        element.tag = f"{{{NS}}}{etree.QName(element).localname}"
    found = []
    for child in root:
        if not schema.validate(etree.ElementTree(child)):
            found += [str(entry.message) for entry in schema.error_log]
    assert len(root)
    return found


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/views",
        "/views?fields=_all_",
        "/workbooks",
        "/workbooks?fields=_all_",
        "/projects",
        "/views?filter=x",
    ],
)
@pytest.mark.parametrize("place", ["tableau_url", "tableau_cloud_url"])
def test_lists_are_valid(sandbox: Sandbox, schema: etree.XMLSchema, place: str, path: str) -> None:
    assert problems(schema, sign_in(getattr(sandbox, place)).call(path).content) == []


def test_single_items_are_valid(sandbox: Sandbox, schema: etree.XMLSchema) -> None:
    rest = sign_in(sandbox.tableau_url)
    workbook = rest.names("/workbooks", attribute="id")[0]
    view = rest.view("WeeklyKPI/UsersByDevice")
    for path in (f"/views/{view}", f"/workbooks/{workbook}", f"/workbooks/{workbook}/views", "/views/x", "/users/x"):
        assert problems(schema, rest.call(path).content) == [], path


def test_sign_ins_are_valid(sandbox: Sandbox, schema: etree.XMLSchema) -> None:
    good = {"personalAccessTokenName": "airflow", "personalAccessTokenSecret": "sandbox-pat-secret"}
    for credentials in (good, {**good, "personalAccessTokenSecret": "wrong"}):
        response: requests.Response = ask_to_sign_in(sandbox.tableau_url, "analytics", **credentials)
        assert problems(schema, response.content) == []


@pytest.mark.parametrize("credential", [PersonalAccessToken("n", 's<&"'), UserPassword("사용자", "p"), Jwt("j")], ids=type)
@pytest.mark.parametrize("site", ["", "analytics"])
def test_our_requests_are_valid(schema: etree.XMLSchema, credential: object, site: str) -> None:
    assert problems(schema, sign_in_body(credential, site)) == []  # type: ignore[arg-type]
