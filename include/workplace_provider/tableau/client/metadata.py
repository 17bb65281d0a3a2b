"""Facts that only the Metadata API has: when an extract was refreshed, and which sheets a dashboard contains.

The index of the Metadata API lags behind the site, so a missing item can be there later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.http.errors import BadResponse, Invalid
from workplace_provider.tableau.client.model import DataSource, View, read_time

if TYPE_CHECKING:
    from workplace_provider.tableau.client.rest import RestApi

_EXTRACT: Final = """
query extract($luid: String) {
  publishedDatasources(filter: {luid: $luid}) { luid hasExtracts extractLastUpdateTime }
}
"""
_SHEETS: Final = """
query sheets($luid: String) {
  dashboards(filter: {luid: $luid}) { luid sheets { name luid path } }
}
"""
_MOST_SHEETS: Final = 500


@dataclass(frozen=True, slots=True)
class DashboardSheet:
    """A worksheet in a dashboard. A hidden one has no id, and cannot be exported on its own."""

    name: str
    view_id: str

    @property
    def hidden(self) -> bool:
        """True if the sheet is hidden in its workbook."""
        return not self.view_id


class MetadataApi:
    """Refresh times of published data sources, and the sheets of dashboards.

    ::

        source = client.find_content(DataSource, "매출 원천")
        client.metadata.extract_time(source)

    :param rest: the REST API
    """

    def __init__(self, rest: RestApi) -> None:
        self._rest = rest

    def extract_time(self, source: DataSource) -> datetime | None:
        """Return when the extract of a data source was last refreshed, fully or incrementally.

        The REST API does not have this time: ``updatedAt`` is that of the last change of the data source.

        :return: ``None`` if the extract was never refreshed
        :raises Invalid: the data source has no extract: its data is always live
        :raises FeatureDisabled: the Metadata API is not available
        """
        found = self._find("publishedDatasources", _EXTRACT, source.id, f"the data source {source}")
        if found.get("hasExtracts") is not True:
            raise Invalid(
                f"the data source {source} has no extract: its data is live",
                advice="remove the wait, or wait for the system that fills the data source",
            )
        return read_time(str(found.get("extractLastUpdateTime") or ""))

    def sheets_of(self, dashboard: View) -> list[DashboardSheet]:
        """Return the worksheets in a dashboard, also hidden ones.

        :raises FeatureDisabled: the Metadata API is not available
        """
        found = self._find("dashboards", _SHEETS, dashboard.id, f"the dashboard {dashboard}")
        sheets = found.get("sheets")
        if not isinstance(sheets, list) or len(sheets) > _MOST_SHEETS or not all(isinstance(s, Mapping) for s in sheets):
            raise BadResponse(f"the Metadata API has no valid list of sheets for the dashboard {dashboard}", method="POST")
        return [DashboardSheet(str(sheet.get("name") or ""), str(sheet.get("luid") or "")) for sheet in sheets]

    def _find(self, kind: str, query: str, luid: str, described: str) -> Mapping[str, Any]:
        listed = self._rest.query_metadata(query, {"luid": luid}).get(kind)
        for item in listed if isinstance(listed, list) else ():
            if isinstance(item, Mapping) and str(item.get("luid")).lower() == luid.lower():
                return item
        raise BadResponse(
            f"the Metadata API does not know {described} yet",
            method="POST",
            advice="its index lags behind the site; if this lasts, ask an administrator to check the Metadata API",
            retryable=True,
        )
