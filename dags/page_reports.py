"""Reports that describe themselves on their template pages in Confluence, as one Airflow DAG; see docs/page_reports.md."""

from __future__ import annotations

from pathlib import Path

from workplace_provider.reports import build_page_reports

dag = build_page_reports(Path(__file__).parent.parent / "include" / "report_catalogue.yaml")
