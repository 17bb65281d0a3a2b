from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from support.certificates import certificates
from workplace_sandbox import Fault, Sandbox
from workplace_sandbox.cli import main, require_loopback


def test_state_survives_a_restart_and_is_seeded_only_when_empty(tmp_path: Path):
    with Sandbox(tmp_path, seed=False) as sandbox:
        page = sandbox.store.create_page("ANALYTICS", "남는 쪽", "<p/>", author="jimin")
        requests.post(sandbox.incoming_webhook_url, json={"text": "남는 말"}, timeout=30)
        port = sandbox.port
    with Sandbox(tmp_path, seed=True, port=port) as sandbox:
        assert sandbox.port == port
        assert sandbox.store.page(page.id) == page
        assert len(sandbox.store.pages()) == 2, "no seed on top of a state that is there"
        assert [message.text for message in sandbox.messages()] == ["남는 말"]


def test_reset_starts_anew(tmp_path: Path):
    with Sandbox(tmp_path, seed=False) as sandbox:
        sandbox.store.create_page("ANALYTICS", "T", "", author="jimin")
        sandbox.add_fault(Fault("/", "html"))
        sandbox.reset(seed=False)
        assert len(sandbox.store.pages()) == 1
        assert requests.get(f"{sandbox.url}/_sandbox/faults", timeout=30).json() == []


def test_a_temporary_state_and_the_port_are_given_back():
    with Sandbox(seed=False) as sandbox:
        directory, port = sandbox.store.directory, sandbox.port
        assert directory.exists()
    assert not directory.exists()
    with Sandbox(seed=False, port=port) as sandbox:
        assert requests.get(f"{sandbox.url}/_sandbox/health", timeout=30).json() == {"status": "ok"}
        with pytest.raises(OSError, match="in use"):
            Sandbox(seed=False, port=port).start()


def test_it_listens_on_loopback_only(sandbox):
    import psutil

    ports = [c for c in psutil.Process().net_connections("tcp") if c.status == "LISTEN"]
    mine = [c for c in ports if c.laddr.port == sandbox.port]
    assert [c.laddr.ip for c in mine] == ["127.0.0.1"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.10", "example.com", "127.0.0.1.example.com", ""])
def test_other_hosts_are_refused(host, capsys):
    assert main(["serve", "--host", host]) == 1
    assert "127.0.0.1 only" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"127\.0\.0\.1 only"):
        require_loopback(host)


def test_a_bad_context_path_is_refused():
    for path in ("wiki", "/wiki/"):
        with pytest.raises(ValueError, match="context_path"):
            Sandbox(context_path=path)


def test_the_journal_keeps_no_secret(api, sandbox, home):
    api.attach(home, "그림.png", b"x" * 1000)
    record = sandbox.requests("/child/attachment$")[-1]
    assert (record.method, record.status, record.fault) == ("POST", 200, None)
    assert record.request_body_bytes > 1000
    assert record.headers["authorization"] == "Bearer"
    assert "sandbox-token" not in json.dumps(record.to_json())
    over_http = requests.get(f"{sandbox.url}/_sandbox/requests", params={"path": "/child/"}, timeout=30).json()
    assert over_http == [record.to_json()]
    sandbox.clear_requests()
    assert sandbox.requests() == []


def test_the_controls_over_http(api, sandbox, tmp_path):
    control = f"{sandbox.url}/_sandbox"
    rule = {"path": "/space$", "kind": "status", "status": 502}
    assert requests.post(f"{control}/faults", json=rule, timeout=30).status_code == 200
    assert api.call("GET", "/space").status_code == 502
    requests.post(f"{control}/faults", json=rule, timeout=30)
    requests.delete(f"{control}/faults", timeout=30)
    assert api.call("GET", "/space").status_code == 200
    requests.post(sandbox.workflow_webhook_url, json={"report_link": "https://x"}, timeout=30)
    messages = requests.get(f"{control}/messages", params={"channel": "#weekly-report"}, timeout=30).json()
    assert [message["source"] for message in messages] == ["workflow"]
    requests.delete(f"{control}/requests", timeout=30)
    assert requests.get(f"{control}/requests", timeout=30).json() == []
    assert requests.post(f"{control}/reset", json={"seed": False}, timeout=30).status_code == 200
    assert sandbox.messages() == []


def test_a_page_in_the_internet_cannot_use_the_controls(sandbox):
    control = f"{sandbox.url}/_sandbox"
    for options in ({"data": b'{"seed":false}'}, {"data": {"seed": "false"}}):
        assert requests.post(f"{control}/reset", timeout=30, **options).status_code == 415
    relative = requests.post(f"{control}/export", json={"directory": "here"}, timeout=30)
    assert relative.status_code == 400


def test_importing_the_package_is_cheap():
    code = (
        "import sys, workplace_sandbox; "
        "print([m for m in ('fastapi', 'uvicorn', 'lxml', 'sqlite3', 'jinja2') if m in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_env())
    assert output.stdout.strip() == "[]"


def test_the_command_serves_until_it_is_told_to_stop(tmp_path: Path):
    ready = tmp_path / "ready.json"
    state = tmp_path / "state"
    command = [sys.executable, "-m", "workplace_sandbox.cli", "serve", "--port", "0", "--state", str(state)]
    command += ["--ready-file", str(ready), "--today", "2026-11-19"]
    for number in (signal.SIGTERM, signal.SIGINT):
        ready.unlink(missing_ok=True)
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_env())
        try:
            found = _wait_for_json(ready, server)
            assert found["pid"] == server.pid
            health = requests.get(f"{found['url']}/_sandbox/health", timeout=30)
            assert health.json() == {"status": "ok"}
            assert main(["reset", "--url", found["url"], "--empty"]) == 0
            assert requests.get(found["slack_channel_url"], timeout=30).status_code == 200
        finally:
            server.send_signal(number)
            output, _ = server.communicate(timeout=30)
        assert server.returncode == 0
        assert found["confluence_url"] in output
        assert found["jira_url"] in output
        assert requests.utils.urlparse(found["url"]).hostname == "127.0.0.1"


def test_a_command_runs_with_connections_to_a_sandbox_of_its_own(capfd, tmp_path):
    program = (
        "import json, os, urllib.request; host = json.loads(os.environ['AIRFLOW_CONN_JIRA_DEFAULT'])['host']; "
        "print(urllib.request.urlopen(host + '/rest/api/2/serverInfo').status); raise SystemExit(3)"
    )
    assert main(["run", "--export", str(tmp_path / "wiki"), sys.executable, "-c", program]) == 3
    assert "200" in capfd.readouterr().out
    assert (tmp_path / "wiki" / "index.html").is_file()
    assert main(["run"]) == 1
    assert "no command to run" in capfd.readouterr().err


def test_commands_say_when_there_is_no_sandbox(capsys, tmp_path):
    with Sandbox(seed=False) as sandbox:
        url = sandbox.url
    assert main(["reset", "--url", url]) == 1
    assert main(["serve", "--last-report", str(tmp_path / "none.xhtml")]) == 1
    assert "workplace-sandbox: " in capsys.readouterr().err


def test_tls_with_client_certificates(tmp_path: Path):
    authority, server, client = certificates(tmp_path)
    tls = {"ssl_certfile": server[0], "ssl_keyfile": server[1], "ssl_ca_certs": authority}
    with Sandbox(seed=False, **tls) as sandbox:
        assert sandbox.url.startswith("https://127.0.0.1:")
        options = {"verify": str(authority), "timeout": 30}
        answer = requests.get(f"{sandbox.url}/_sandbox/health", cert=tuple(map(str, client)), **options)
        assert answer.status_code == 200
        sandbox.add_fault(Fault("/confluence$", "drop_after"))
        with pytest.raises(requests.ConnectionError):
            requests.get(sandbox.confluence_url, cert=tuple(map(str, client)), **options)
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{sandbox.url}/_sandbox/health", **options)
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(f"{sandbox.url}/_sandbox/health", timeout=30)


def _env() -> dict[str, str]:
    source = Path(__file__).resolve().parents[3] / "sandbox" / "src"
    return os.environ | {"PYTHONPATH": str(source)}


def _wait_for_json(path: Path, server: subprocess.Popen[str]) -> dict[str, str]:
    for _ in range(600):
        if path.exists():
            return json.loads(path.read_text("utf-8"))
        assert server.poll() is None, "the server ended before it was ready"
        time.sleep(0.05)
    pytest.fail("the server did not get ready")


def test_a_seed_that_fails_leaves_the_state_empty(tmp_path: Path):
    broken = Sandbox(tmp_path / "state", last_report=tmp_path / "none.xhtml")
    with pytest.raises(OSError, match="none"):
        broken.start()
    with Sandbox(tmp_path / "state", seed=False) as sandbox:
        assert len(sandbox.store.pages()) == 1
