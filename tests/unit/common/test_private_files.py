"""Files with personal data on local disks: 0600 in 0700 folders, whatever the umask is."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from workplace_provider.common.artifact_store import ArtifactStore
from workplace_provider.common.private_files import make_private_folder, open_private
from workplace_provider.identity.journal import FileJournal
from workplace_provider.identity.operators.journal import open_journal
from workplace_provider.identity.targets.csv_file import CsvTarget

COLUMNS = {name: name for name in ("id", "externalId", "userName", "active", "emails.value")}


@pytest.fixture(autouse=True, params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: str | Path) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def assert_private(root: Path) -> None:
    for folder, _, files in os.walk(root):
        assert mode(folder) == 0o700, folder
        assert {name: mode(Path(folder, name)) for name in files} == dict.fromkeys(files, 0o600)


def test_artifacts(tmp_path: Path) -> None:
    store = ArtifactStore(f"file://{tmp_path}/artifacts/team")
    for _ in range(2):  # the second takes the place of the first
        with store.publish(f"{store.base}/dag/run/task", "directory.jsonl", "application/jsonl") as sink:
            sink.write(b"ann@example.com")
            assert_private(tmp_path / "artifacts")
    with store.publish(f"{store.base}/dag/run/empty", "empty.txt", "text/plain"):
        pass
    assert_private(tmp_path / "artifacts")
    with sink.artifact.open() as stream:
        assert stream.read() == b"ann@example.com"


def test_journals(tmp_path: Path) -> None:
    store = ArtifactStore(f"file://{tmp_path}/artifacts")
    journal = open_journal(store, f"{store.base}/dag/run/task", "d" * 64)
    journal.append({"key": "ann"})
    journal.append({"key": "bob"})
    assert list(journal.read()) == [{"key": "ann"}, {"key": "bob"}]
    assert_private(tmp_path / "artifacts")


def test_a_journal_of_an_earlier_version_becomes_private(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"key": "ann"}\n')
    path.chmod(0o644)
    FileJournal(path).append({"key": "bob"})
    assert mode(path) == 0o600


def test_a_file_of_accounts(tmp_path: Path) -> None:
    target = CsvTarget(tmp_path / "new" / "accounts.csv", COLUMNS)
    target.create({"userName": "ann", "emails.value": "ann@example.com"}, {})
    assert_private(tmp_path / "new")


def test_folders_that_exist_keep_their_mode(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o750)
    make_private_folder(shared / "a" / "b")
    assert (mode(shared), mode(shared / "a"), mode(shared / "a" / "b")) == (0o750, 0o700, 0o700)
    make_private_folder(shared / "a" / "b")


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    (tmp_path / "link").symlink_to(other)
    for append in (False, True):
        with pytest.raises(OSError, match=r"File exists|symbolic links"):
            open_private(tmp_path / "link", append=append)
    assert not other.exists()
