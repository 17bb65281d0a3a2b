"""Old files of runs are removed from the artifact store, on a disk and in a bucket; everything else stays."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from support.event_loop import call_apart
from support.object_store import BUCKET, bucket, keys, s3  # noqa: F401 - fixtures
from workplace_provider.common.artifact_store import ArtifactStore
from workplace_provider.reports import ReportError
from workplace_provider.reports.reading import parse_definition
from workplace_provider.reports.retention import ArtifactRetentionOperator, Retention, report_retentions

REPORT = 'period: {every: week}\npage: {space: A, title: "%Y%m%d_NAME"}\n'
IN_A_YEAR = datetime.now(UTC) + timedelta(days=365)
WEEKLY = "scheduled__2026-11-19T00_30_00_00_00-0123456789abcdef"
FILES = {
    f"weekly/{WEEKLY}/compose/report.json": "weekly",
    f"weekly/{WEEKLY}/collect.trend/0/chart [1].png": "weekly",
    "weekly/a run of a person/compose/report.json": "",
    "other/manual__2026-11-19/export/data.csv": "other",
    "broken/manual__2026-11-19/export/data.csv": "",
    "other/manual__2026-11-19-loose/loose.csv": "",
    "confluence/ANALYTICS/pages.jsonl": "",
    "identity_sync/profiles/T1.json": "",
    "reports/weekly/2026-W45/manifest.json": "state",
    "reports/weekly/2026-W45/announcements/announce_1/message.json": "state",
    "reports/weekly/2026-W46/manifest.json": "",
    "reports/weekly/2026-W47/manifest.json": "",
    "reports/old_weekly/2026-W40/manifest.json": "",
    "reports/weekly/notes/readme.txt": "",
    "loose.txt": "",
}
"""The files of a store, with what removes each: the retention of the report, the setting, or nothing."""


def folder_of_reports(tmp_path: Path) -> Path:
    folder = tmp_path / "include" / "reports"
    folder.mkdir(parents=True)
    (folder / "weekly.yaml").write_text(REPORT + "retention: 100d\nformerly: [old_weekly]\n")
    (folder / "broken.yaml").write_text("retention: 7d\n")
    (folder / "plain.yaml").write_text(REPORT)
    return folder


def remaining(*kinds: str) -> list[str]:
    return sorted(name for name, kind in FILES.items() if kind not in kinds or not kind)


def check_retention(store: ArtifactStore, tmp_path: Path, listed: Any) -> None:
    reports = report_retentions(folder_of_reports(tmp_path))
    assert reports == {"broken": None, "old_weekly": timedelta(days=100), "weekly": timedelta(days=100)}

    def remove(default: timedelta | None, now: datetime, *, dry_run: bool = False) -> dict[str, int]:
        return dict(Retention(store, default, reports, now, is_dry_run=dry_run).remove())

    assert remove(timedelta(days=7), datetime.now(UTC))["files"] == 0, "all are new"
    expected = {"runs": 1, "periods": 1, "files": 4, "bytes": 20}
    assert remove(None, IN_A_YEAR, dry_run=True) == expected
    assert listed() == remaining()
    assert remove(None, IN_A_YEAR) == expected
    assert listed() == remaining("weekly", "state")
    assert remove(timedelta(days=400), IN_A_YEAR)["files"] == 0
    assert remove(timedelta(days=300), IN_A_YEAR) == {"runs": 1, "periods": 0, "files": 1, "bytes": 5}
    assert listed() == remaining("weekly", "state", "other")


def test_on_a_disk(tmp_path: Path) -> None:
    root = tmp_path / "store"
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("bytes")
    elsewhere = tmp_path / "elsewhere" / "task"
    elsewhere.mkdir(parents=True)
    (elsewhere / "file.csv").write_text("kept")
    (root / "weekly" / "manual__link").symlink_to(elsewhere.parent)
    check_retention(
        ArtifactStore(f"file://{root}"),
        tmp_path,
        lambda: sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()),
    )
    assert (elsewhere / "file.csv").exists()
    assert not (root / "weekly" / WEEKLY).exists(), "no empty folders stay"


def test_in_a_bucket(tmp_path: Path, bucket: Any) -> None:  # noqa: F811
    for name in FILES:
        bucket.put_object(Key=f"artifacts/{name}", Body=b"bytes")
    store = ArtifactStore(f"s3://{BUCKET}/artifacts", "aws_default")
    call_apart(
        lambda: check_retention(store, tmp_path, lambda: [key.removeprefix("artifacts/") for key in keys(bucket)]),
    )


def test_the_task_reads_the_setting_and_the_definitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "include" / "reports"
    folder.mkdir(parents=True)
    monkeypatch.setenv("AIRFLOW__WORKPLACE__ARTIFACTS_PATH", f"file://{tmp_path}/store")
    context: Any = {"dag_run": SimpleNamespace(run_after=datetime.now(UTC))}
    task = ArtifactRetentionOperator(task_id="remove", folder=str(folder))
    with pytest.raises(AirflowSkipException, match="no retention is set"):
        task.execute(context)
    monkeypatch.setenv("AIRFLOW__WORKPLACE__ARTIFACTS_RETENTION", "30d")
    assert task.execute(context) == {"runs": 0, "periods": 0, "files": 0, "bytes": 0}
    old = tmp_path / "store" / "weekly" / WEEKLY / "compose" / "report.json"
    old.parent.mkdir(parents=True)
    old.write_text("bytes")
    moment = (datetime.now(UTC) - timedelta(days=50)).timestamp()
    os.utime(old, (moment, moment))
    (folder / "weekly.yaml").write_text(REPORT + "retention: 60d\n")
    assert task.execute(context)["files"] == 0, "the report keeps its files longer"
    (folder / "weekly.yaml").unlink()
    removed = {"runs": 1, "periods": 0, "files": 1, "bytes": 5}
    assert ArtifactRetentionOperator(task_id="remove", folder=str(folder), dry_run=True).execute(context) == removed
    assert old.exists()
    assert task.execute(context) == removed
    assert not old.exists()
    monkeypatch.setenv("AIRFLOW__WORKPLACE__ARTIFACTS_RETENTION", "a month")
    with pytest.raises(AirflowFailException, match=r"\[workplace\] artifacts_retention: 'a month' is no duration"):
        task.execute(context)


@pytest.mark.parametrize(("value", "message"), [("1d", "'1d' is too short"), ("forever", "'forever' is no duration")])
def test_errors_of_a_definition(value: str, message: str) -> None:
    with pytest.raises(ReportError, match=f"weekly.yaml, line 3: retention: {message}"):
        parse_definition(REPORT + f"retention: {value}\n", "weekly.yaml", "weekly")
