"""Reports without Python: each file in `include/reports` is an Airflow DAG with the file's name."""

from __future__ import annotations

from pathlib import Path

from workplace_provider.reports import build_dags

globals().update(build_dags(Path(__file__).parent.parent / "include" / "reports"))
