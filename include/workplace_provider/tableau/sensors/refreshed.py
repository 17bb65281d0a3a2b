"""Sensors that wait until the data of a view, published data source or flow is new."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workplace_provider.common.fields import Field, text
from workplace_provider.tableau.sensors.base import Refreshed, TableauRefreshedSensor

if TYPE_CHECKING:
    from workplace_provider.tableau.client import TableauClient


class TableauViewUpdatedSensor(TableauRefreshedSensor):
    """Wait until a view, or the extract of its workbook, was refreshed.

    A workbook that uses a published data source does not change when that is refreshed; wait for the data source with
    :class:`TableauDataSourceUpdatedSensor`. With ``deferrable``, the sensor occupies no worker while it waits. Each check
    still runs on a worker, in the pool of the personal access tokens: a check from the triggerer would end the session of a
    task that is exporting at that moment.

    ::

        TableauViewUpdatedSensor(task_id="kpi_is_fresh", view="WeeklyKPI/WAU", since="{{ ds }}", deferrable=True)

    :param view: the view: its URL from a browser, ``Workbook/Sheet`` as in that URL, its id, or its name
    :param workbook: name of the view's workbook, when ``view`` is a name
    :param project: name or path of the view's project, when workbooks in several projects have the same name
    :param since: earliest time of the refresh, or its day (from midnight in the DAG's time zone); by default the day that
        the run reports on
    :param tableau_conn_id: connection of type ``tableau_rest``
    :param deferrable: wait in the triggerer
    :param poke_interval: seconds between two checks
    """

    view: Field[str] = text()
    workbook: Field[str] = text(default="")

    def _find(self, client: TableauClient) -> Refreshed:
        view = client.find_view(self.view, workbook=self.workbook, project=self.project)
        return Refreshed(view.id, view.name, view.url, view.updated_at)

    def _reference(self) -> str:
        return self.view


class TableauDataSourceUpdatedSensor(TableauRefreshedSensor):
    """Wait until the extract of a published data source was refreshed, fully or incrementally.

    The time is that of Tableau's Metadata API, because the REST API has none. A data source without an extract fails the
    task: its data is always live.

    ::

        TableauDataSourceUpdatedSensor(task_id="sales_are_fresh", datasource="매출 원천", project="데이터분석팀/원천")

    :param datasource: the data source: its URL from a browser, its id, or its name
    :param project: name or path of its project, when several have the same name
    :param since: earliest time of the refresh, or its day; by default the day that the run reports on
    :param tableau_conn_id: connection of type ``tableau_rest``
    :param deferrable: wait in the triggerer
    :param poke_interval: seconds between two checks
    """

    datasource: Field[str] = text()

    def _find(self, client: TableauClient) -> Refreshed:
        from workplace_provider.tableau.client import DataSource

        source = client.find_content(DataSource, self.datasource, project=self.project)
        return Refreshed(source.id, source.name, source.url, client.metadata.extract_time(source))

    def _reference(self) -> str:
        return self.datasource


class TableauFlowUpdatedSensor(TableauRefreshedSensor):
    """Wait until a flow of Tableau Prep has run with success.

    ::

        TableauFlowUpdatedSensor(task_id="flow_has_run", flow="주간 지표 정리", since="{{ data_interval_end }}")

    :param flow: the flow: its URL from a browser, its id, or its name
    :param project: name or path of its project, when several have the same name
    :param since: earliest end of the run, or its day; by default the day that the run reports on
    :param tableau_conn_id: connection of type ``tableau_rest``
    :param deferrable: wait in the triggerer
    :param poke_interval: seconds between two checks
    """

    flow: Field[str] = text()

    def _find(self, client: TableauClient) -> Refreshed:
        from workplace_provider.tableau.client import Flow

        flow = client.find_content(Flow, self.flow, project=self.project)
        return Refreshed(flow.id, flow.name, flow.url, client.jobs.last_success(flow))

    def _reference(self) -> str:
        return self.flow
