"""Page templates, as the experimental API of Data Center has them."""

from __future__ import annotations

import pytest
from atlassian import Confluence
from requests import HTTPError

from unit.sandbox.conftest import Api
from workplace_sandbox import Sandbox

# The client calls its methods of the experimental API old, and those of Cloud, which Data Center does not have, new.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated method:DeprecationWarning")

BODY = (
    '<at:declarations><at:string at:name="week" /></at:declarations>'
    '<p>W<at:var at:name="week" />&nbsp;&middot; <![CDATA[]]></p>'
)


@pytest.fixture
def client(sandbox: Sandbox) -> Confluence:
    return Confluence(sandbox.confluence_url, token=sandbox.confluence_token, cloud=False)


def test_a_template_is_given_back_to_the_byte(sandbox: Sandbox, client: Confluence) -> None:
    made = sandbox.store.add_template("ANALYTICS", "주간 보고", BODY, description="매주", labels=["weekly"])
    found = client.get_template_by_id(made.id)
    assert found["body"] == {"storage": {"value": BODY, "representation": "storage"}}
    assert (found["templateId"], found["name"], found["description"]) == (made.id, "주간 보고", "매주")
    assert found["templateType"] == "page"
    assert [label["name"] for label in found["labels"]] == ["weekly"]
    assert found["space"]["key"] == "ANALYTICS"
    assert sandbox.store.template(made.id) == made


def test_a_list_has_the_templates_of_the_space_or_the_global_ones(sandbox: Sandbox, client: Confluence) -> None:
    for name in ("나", "가"):
        sandbox.store.add_template("ANALYTICS", name, BODY)
    shared = sandbox.store.add_template(None, "Everybody's", BODY)
    listed = client.get_all_templates_from_space("ANALYTICS")
    assert [template["name"] for template in listed] == ["가", "나"]
    assert "body" not in listed[0]
    with_bodies = client.get_all_templates_from_space("ANALYTICS", expand="body", limit=1)
    assert [template["body"]["storage"]["value"] for template in with_bodies] == [BODY]
    everywhere = client.get_all_templates_from_space(None)
    assert [(template["templateId"], template.get("space")) for template in everywhere] == [(shared.id, None)]


def test_a_template_is_no_content_and_content_no_template(sandbox: Sandbox, client: Confluence, api: Api, home: str) -> None:
    template = sandbox.store.add_template("ANALYTICS", "가", BODY)
    assert api.refused("GET", f"/content/{template.id}")[0] == 404
    with pytest.raises(HTTPError, match="No content template found"):
        client.get_template_by_id(home)


def test_nobody_sees_templates_without_logging_in(sandbox: Sandbox, anonymous: Api) -> None:
    template = sandbox.store.add_template(None, "가", BODY)
    root = f"{sandbox.confluence_url}/rest/experimental/template"
    assert anonymous.session.get(f"{root}/{template.id}").status_code == 404
    assert anonymous.session.get(f"{root}/page").json()["results"] == []


def test_the_seeded_wiki_has_a_report_and_a_meeting_note() -> None:
    with Sandbox() as seeded:
        client = Confluence(seeded.confluence_url, token=seeded.confluence_token, cloud=False)
        found = {
            each["name"]: client.get_template_by_id(each["templateId"])
            for each in client.get_all_templates_from_space("ANALYTICS")
        }
        assert set(found) == {"주간 보고", "회의록"}
        body = found["주간 보고"]["body"]["storage"]["value"]
        assert "<at:declarations>" in body
        assert '<at:var at:name="report_date" />' in body
        seeded.reset()
        assert len(seeded.store.templates("ANALYTICS")) == 2
