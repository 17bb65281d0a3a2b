"""Trigger that waits for a Confluence page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from airflow.triggers.base import BaseTrigger, TriggerEvent

from workplace_provider.http.redaction import get_logger, sanitize_text

log = get_logger("workplace_provider.confluence")

FOUND: Final = "found"
TIMED_OUT: Final = "timed out"
FAILED: Final = "failed"


class ConfluencePageTrigger(BaseTrigger):
    """A trigger that fires once, when a page meets its conditions.

    The client blocks, so it runs in a thread, and the triggerer continues with its other triggers.

    The event has ``state``, which is ``found``, ``timed out`` or ``failed``; ``page`` with id, title, URL and version; and
    ``message`` with the unmet conditions or the error.

    ::

        ConfluencePageTrigger(conditions={"space": "ANALYTICS", "title": "KPI", "status": "Done"}, poke_interval=60)

    :param confluence_conn_id: connection of type ``confluence``
    :param conditions: arguments of :class:`~workplace_provider.confluence.publishing.conditions.PageConditions`
    :param poke_interval: seconds between two requests
    :param deadline: moment of the time-out in ISO 8601 with zone; empty text for no time-out
    """

    def __init__(
        self,
        *,
        confluence_conn_id: str = "confluence_default",
        conditions: Mapping[str, Any],
        poke_interval: float = 60.0,
        deadline: str = "",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow has no types there
        self.confluence_conn_id = confluence_conn_id
        self.conditions = dict(conditions)
        self.poke_interval = poke_interval
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments, which Airflow stores in its database."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "confluence_conn_id": self.confluence_conn_id,
                "conditions": self.conditions,
                "poke_interval": self.poke_interval,
                "deadline": self.deadline,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Check the conditions until they are met, the deadline passes or an error is permanent; then fire one event."""
        from workplace_provider.confluence.hooks.confluence import ConfluenceHook

        while True:
            try:
                client = await ConfluenceHook(self.confluence_conn_id).aget_client()
            except Exception as error:
                # An exception that escapes would end the trigger without its message. Errors of libraries may quote a
                # credential, so the message is sanitized before it reaches Airflow's database.
                message = sanitize_text(str(error))
                if not _is_temporary(error):
                    yield _event(FAILED, message)
                    return
                log.warning("no client yet: %s", message)
                if self._ends_before_the_next_check():
                    yield _event(TIMED_OUT, message)
                    return
                await asyncio.sleep(self.poke_interval)
            else:
                break
        try:
            yield await self._wait(client)
        finally:
            await asyncio.to_thread(client.close)

    async def _wait(self, client: Any) -> TriggerEvent:
        from workplace_provider.confluence.publishing.conditions import PageConditions, check_conditions
        from workplace_provider.http.errors import WorkplaceError

        try:
            conditions = PageConditions(**{**self.conditions, "labels": tuple(self.conditions.get("labels") or ())})
        except (TypeError, ValueError) as error:
            return _event(FAILED, str(error))
        while True:
            try:
                status = await asyncio.to_thread(check_conditions, client, conditions)
            except WorkplaceError as error:
                if not error.retryable:
                    return _event(FAILED, str(error))
                log.warning("not yet: %s", error)
                missing = str(error)
            except ValueError as error:
                return _event(FAILED, f"the body of {conditions} cannot be read: {error}")
            else:
                if status.done and status.page is not None:
                    page = status.page
                    facts = {"id": page.id, "title": page.title, "url": page.url, "version": page.version}
                    return _event(FOUND, "", facts)
                missing = "; ".join(status.missing)
                log.info("not yet: %s", missing)
            if self._ends_before_the_next_check():
                return _event(TIMED_OUT, missing)
            await asyncio.sleep(self.poke_interval)

    def _ends_before_the_next_check(self) -> bool:
        return bool(self.deadline) and _now() + timedelta(seconds=self.poke_interval) > datetime.fromisoformat(self.deadline)


def _is_temporary(error: Exception) -> bool:
    """Return whether a later attempt to read the connection and to log in may succeed."""
    from workplace_provider.http.errors import WorkplaceError

    return error.retryable if isinstance(error, WorkplaceError) else isinstance(error, OSError)


def _event(state: str, message: str, page: Mapping[str, Any] | None = None) -> TriggerEvent:
    return TriggerEvent({"state": state, "message": message, "page": page})  # type: ignore[no-untyped-call]


def _now() -> datetime:
    return datetime.now(UTC)
