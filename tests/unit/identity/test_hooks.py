from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.counting_proxy import CountingProxy
from support.people import BASIC, Sync, person
from support.scim_service import STRICT, TOKEN, scim_service
from support.scripted_server import ScriptedServer, reply
from workplace_provider.identity import AttributeMap
from workplace_provider.identity.hooks import ScimHook, rest_target
from workplace_sandbox import Sandbox


def connect(monkeypatch: pytest.MonkeyPatch, conn_id: str, **given: object) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps({"conn_type": "scim", **given}))


def test_a_connection_becomes_a_system_of_accounts(scim2_server: CountingProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"name": "Portal", "bulk": "never"}
    connect(monkeypatch, "scim_default", host=f"{scim2_server.url}/hooks/v2", password=TOKEN, extra=extra)
    hook = ScimHook()
    works, sentence = hook.test_connection()
    assert works, sentence
    assert sentence == f"SCIM at {scim2_server.url}/hooks/v2 with 0 users; it offers patch, bulk, filter, etag"
    target = hook.target(attributes=["displayName"])
    assert (target.name, target.capabilities.bulk) == ("Portal", 1)
    assert Sync(target).run(person("Ann")).complete
    assert "with 1 users" in ScimHook().test_connection()[1]
    hook.get_conn().close()


def test_a_wrong_token_and_a_wrong_option_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with scim_service(STRICT) as service:
        connect(monkeypatch, "portal", host=service.url, password="wr0ng-t0ken")
        works, sentence = ScimHook("portal").test_connection()
        assert not works
        assert "Check the token in the connection's password" in sentence
        assert "wr0ng" not in sentence
        connect(monkeypatch, "portal2", host=service.url, password=TOKEN, extra={"patch_style": "soap"})
        with pytest.raises(ValueError, match="connection portal2: patch_style is 'soap'"):
            ScimHook("portal2").target()
    connect(monkeypatch, "nowhere")
    assert ScimHook("nowhere").test_connection() == (
        False,
        "connection nowhere has no host; set it to the site's URL, such as https://app.example.com/scim/v2",
    )


def test_an_http_connection_and_a_description_become_a_system_of_accounts(
    sandbox: Sandbox, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheme, _, rest = sandbox.members_url.partition("://")
    host, _, path = rest.partition("/")
    name, _, port = host.partition(":")
    extra = {"context_path": f"/{path}", "auth": "headers"}
    connect(monkeypatch, "members", conn_type="http", schema=scheme, host=name, port=int(port), login="sync", extra=extra)
    target = rest_target("members", repository / "include/identity/services/member_service.yaml")
    mapping = (*BASIC, AttributeMap("password", "generated", secret=True))
    assert Sync(target, mapping).run(person("Ann")).complete
    assert [change.actor for change in sandbox.store.member_changes("ann")] == ["sync"]


def test_further_extras_of_an_http_connection_are_headers(
    server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    description = tmp_path / "svc.yaml"
    description.write_text("name: S\naccount: {id: id, userName: login}\nlist: {method: GET, path: /users}\n")
    connect(monkeypatch, "svc", conn_type="http", host=server.url, password="t0k", extra={"X-Key": "k3y", "read_timeout": 5})
    server.will(reply(200, b'[{"id": 1, "login": "ann"}]'))
    assert [each.id for each in rest_target("svc", description).read()] == ["1"]
    assert server.asked[0].headers["X-Key"] == "k3y"
    assert server.asked[0].headers["Authorization"] == "Bearer t0k"
    assert "read_timeout" not in server.asked[0].headers
