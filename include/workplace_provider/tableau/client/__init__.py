"""Client of Tableau's REST API: finds views by URL, path or name, and exports them with checks of the files."""

from workplace_provider.tableau.client.client import TableauClient
from workplace_provider.tableau.client.credentials import ConnectedApp, Credential, Jwt, PersonalAccessToken, UserPassword
from workplace_provider.tableau.client.export import Exported, ExportOptions
from workplace_provider.tableau.client.filters import ALL, Verbatim, ViewFilters
from workplace_provider.tableau.client.formats import CSV, FORMATS, PDF, PNG, SVG, XLSX, ViewFormat
from workplace_provider.tableau.client.listing import Condition
from workplace_provider.tableau.client.model import TableauServer, View, Workbook
from workplace_provider.tableau.client.responses import EmptyView, FeatureDisabled, SessionLost, SourceNotConnected
from workplace_provider.tableau.client.session import TableauSessionStolen

__all__ = [
    "ALL",
    "CSV",
    "FORMATS",
    "PDF",
    "PNG",
    "SVG",
    "XLSX",
    "Condition",
    "ConnectedApp",
    "Credential",
    "EmptyView",
    "ExportOptions",
    "Exported",
    "FeatureDisabled",
    "Jwt",
    "PersonalAccessToken",
    "SessionLost",
    "SourceNotConnected",
    "TableauClient",
    "TableauServer",
    "TableauSessionStolen",
    "UserPassword",
    "Verbatim",
    "View",
    "ViewFilters",
    "ViewFormat",
    "Workbook",
]
