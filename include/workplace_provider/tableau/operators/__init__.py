"""Operators that export views of Tableau, and refresh extracts."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.tableau.operators.batch import TableauExportBatchOperator
    from workplace_provider.tableau.operators.pdf import TableauPdfOperator
    from workplace_provider.tableau.operators.refresh import TableauRefreshOperator
    from workplace_provider.tableau.operators.views import (
        TableauCrosstabExcelOperator,
        TableauViewDataOperator,
        TableauViewImageOperator,
        TableauViewPdfOperator,
    )
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "batch": ["TableauExportBatchOperator"],
            "pdf": ["TableauPdfOperator"],
            "refresh": ["TableauRefreshOperator"],
            "views": [
                "TableauCrosstabExcelOperator",
                "TableauViewDataOperator",
                "TableauViewImageOperator",
                "TableauViewPdfOperator",
            ],
        },
    )

__all__ = [
    "TableauCrosstabExcelOperator",
    "TableauExportBatchOperator",
    "TableauPdfOperator",
    "TableauRefreshOperator",
    "TableauViewDataOperator",
    "TableauViewImageOperator",
    "TableauViewPdfOperator",
]
