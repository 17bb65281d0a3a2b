"""Tableau: REST client, and the Airflow hook, operators and sensor that use it."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.tableau.client import (
        ConnectedApp,
        ExportOptions,
        Jwt,
        PersonalAccessToken,
        TableauClient,
        UserPassword,
        ViewFilters,
    )
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "client": [
                "ConnectedApp",
                "ExportOptions",
                "Jwt",
                "PersonalAccessToken",
                "TableauClient",
                "UserPassword",
                "ViewFilters",
            ],
        },
    )

__all__ = [
    "ConnectedApp",
    "ExportOptions",
    "Jwt",
    "PersonalAccessToken",
    "TableauClient",
    "UserPassword",
    "ViewFilters",
]
