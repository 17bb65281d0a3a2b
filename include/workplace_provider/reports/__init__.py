"""Reports that are described in YAML instead of Python."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.reports.definition import ReportDefinition
    from workplace_provider.reports.factory import build_dag, build_dags
    from workplace_provider.reports.page_reports import build_page_reports
    from workplace_provider.reports.reading import ReportError, read_definition
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "definition": ["ReportDefinition"],
            "factory": ["build_dag", "build_dags"],
            "page_reports": ["build_page_reports"],
            "reading": ["ReportError", "read_definition"],
        },
    )

__all__ = ["ReportDefinition", "ReportError", "build_dag", "build_dags", "build_page_reports", "read_definition"]
