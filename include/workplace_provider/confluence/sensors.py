"""Sensor that waits for a page of Confluence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue, conf
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout, AirflowSkipException

from workplace_provider.common.arguments import none_if_blank, parse_int
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.confluence.operators.base import labels_of
from workplace_provider.confluence.operators.page_result import PageLink
from workplace_provider.confluence.triggers import FOUND, TIMED_OUT, ConfluencePageTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.confluence.hooks.confluence import ConfluenceHook
    from workplace_provider.confluence.publishing.conditions import PageConditions


class ConfluencePageSensor(WorkplaceOperator, BaseSensorOperator):
    """Wait for a page: until it exists, and all else that is given is so at the same time.

    ::

        ConfluencePageSensor(task_id="reviewed", space="ANALYTICS", title="{{ … }}", status="발행", heading="1. 상태")

    A page in the trash or in the archive does not count as there. What passes by itself, such as a site that is restarted,
    counts as "not yet"; a token that is refused fails the task at once. With ``deferrable`` no worker is taken while it
    waits.

    :param page_id: id of the page; or
    :param space: key of the page's space, with
    :param title: its title
    :param after_version: its version must be above this one, such as that of the page when it was made
    :param labels: it must have all of these labels: a list, or a text with commas
    :param status: a status lozenge on it must have this text; case does not count
    :param heading: the lozenge must be under this heading
    :param confluence_conn_id: connection of type ``confluence``
    :param deferrable: wait in the triggerer
    :param poke_interval: seconds between two looks
    """

    template_fields: Sequence[str] = (
        "confluence_conn_id",
        "page_id",
        "space",
        "title",
        "after_version",
        "labels",
        "status",
        "heading",
    )
    operator_extra_links = (PageLink(),)
    ui_color = "#deebff"

    def __init__(
        self,
        *,
        page_id: str | None = None,
        space: str | None = None,
        title: str | None = None,
        after_version: int | str | None = None,
        labels: Sequence[str] | str = (),
        status: str | None = None,
        heading: str | None = None,
        confluence_conn_id: str = "confluence_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: float = 60,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("mode", "reschedule")
        super().__init__(poke_interval=poke_interval, **kwargs)
        self.page_id = page_id
        self.space = space
        self.title = title
        self.after_version = after_version
        self.labels = labels
        self.status = status
        self.heading = heading
        self.confluence_conn_id = confluence_conn_id
        self.deferrable = deferrable
        self.page_url = ""

    @cached_property
    def hook(self) -> ConfluenceHook:
        """The hook of the connection."""
        from workplace_provider.confluence.hooks.confluence import ConfluenceHook

        return ConfluenceHook(self.confluence_conn_id)

    def execute(self, context: Context) -> Any:
        """Wait.

        :return: the page's id, title, URL and version
        :raises AirflowFailException: when a retry cannot help
        :raises AirflowSensorTimeout: when it was not so within ``timeout`` seconds
        """
        if not self.deferrable:
            return super().execute(context)
        seen = self.poke(context)
        if seen:
            return seen.xcom_value
        deadline = datetime.now(UTC) + timedelta(seconds=self.timeout)
        self.defer(
            trigger=ConfluencePageTrigger(
                confluence_conn_id=self.confluence_conn_id,
                conditions=self._plain_conditions(),
                poke_interval=self.poke_interval,
                deadline=deadline.isoformat(),
            ),
            method_name="execute_complete",
        )
        return None

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> Any:
        """Take what the trigger said.

        :param event: see :class:`~workplace_provider.confluence.triggers.ConfluencePageTrigger`
        """
        if event["state"] == FOUND:
            page = dict(event["page"])
            self.page_url = page["url"]
            self.log.info("%r is as it should be: %s (version %d)", page["title"], page["url"], page["version"])
            return page
        if event["state"] == TIMED_OUT:
            message = f"not within {self.timeout:g} seconds: {event['message']}"
            raise AirflowSkipException(message) if self.soft_fail else AirflowSensorTimeout(message)
        raise AirflowFailException(event["message"])

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        from workplace_provider.confluence.publishing.conditions import check_conditions
        from workplace_provider.http.errors import WorkplaceError

        with fail_on_permanent_error():
            wanted = self._conditions()
            client = self.hook.client
            try:
                seen = check_conditions(client, wanted)
            except WorkplaceError as error:
                if not error.retryable:
                    raise
                self.log.warning("not yet: %s", error)
                return PokeReturnValue(is_done=False)
            finally:
                client.close()
        if seen.page is not None:
            self.page_url = seen.page.url
        if not seen.done or seen.page is None:
            self.log.info("not yet: %s", "; ".join(seen.missing))
            return PokeReturnValue(is_done=False)
        page = seen.page
        self.log.info("%r is as it should be: %s (version %d)", page.title, page.url, page.version)
        facts = {"id": page.id, "title": page.title, "url": page.url, "version": page.version}
        return PokeReturnValue(is_done=True, xcom_value=facts)

    def _conditions(self) -> PageConditions:
        from workplace_provider.confluence.publishing.conditions import PageConditions

        plain = self._plain_conditions()
        return PageConditions(**{**plain, "labels": tuple(plain["labels"])})

    def _plain_conditions(self) -> dict[str, Any]:
        """The conditions as Airflow keeps the arguments of a trigger."""
        texts = {
            name: str(none_if_blank(getattr(self, name)) or "")
            for name in ("page_id", "space", "title", "status", "heading")
        }
        return {
            **texts,
            "after_version": parse_int(self.after_version, "after_version"),
            "labels": list(labels_of(none_if_blank(self.labels))),
        }
