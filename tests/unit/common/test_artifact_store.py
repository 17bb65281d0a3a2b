from __future__ import annotations

import hashlib
import threading
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.common.artifact_store import LONGEST_NAME, ArtifactSink, ArtifactStore, safe_name
from workplace_provider.common.artifacts import as_artifacts

RUN_ID = "manual__2026-11-22T03:19:42.103714+00:00"


def context(map_index: int = -1) -> dict[str, Any]:
    return {"dag": SimpleNamespace(dag_id="weekly"), "run_id": RUN_ID, "ti": SimpleNamespace(map_index=map_index)}


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(f"file://{tmp_path}/artifacts")


def test_a_file_is_there_whole_or_not_at_all(store: ArtifactStore, tmp_path: Path) -> None:
    folder = store.run_folder(context(), "export")
    with store.publish(folder, "주간활성사용자.png", "image/png") as sink:
        sink.write(b"one ")
        assert not list(tmp_path.rglob("주간*"))
        sink.write(b"two")
        sink.describe(width=3)
    (path,) = (each for each in tmp_path.rglob("*") if each.is_file())
    assert path.read_bytes() == b"one two"
    artifact = sink.artifact
    assert artifact.uri == str(path)
    assert (artifact.name, artifact.media_type, artifact.size) == ("주간활성사용자.png", "image/png", 7)
    assert artifact.sha256 == hashlib.sha256(b"one two").hexdigest()
    assert artifact.facts == {"width": 3}
    assert as_artifacts(artifact.as_dict()) == [artifact]
    assert artifact.open().read() == b"one two"


def test_an_error_leaves_nothing_and_keeps_what_was_there(store: ArtifactStore, tmp_path: Path) -> None:
    folder = store.run_folder(context(), "export")
    with store.publish(folder, "a.csv", "text/csv") as sink:
        sink.write(b"good")

    def half() -> None:
        with store.publish(folder, "a.csv", "text/csv") as sink:
            sink.write(b"half")
            sinks.append(sink)
            raise ConnectionError

    sinks: list[ArtifactSink] = []
    with pytest.raises(ConnectionError):
        half()
    assert [(each.name, each.read_bytes()) for each in tmp_path.rglob("*") if each.is_file()] == [("a.csv", b"good")]
    with pytest.raises(RuntimeError, match="not complete"):
        _ = sinks[0].artifact


def test_what_is_begun_anew_is_counted_anew(store: ArtifactStore) -> None:
    with store.publish(store.run_folder(context(), "export"), "a.csv", "text/csv") as sink:
        sink.write(b"lost")
        sink.restart()
        sink.write(b"kept")
    assert sink.artifact.open().read() == b"kept"
    assert (sink.artifact.size, sink.artifact.sha256) == (4, hashlib.sha256(b"kept").hexdigest())


def test_an_empty_file_is_a_file(store: ArtifactStore) -> None:
    with store.publish(store.run_folder(context(), "export"), "a.csv", "text/csv") as sink:
        pass
    assert sink.artifact.open().read() == b""


def test_a_killed_worker_leaves_nothing_for_ever(store: ArtifactStore, tmp_path: Path) -> None:
    folder = store.run_folder(context(), "export")
    abandoned = store.publish(folder, "a.csv", "text/csv").__enter__()
    abandoned.write(b"half")
    with ArtifactStore(store.base).publish(folder, "b.csv", "text/csv") as sink:
        sink.write(b"whole")
    assert [each.name for each in tmp_path.rglob("*") if each.is_file()] == ["b.csv"]


def test_threads_of_a_task_do_not_take_each_others_files_for_leftovers(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = store.run_folder(context(), "export")
    tidy = ArtifactSink.remove_leftovers
    others_begin = threading.Event()

    def slowly(sink: ArtifactSink) -> None:
        others_begin.wait(0.2)  # long enough for the other threads to begin, if nothing holds them
        tidy(sink)

    monkeypatch.setattr(ArtifactSink, "remove_leftovers", slowly)

    def made(number: int) -> bytes:
        with store.publish(folder, f"{number}.csv", "text/csv") as sink:
            sink.write(b"one ")
            time.sleep(0.3)
            sink.write(str(number).encode())
        return sink.artifact.open().read()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(made, range(4))) == [f"one {number}".encode() for number in range(4)]


def test_each_task_of_each_run_has_its_folder(store: ArtifactStore) -> None:
    folder = store.run_folder(context(), "collect.export")
    assert folder.startswith(f"{store.base}/weekly/manual__2026-11-22T03_19_42.103714_00_00-")
    assert folder.endswith("/collect.export")
    assert store.run_folder(context(3), "export").endswith("/export/3")


def test_a_run_whose_id_a_person_chose_has_a_folder_of_its_own(store: ArtifactStore) -> None:
    usual = store.run_folder(context(), "export").split("/")[-2]
    ids = ["..", ".", "...", RUN_ID, usual, RUN_ID.replace(":", "_").replace("+", "_"), "a:b", "a+b", "a_b"]
    folders = [store.run_folder({**context(), "run_id": id_}, "export") for id_ in ids]
    assert len(set(folders)) == len(ids)
    for folder in folders:
        assert folder.removeprefix(f"{store.base}/weekly/").count("/") == 1
        assert not {"", ".", ".."} & set(folder.removeprefix(f"{store.base}/").split("/"))


@pytest.mark.parametrize(
    ("artifacts", "xcom", "refused"),
    [
        ("s3://conn@bucket/xcom/files", "s3://bucket/xcom", True),
        ("file:///data/xcom", "/data/xcom/", True),
        ("s3://bucket/xcom-files", "s3://bucket/xcom", False),
        ("s3://bucket", "s3://bucket/xcom", False),
        ("file:///data", "", False),
    ],
)
def test_the_xcom_backend_must_not_own_the_files(
    artifacts: str, xcom: str, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH", xcom)
    monkeypatch.setenv("AIRFLOW__WORKPLACE__ARTIFACTS_PATH", artifacts)
    if refused:
        with pytest.raises(ValueError, match="clearing a task would delete its files"):
            ArtifactStore()
    else:
        assert ArtifactStore().base == artifacts


def test_by_default_the_files_are_in_airflows_home() -> None:
    from airflow.configuration import AIRFLOW_HOME

    assert ArtifactStore().base == f"file://{AIRFLOW_HOME}/artifacts"


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("image_서울.png", "image_서울.png"),
        (unicodedata.normalize("NFD", "개요.png"), "개요.png"),
        ("a/b\\c:d.png", "a_b_c_d.png"),
        ("../../etc/passwd", "_._etc_passwd"),
        ("con.csv", "_con.csv"),
        (" . ", "_"),
        ("週次 レポート?.pdf", "週次 レポート_.pdf"),
        ("가" * 200 + ".png", "가" * 78 + ".png"),
    ],
)
def test_names_fit_every_system(name: str, want: str) -> None:
    assert safe_name(name) == want


@given(st.text(max_size=300))
def test_a_safe_name_stays_as_it_is(name: str) -> None:
    safe = safe_name(name)
    assert safe_name(safe) == safe
    assert safe
    assert len(safe.encode()) <= LONGEST_NAME
    assert not set(safe) & set('/\\:*?"<>|\x00\n')
    assert safe.strip(" .") == safe
