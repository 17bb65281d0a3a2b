from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from support.team_wiki import DIALECTS, Dialect
from support.wiki_exports import PAGES, Killed, WikiExports
from workplace_provider.http.errors import SourceUnavailable, WorkplaceError
from workplace_sandbox import Fault


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """Either face of the wiki."""
    face: Dialect = request.param
    return face


def without_scraps(files: dict[str, bytes]) -> dict[str, bytes]:
    """What is published: a file that was half written when the process died has another name for ever."""
    return {name: content for name, content in files.items() if not name.endswith(".part")}


@pytest.mark.parametrize(
    "part", [0.0, 0.35, 0.8, 1.0, *(pytest.param(part, marks=pytest.mark.large) for part in (0.1, 0.5, 0.65, 0.9, 0.97))]
)
def test_killed_at_any_point_and_resumed_it_is_the_same_to_the_byte(exports: WikiExports, part: float) -> None:
    writes: list[int] = []
    exports.run("undisturbed", counted=writes)
    with pytest.raises(Killed):
        exports.run("a", dies_at=max(1, int(writes[0] * part)))
    assert "manifest.json" not in [name for name in _names(exports, "a") if not name.endswith(".part")]
    outcome = exports.run("a")
    assert outcome.published
    assert outcome.read + outcome.resumed == outcome.manifest["pages"]
    assert without_scraps(exports.files("a")) == exports.files("undisturbed")


def _names(exports: WikiExports, folder: str) -> list[str]:
    root = Path(exports.base.removeprefix("file://")) / folder
    return [path.name for path in root.rglob("*") if path.is_file()]


def test_killed_again_and_again_it_comes_to_its_end(exports: WikiExports) -> None:
    exports.run("undisturbed")
    for _ in range(4):
        with pytest.raises(Killed):
            exports.run("a", dies_at=10, workers=1)
    assert exports.run("a").resumed > 10
    assert without_scraps(exports.files("a")) == exports.files("undisturbed")


def test_an_incremental_export_that_is_killed_keeps_the_one_before(exports: WikiExports, pages: list[str]) -> None:
    exports.run("a")
    exports.run("b")
    before = exports.raw("a")
    for page in pages[::3]:
        exports.store.update_page(page, author="alex", body=f"<p>고침 {page}</p>")
    exports.store.trash_page(pages[-1])
    exports.run("b", key="next")
    for dies_at in (3, 12, 40):
        with pytest.raises(Killed):
            exports.run("a", key="next", dies_at=dies_at)
        assert exports.raw("a") == before
    exports.run("a", key="next")
    assert without_scraps(exports.files("a")) == exports.files("b")


def test_what_changed_meanwhile_is_read_again(exports: WikiExports, pages: list[str]) -> None:
    with pytest.raises(Killed):
        exports.run("a", dies_at=20)
    exports.store.update_page(pages[0], author="alex", body="<p>나중</p>")
    exports.store.add_comment(pages[1], "<p>나중</p>", "alex")
    exports.store.trash_page(pages[2])
    outcome = exports.run("a", key="a week later")
    assert outcome.resumed
    exports.run("b", key="a week later")
    assert exports.raw("a") == exports.raw("b")


def test_a_full_export_takes_up_its_own_and_nobody_elses(exports: WikiExports, pages: list[str]) -> None:
    with pytest.raises(Killed):
        exports.run("a", key="one", mode="full", dies_at=20)
    assert exports.run("a", key="one", mode="full").resumed
    with pytest.raises(Killed):
        exports.run("a", key="two", mode="full", dies_at=20)
    assert exports.run("a", key="three", mode="full").resumed == 0
    assert not [name for name in exports.files("a") if name.startswith("work-") and "three" in name]
    assert exports.manifest()["pages"] == len(pages)


FAULTS: dict[str, dict[str, Any]] = {
    "429": {"kind": "status", "status": 429, "headers": {"Retry-After": "0"}, "times": 3},
    "500": {"kind": "status", "status": 500, "times": 2},
    "503": {"kind": "status", "status": 503, "headers": {"Retry-After": "0"}, "times": 2},
    "half an answer": {"kind": "truncate", "times": 2},
    "no answer": {"kind": "drop_after", "times": 2},
    "a log-in page": {"kind": "html", "times": 1},
}


@pytest.mark.parametrize("path", [PAGES, "/rest/api/content/search$", "/download"])
@pytest.mark.parametrize(
    "fault", [pytest.param(fault, marks=pytest.mark.large if fault == "503" else ()) for fault in FAULTS]
)
def test_what_goes_wrong_on_the_way_makes_no_difference(exports: WikiExports, fault: str, path: str) -> None:
    exports.run("undisturbed")
    exports.sandbox.add_fault(Fault(path, skip=1, **FAULTS[fault]))
    # Some of it the client gets over by itself; the rest is an error, and the next try of the task.
    with suppress(WorkplaceError):
        exports.run("a")
    exports.run("a")
    assert exports.files("a") == exports.files("undisturbed")
    assert any(rule["hits"] for rule in requests.get(f"{exports.sandbox.url}/_sandbox/faults", timeout=5).json())


def test_an_error_half_way_leaves_what_was_read_for_the_next_attempt(exports: WikiExports) -> None:
    exports.sandbox.add_fault(Fault(PAGES, "status", status=500, skip=4, times=None))
    with pytest.raises(SourceUnavailable):
        exports.run("a", workers=1)
    exports.sandbox.clear_faults()
    outcome = exports.run("a")
    assert outcome.resumed
    exports.run("b")
    assert exports.raw("a") == exports.raw("b")
    assert json.dumps(exports.manifest("a")["content"]) == json.dumps(exports.manifest("b")["content"])
