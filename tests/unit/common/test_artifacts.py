from __future__ import annotations

from pathlib import Path

import pytest
from airflow.sdk import ObjectStoragePath

from workplace_provider.common.artifacts import Artifact, as_artifacts


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
    with pytest.raises(ValueError, match=r"is no file|stands for 2 files"):
        as_artifacts(value)
