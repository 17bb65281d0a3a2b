"""Operators that export views of Tableau."""

from workplace_provider.operators.tableau.batch import TableauExportBatchOperator
from workplace_provider.operators.tableau.views import (
    TableauCrosstabExcelOperator,
    TableauViewDataOperator,
    TableauViewImageOperator,
    TableauViewPdfOperator,
)

__all__ = [
    "TableauCrosstabExcelOperator",
    "TableauExportBatchOperator",
    "TableauViewDataOperator",
    "TableauViewImageOperator",
    "TableauViewPdfOperator",
]
