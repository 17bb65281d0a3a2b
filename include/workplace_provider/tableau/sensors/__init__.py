"""Sensors that wait until data in Tableau is new."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.tableau.sensors.refreshed import (
        TableauDataSourceUpdatedSensor,
        TableauFlowUpdatedSensor,
        TableauViewUpdatedSensor,
    )
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "refreshed": [
                "TableauDataSourceUpdatedSensor",
                "TableauFlowUpdatedSensor",
                "TableauViewUpdatedSensor",
            ],
        },
    )

__all__ = [
    "TableauDataSourceUpdatedSensor",
    "TableauFlowUpdatedSensor",
    "TableauViewUpdatedSensor",
]
