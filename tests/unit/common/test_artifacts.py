from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import ObjectStoragePath

from workplace_provider.common.artifacts import MANIFEST, Artifact, ArtifactChanged, as_artifacts, read_manifest
from workplace_provider.common.rows import read_rows


def test_files_come_in_many_forms(tmp_path: Path) -> None:
    picture = tmp_path / "주간 활성.png"
    picture.write_bytes(b"png")
    want = Artifact(str(picture), "주간 활성.png", "image/png")
    assert as_artifacts(str(picture)) == [want]
    assert as_artifacts(picture) == [want]
    assert as_artifacts([picture, [str(picture)]]) == [want, want]
    assert as_artifacts({"b.png": picture}) == [Artifact(str(picture), "b.png", "image/png")]
    assert as_artifacts(ObjectStoragePath(f"file://{picture}"))[0].open().read() == b"png"
    given = {"uri": f"file://{picture}", "name": "가.png", "media_type": "image/png", "size": 3, "view": "Sales"}
    (read,) = as_artifacts(given)
    assert (read.name, read.size) == ("가.png", 3)
    assert read.open().read() == b"png"
    assert as_artifacts([]) == as_artifacts(None) == []


@pytest.mark.parametrize("value", [5, [None, 5], b"bytes", "", {"a.png": ["x", "y"]}])
def test_what_is_no_file_is_named(value: object) -> None:
    with pytest.raises(ValueError, match=r"is not a file|has 2 files"):
        as_artifacts(value)


def stored(path: Path, content: bytes, media_type: str = "text/csv") -> dict[str, Any]:
    """A file and the artifact dict that its task returned."""
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return Artifact(str(path), path.name, media_type, len(content), digest).as_dict()


def read_bytes(value: Any) -> bytes:
    (artifact,) = as_artifacts(value)
    with artifact.open() as stream:
        return stream.read()


@pytest.mark.parametrize("content", [b"a,b\n9,2\n", b"a,b\n1,2\n3,4\n", b"a,b\n", b""])
def test_refuse_a_file_that_was_changed_after_its_task(tmp_path: Path, content: bytes) -> None:
    value = stored(tmp_path / "rows.csv", b"a,b\n1,2\n")
    assert read_bytes(value) == b"a,b\n1,2\n"
    (tmp_path / "rows.csv").write_bytes(content)
    with pytest.raises(ArtifactChanged, match=r"^rows.csv was changed after its task wrote it"):
        read_bytes(value)
    with pytest.raises(ArtifactChanged):
        read_rows(value)


def test_refuse_a_manifest_or_a_file_of_it_that_was_changed(tmp_path: Path) -> None:
    image = stored(tmp_path / "a.png", b"png", "image/png")
    other = stored(tmp_path / "b.png", b"other", "image/png")
    manifest = stored(tmp_path / "manifest.json", json.dumps({"files": [image]}).encode(), MANIFEST)
    assert [read_bytes(file) for file in as_artifacts(manifest)] == [b"png"]
    (tmp_path / "a.png").write_bytes(b"pmg")
    with pytest.raises(ArtifactChanged, match=r"a\.png"):
        [read_bytes(file) for file in as_artifacts(manifest)]
    (tmp_path / "manifest.json").write_text(json.dumps({"files": [other]}))
    with pytest.raises(ArtifactChanged, match=r"manifest\.json"):
        as_artifacts(manifest)
    with pytest.raises(ArtifactChanged, match=r"manifest\.json"):
        read_manifest(manifest)


def test_a_change_while_a_file_is_read_has_no_effect(tmp_path: Path) -> None:
    content = b"x" * (20 * 1024 * 1024)
    (artifact,) = as_artifacts(stored(tmp_path / "large.bin", content))
    with artifact.open() as stream:
        with (tmp_path / "large.bin").open("r+b") as other:
            other.write(b"changed")
        assert stream.read() == content


def test_a_file_longer_than_announced_is_not_read_to_its_end(tmp_path: Path) -> None:
    value = stored(tmp_path / "rows.csv", b"a,b\n")
    with (tmp_path / "rows.csv").open("r+b") as file:
        file.truncate(1 << 40)  # sparse: it takes no space
    with pytest.raises(ArtifactChanged, match="more than 4 bytes"):
        read_bytes(value)


@pytest.mark.parametrize("uri", ["/artifacts/run/graph.png", "file:///artifacts/run/graph.png"])
def test_a_file_on_another_workers_disk_names_the_setting(uri: str) -> None:
    artifact = Artifact(uri=uri, name="graph.png")
    for read in (artifact.open, artifact.check_present):
        with pytest.raises(FileNotFoundError, match=r"cannot find the file graph\.png.*artifacts_path"):
            read()
