"""Sensor that waits for a Confluence page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import PokeReturnValue
from airflow.sdk.exceptions import AirflowFailException

from workplace_provider.common.fields import Field, integer, names, optional_text, text
from workplace_provider.common.sensor import WorkplaceSensor
from workplace_provider.confluence.operators.page_result import PageLink
from workplace_provider.confluence.triggers import FOUND, TIMED_OUT, ConfluencePageTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.confluence.hooks.confluence import ConfluenceHook


class ConfluencePageSensor(WorkplaceSensor):
    """Wait until a page exists and meets all other conditions at the same time.

    ::

        ConfluencePageSensor(task_id="reviewed", space="ANALYTICS", title="{{ … }}", status="발행", heading="1. 상태")

    A page in the trash or in the archive does not count as existing. Temporary errors, such as a site that is restarted,
    mean "not yet"; a rejected token fails the task at once. With ``deferrable`` the sensor waits without a worker.

    :param page_id: id of the page; set either this, or ``space`` and ``title``
    :param space: key of the page's space
    :param title: title of the page
    :param after_version: the version of the page must be higher, such as its version when it was created
    :param labels: the page must have all of these labels: a list, or one text with commas
    :param status: the page must have a status lozenge with this text; case does not matter
    :param heading: the lozenge must be under this heading
    :param confluence_conn_id: connection of type ``confluence``
    :param deferrable: wait in the triggerer
    :param poke_interval: seconds between two requests
    """

    operator_extra_links = (PageLink(),)
    ui_color = "#deebff"
    system = "Confluence"

    page_id: Field[str | None] = optional_text()
    space: Field[str | None] = optional_text()
    title: Field[str | None] = optional_text()
    after_version: Field[int | None] = integer()
    labels: Field[tuple[str, ...]] = names()
    status: Field[str | None] = optional_text()
    heading: Field[str | None] = optional_text()
    confluence_conn_id: Field[str] = text(default="confluence_default")

    page_url = ""

    @cached_property
    def hook(self) -> ConfluenceHook:
        """Return the hook of the connection."""
        from workplace_provider.confluence.hooks.confluence import ConfluenceHook

        return ConfluenceHook(self.confluence_conn_id)

    def execute(self, context: Context) -> Any:
        """Wait for the page.

        :return: the page's id, title, URL and version
        :raises AirflowFailException: for an error that a retry cannot fix
        :raises AirflowSensorTimeout: if the conditions are not met within ``timeout`` seconds
        """
        if not self.deferrable:
            return super().execute(context)
        result = self.poke(context)
        if result:
            return result.xcom_value
        deadline = datetime.now(UTC) + timedelta(seconds=self.timeout)
        self.defer(
            trigger=ConfluencePageTrigger(
                confluence_conn_id=self.confluence_conn_id,
                conditions=self._conditions(),
                poke_interval=self.poke_interval,
                deadline=deadline.isoformat(),
            ),
            method_name="execute_complete",
        )
        return None

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> Any:
        """Return the page in the trigger's event, or fail for the reason in it.

        :param event: see :class:`~workplace_provider.confluence.triggers.ConfluencePageTrigger`
        """
        if event["state"] == FOUND:
            page = dict(event["page"])
            self.page_url = page["url"]
            self.log.info("%r meets the conditions: %s (version %d)", page["title"], page["url"], page["version"])
            return page
        if event["state"] == TIMED_OUT:
            raise self.time_out(f"not within {self.timeout:g} seconds: {event['message']}")
        raise AirflowFailException(event["message"])

    def check(self, context: Context) -> PokeReturnValue:
        """Return the page's id, title, URL and version, once it meets the conditions."""
        from workplace_provider.confluence.publishing.conditions import PageConditions, check_conditions

        conditions = PageConditions(**{**self._conditions(), "labels": self.labels})
        client = self.hook.client
        try:
            status = check_conditions(client, conditions)
        finally:
            client.close()
        if status.page is not None:
            self.page_url = status.page.url
        if not status.done or status.page is None:
            self.log.info("not yet: %s", "; ".join(status.missing))
            return PokeReturnValue(is_done=False)
        page = status.page
        self.log.info("%r meets the conditions: %s (version %d)", page.title, page.url, page.version)
        facts = {"id": page.id, "title": page.title, "url": page.url, "version": page.version}
        return PokeReturnValue(is_done=True, xcom_value=facts)

    def _conditions(self) -> dict[str, Any]:
        """Return the conditions as plain data, which Airflow can store with the trigger."""
        texts = {name: str(getattr(self, name) or "") for name in ("page_id", "space", "title", "status", "heading")}
        return {**texts, "after_version": self.after_version, "labels": list(self.labels)}
