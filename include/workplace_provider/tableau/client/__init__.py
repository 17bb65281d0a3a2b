"""Client of Tableau's REST API: finds content, exports views with checks of the files, and refreshes extracts."""

from workplace_provider.tableau.client.client import TableauClient
from workplace_provider.tableau.client.credentials import ConnectedApp, Credential, Jwt, PersonalAccessToken, UserPassword
from workplace_provider.tableau.client.export import Exported, ExportOptions
from workplace_provider.tableau.client.filters import ALL, Verbatim, ViewFilters
from workplace_provider.tableau.client.formats import CSV, FORMATS, PDF, PNG, SVG, XLSX, ViewFormat
from workplace_provider.tableau.client.jobs import Job
from workplace_provider.tableau.client.listing import Condition
from workplace_provider.tableau.client.model import CustomView, DataSource, Flow, Project, TableauServer, View, Workbook
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
    "CustomView",
    "DataSource",
    "EmptyView",
    "ExportOptions",
    "Exported",
    "FeatureDisabled",
    "Flow",
    "Job",
    "Jwt",
    "PersonalAccessToken",
    "Project",
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
