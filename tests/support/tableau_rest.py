from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

import requests
from lxml import etree

NS = {"t": "http://tableau.com/api"}
NEWEST = "3.29"


@dataclass
class TableauRest:
    """Tableau's REST API as a signed-in user sees it."""

    base: str
    token: str
    site: str

    def call(self, path: str, params: Any = None, **headers: str) -> requests.Response:
        return requests.get(
            f"{self.base}/sites/{self.site}{path}",
            params=params,
            headers={"X-Tableau-Auth": self.token, **headers},
            timeout=30,
        )

    def ok(self, path: str, params: Any = None) -> requests.Response:
        answer = self.call(path, params)
        assert answer.status_code == 200, answer.text
        return answer

    def tree(self, path: str, params: Any = None) -> etree._Element:
        return etree.fromstring(self.ok(path, params).content)

    def refusal(self, path: str, params: Any = None) -> str:
        return error_code(self.call(path, params))

    def names(self, path: str, params: Any = None, attribute: str = "name") -> list[str]:
        """Return an attribute of the elements of a list, in the order of the response."""
        kind = path.rsplit("/", 1)[-1].removesuffix("s")
        return [each.get(attribute, "") for each in self.tree(path, params).iterfind(f".//t:{kind}", NS)]

    def view(self, content_url: str) -> str:
        """Return the LUID of a view, ``Workbook/Sheet``."""
        wanted = content_url.replace("/", "/sheets/")
        (luid,) = self.names("/views", {"filter": f"contentUrl:eq:{wanted}"}, "id")
        return luid

    def workbook(self, content_url: str) -> str:
        """Return the LUID of a workbook."""
        (luid,) = self.names("/workbooks", {"filter": f"contentUrl:eq:{content_url}"}, "id")
        return luid

    def rows(self, content_url: str, params: Any = None) -> list[dict[str, str]]:
        """Return the data of a view."""
        content = self.ok(f"/views/{self.view(content_url)}/data", params).content
        return list(csv.DictReader(io.StringIO(content.decode("utf-8"))))


def post(url: str, body: str | dict[str, Any] = "", token: str | None = None, **headers: str) -> requests.Response:
    if token:
        headers["X-Tableau-Auth"] = token
    if isinstance(body, dict):
        return requests.post(url, json=body, headers=headers, timeout=30)
    return requests.post(url, body.encode(), headers={"Content-Type": "text/xml", **headers}, timeout=30)


def ask_to_sign_in(url: str, site: str, version: str = NEWEST, **credentials: str) -> requests.Response:
    """Send credentials, as attributes of ``credentials``."""
    request = etree.Element("tsRequest")
    element = etree.SubElement(request, "credentials", credentials)
    etree.SubElement(element, "site", {"contentUrl": site})
    return post(f"{url}/api/{version}/auth/signin", etree.tostring(request, encoding="unicode"))


def sign_in(url: str, site: str = "analytics", version: str = NEWEST, **credentials: str) -> TableauRest:
    """Sign in, as ``report-bot`` with the first personal access token when no credentials are given."""
    with_pat = {"personalAccessTokenName": "airflow", "personalAccessTokenSecret": "sandbox-pat-secret"}
    return signed_in(url, ask_to_sign_in(url, site, version, **(credentials or with_pat)), version)


def signed_in(url: str, answer: requests.Response, version: str = NEWEST) -> TableauRest:
    assert answer.status_code == 200, answer.text
    credentials = etree.fromstring(answer.content)[0]
    site = credentials.find("t:site", NS)
    assert site is not None
    return TableauRest(f"{url}/api/{version}", credentials.attrib["token"], site.attrib["id"])


def error_code(answer: requests.Response) -> str:
    """Return the code of an error, which begins with the status."""
    error = etree.fromstring(answer.content).find("t:error", NS)
    assert error is not None, answer.text
    code = error.attrib["code"]
    assert code.startswith(str(answer.status_code))
    assert error.findtext("t:summary", "", NS)
    assert error.findtext("t:detail", "", NS)
    return code
