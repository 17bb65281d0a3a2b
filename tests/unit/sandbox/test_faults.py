from __future__ import annotations

import http.client
import threading
import time

import pytest
import requests

from workplace_sandbox import Fault

CREATE = r"/rest/api/content$"


@pytest.fixture
def titles(sandbox):
    return lambda: [page.title for page in sandbox.store.pages("ANALYTICS") if page.parent_id is None][1:]


def create(api, title="새 쪽", **options):
    content = {"type": "page", "title": title, "space": {"key": "ANALYTICS"}}
    return api.call("POST", "/content", json=content, **options)


def test_status_answers_instead_of_doing_it(api, sandbox, titles):
    headers = {"Retry-After": "7", "X-RateLimit-Remaining": "0"}
    sandbox.add_fault(Fault(CREATE, "status", method="POST", status=429, headers=headers, body="천천히"))
    answer = create(api)
    assert (answer.status_code, answer.headers["retry-after"], answer.text) == (429, "7", "천천히")
    assert titles() == []
    assert create(api).status_code == 200, "once is the default"


def test_status_after_does_it_all_the_same(api, sandbox, titles):
    sandbox.add_fault(Fault(CREATE, "status_after", method="POST", status=503))
    assert create(api).status_code == 503
    assert titles() == ["새 쪽"]


def test_drop_before_does_nothing(api, sandbox, titles):
    sandbox.add_fault(Fault(CREATE, "drop_before", method="POST"))
    with pytest.raises(requests.ConnectionError):
        create(api)
    assert titles() == []
    assert sandbox.requests(CREATE)[-1].fault == "drop_before"
    assert sandbox.requests(CREATE)[-1].status is None


def test_drop_after_does_it_and_sends_no_byte(api, sandbox, titles):
    sandbox.add_fault(Fault(CREATE, "drop_after", method="POST"))
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=30)
    connection.request(
        "POST",
        "/confluence/rest/api/content",
        b'{"type":"page","title":"T","space":{"key":"ANALYTICS"}}',
        {"Content-Type": "application/json", "Authorization": "Bearer sandbox-token"},
    )
    with pytest.raises(http.client.RemoteDisconnected):
        connection.getresponse()
    connection.close()
    assert titles() == ["T"]
    assert sandbox.requests(CREATE)[-1].status is None


def test_slow_waits_before_it_does_it(api, sandbox):
    sandbox.add_fault(Fault(CREATE, "slow", method="POST", delay=0.3))
    started = time.monotonic()
    assert create(api).status_code == 200
    assert time.monotonic() - started >= 0.3


def test_hang_after_does_it_while_the_client_waits(api, sandbox, titles):
    sandbox.add_fault(Fault(CREATE, "hang_after", method="POST", delay=60))
    with pytest.raises(requests.ReadTimeout):
        api.session.post(
            f"{api.base}/rest/api/content",
            json={"type": "page", "title": "T", "space": {"key": "ANALYTICS"}},
            timeout=0.5,
        )
    assert titles() == ["T"]


def test_truncate_declares_the_whole_and_sends_half(api, sandbox, home):
    sandbox.add_fault(Fault(f"/content/{home}$", "truncate", method="GET", times=None))
    whole = len(api.call("GET", "/space").content)
    assert whole
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=30)
    connection.request("GET", f"/confluence/rest/api/content/{home}", headers={"Authorization": "Bearer sandbox-token"})
    answer = connection.getresponse()
    declared = int(answer.headers["content-length"])
    with pytest.raises(http.client.IncompleteRead) as caught:
        answer.read()
    assert len(caught.value.partial) == declared // 2
    connection.close()


def test_truncated_download(api, sandbox, home):
    data = b"x" * 3_000_000
    made = api.attach(home, "a.png", data).json()["results"][0]
    sandbox.add_fault(Fault("/download/", "truncate"))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        _ = api.session.get(api.base + made["_links"]["download"], timeout=30).content
    assert api.session.get(api.base + made["_links"]["download"], timeout=30).content == data


def test_html_is_a_log_in_page_with_status_200(api, sandbox, home):
    sandbox.add_fault(Fault("/content/", "html"))
    answer = api.call("GET", f"/content/{home}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "password" in answer.text


@pytest.mark.parametrize("kind", ["drop_after", "status_after"])
def test_faults_meet_streamed_uploads(api, sandbox, home, kind):
    sandbox.add_fault(Fault("/child/attachment$", kind, method="POST", status=500))
    data = b"y" * 5_000_000
    if kind == "drop_after":
        with pytest.raises(requests.ConnectionError):
            api.attach(home, "a.png", data)
    else:
        assert api.attach(home, "a.png", data).status_code == 500
    assert [file.size for file in sandbox.store.attachments(home)] == [len(data)]


def test_an_upload_that_is_refused_or_dropped_leaves_nothing(api, sandbox, home):
    data = b"y" * 5_000_000
    sandbox.add_fault(Fault("/child/attachment$", "status", method="POST", status=503))
    assert api.attach(home, "a.png", data).status_code == 503
    sandbox.add_fault(Fault("/child/attachment$", "drop_before", method="POST"))
    with pytest.raises(requests.ConnectionError):
        api.attach(home, "a.png", data)
    assert sandbox.store.attachments(home) == []


def test_rules_are_counted_skipped_and_used_up(api, sandbox):
    sandbox.add_fault(Fault("/space$", "status", method="GET", status=500, skip=1, times=2))
    assert [api.call("GET", "/space").status_code for _ in range(4)] == [200, 500, 500, 200]
    rule = requests.get(f"{sandbox.url}/_sandbox/faults", timeout=30).json()[0]
    assert (rule["hits"], rule["path"], rule["kind"]) == (2, "/space$", "status")
    sandbox.clear_faults()
    assert requests.get(f"{sandbox.url}/_sandbox/faults", timeout=30).json() == []


def test_the_first_matching_rule_decides_and_used_up_ones_are_passed_over(api, sandbox):
    sandbox.add_fault(Fault("/space", "status", status=500))
    sandbox.add_fault(Fault("/space", "status", status=503))
    assert [api.call("GET", "/space").status_code for _ in range(3)] == [500, 503, 200]


def test_faults_meet_webhooks(sandbox):
    sandbox.add_fault(Fault("^/triggers/", "drop_after"))
    with pytest.raises(requests.ConnectionError):
        requests.post(sandbox.workflow_webhook_url, json={"report_link": "x"}, timeout=30)
    assert len(sandbox.messages()) == 1


def test_a_dropped_connection_does_not_disturb_others(api, sandbox):
    sandbox.add_fault(Fault("/space$", "drop_after", times=None))
    errors: list[BaseException] = []

    def get() -> None:
        try:
            for _ in range(10):
                assert requests.get(f"{sandbox.url}/_sandbox/health", timeout=30).status_code == 200
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=get) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        with pytest.raises(requests.ConnectionError):
            api.call("GET", "/space")
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "explode"},
        {"kind": "status", "path": "("},
        {"kind": "status", "status": 42},
        {"kind": "slow", "delay": -1},
        {"kind": "status", "times": 0},
    ],
)
def test_rules_that_cannot_work_are_refused(sandbox, wrong):
    rule = {"path": "/", **wrong}
    with pytest.raises(ValueError, match=r"\w"):
        Fault(**rule)
    assert requests.post(f"{sandbox.url}/_sandbox/faults", json=rule, timeout=30).status_code == 422
