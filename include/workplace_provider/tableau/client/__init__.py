"""Tableau: views found by what people write down, and exported so that the file can be trusted."""

from workplace_provider.tableau.client.answers import EmptyView, FeatureDisabled, SessionLost, SourceNotConnected
from workplace_provider.tableau.client.client import TableauClient
from workplace_provider.tableau.client.credentials import ConnectedApp, Credential, Jwt, PersonalAccessToken, UserPassword
from workplace_provider.tableau.client.export import Exported, ExportOptions
from workplace_provider.tableau.client.filters import ALL, Verbatim, ViewFilters
from workplace_provider.tableau.client.formats import CSV, FORMATS, PDF, PNG, SVG, XLSX, ViewFormat
from workplace_provider.tableau.client.listing import Condition
from workplace_provider.tableau.client.model import Server, View, Workbook
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
    "Server",
    "SessionLost",
    "SourceNotConnected",
    "TableauClient",
    "TableauSessionStolen",
    "UserPassword",
    "Verbatim",
    "View",
    "ViewFilters",
    "ViewFormat",
    "Workbook",
]
