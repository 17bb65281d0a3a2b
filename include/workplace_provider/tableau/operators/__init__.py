"""Operators that export views of Tableau."""

from workplace_provider.tableau.operators.batch import TableauExportBatchOperator
from workplace_provider.tableau.operators.views import (
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
