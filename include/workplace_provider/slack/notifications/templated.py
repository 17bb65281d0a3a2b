"""Base class of the notifiers: what a template inserts is text, never markup, and two calls do not depend on each other."""

from __future__ import annotations

from collections.abc import Collection, Generator
from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseNotifier

from workplace_provider.common.mrkdwn import Mrkdwn
from workplace_provider.common.outgoing import SLACK_FILTERS, slack_text
from workplace_provider.http.redaction import sanitize_text

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context


class TemplatedNotifier(BaseNotifier):
    """Base class of notifiers that post to Slack.

    In the fields of ``message_fields``, each ``{{ … }}`` is escaped for Slack, and what Airflow masks in logs is masked: an
    error's message is shown as it is. The markup of the template itself stays. A link is made by ``slack_link``; ``| safe``
    inserts a value that is markup already, such as one that a task made::

        SlackAlarmNotifier(text="*{{ dag.dag_id }}*: {{ exception }} {{ 'Open the log' | slack_link(ti.log_url) }}")
    """

    message_fields: ClassVar[Collection[str]] = ("text", "blocks")
    render_template_as_native_obj = False
    """A message is text, also where a DAG renders Python objects: "0x10" does not become 16."""

    def __call__(self, *args: Any) -> None:
        """Render a copy: ``BaseNotifier`` renders in place, so a second call would render the first one's result."""
        super(TemplatedNotifier, copy(self)).__call__(*args)

    def __await__(self) -> Generator[Any, None, None]:
        """Render a copy, from within an event loop."""
        return super(TemplatedNotifier, copy(self)).__await__()

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Render all fields; what goes into those of the message is escaped."""
        env = jinja_env or self.get_template_env(dag=context.get("dag"))
        env.filters.update(SLACK_FILTERS)
        others = [field for field in self.template_fields if field not in self.message_fields]
        messages = [field for field in self.template_fields if field in self.message_fields]
        self._do_render_template_fields(self, others, context, env, set())
        self._do_render_template_fields(self, messages, context, env.overlay(finalize=_as_text), set())


def _as_text(value: Any) -> str:
    """Return what a template inserts; ``| safe`` and ``slack_link`` have made markup of it already."""
    if isinstance(value, Mrkdwn):
        return value
    if hasattr(value, "__html__"):
        return str(value)
    if isinstance(value, BaseException):
        return slack_text(value)
    return slack_text(sanitize_text(str(value), links=True))
