"""Texts of a definition in the arguments of tasks: Airflow renders them when a task runs, with three names only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import literal
from airflow.sdk.definitions._internal.mixins import ResolveMixin

from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.outgoing import slack_text
from workplace_provider.common.report_date import report_day
from workplace_provider.reports.placeholders import PeriodView, has_placeholder, render_text

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Operator

    from workplace_provider.common.periods import Period, PeriodRule

LONGEST_LINE: Final = 300
LONGEST_QUESTION: Final = 2_400
"""Most characters of a question in Slack, whose blocks have at most 3,000."""

PUBLISH: str = "publish"
_FILE_NAME: Final = re.compile(r"\.\w+$")
COMPOSE: str = "compose"


def period_of(context: Mapping[str, Any], rule: PeriodRule) -> Period:
    """Return the period that a run reports on; see :func:`~workplace_provider.common.report_date.report_day`."""
    return rule.at(report_day(context))


class DefinedText(ResolveMixin):
    """A text with placeholders.

    Unlike a template of Airflow it knows neither Variables nor connections, and its values are not rendered again.

    :param text: the text
    :param rule: rhythm of the report
    :param escape: makes text of a value, such as :func:`~workplace_provider.common.outgoing.slack_text`
    """

    def __init__(self, text: str, rule: PeriodRule, escape: Callable[[Any], str] = str) -> None:
        self.text = text
        self._rule = rule
        self._escape = escape

    def iter_references(self) -> Iterable[tuple[Operator, str]]:
        """Return no outputs of tasks."""
        return ()

    def resolve(self, context: Context) -> str:
        """Return the text with its values."""
        with fail_on_permanent_error("the report"):
            return render_text(self.text, text_values(context, self._rule), self._escape)

    def serialize(self) -> str:
        """Return the text as the serialized DAG shows it."""
        return self.text

    def __repr__(self) -> str:
        return self.text


class AnnouncementText(DefinedText):
    """A text with the page's link, and the changes and warnings below it."""

    def __init__(self, text: str, rule: PeriodRule, escape: Callable[[Any], str], *, changes: bool) -> None:
        super().__init__(text, rule, escape)
        self._changes = changes

    def resolve(self, context: Context) -> str:
        """Return the message."""
        composed = context["ti"].xcom_pull(task_ids=COMPOSE) or {}
        lines = [super().resolve(context)]
        if self._changes:
            lines += [f"• {self._escape(change)}" for change in composed.get("changes", ())]
        lines += [f":warning: {self._escape(note)}" for note in composed.get("notes", ())]
        return "\n".join(lines)


class ReviewText(ResolveMixin):
    """The question to the reviewers in Slack: title, reasons, changes. It is short; Airflow shows the whole."""

    def iter_references(self) -> Iterable[tuple[Operator, str]]:
        """Return no outputs of tasks."""
        return ()

    def resolve(self, context: Context) -> str:
        """Return the message in mrkdwn."""
        composed = context["ti"].xcom_pull(task_ids=COMPOSE) or {}
        lines = [f"*{_shortened(composed.get('title'))}*"]
        lines += [f":warning: {_shortened(reason)}" for reason in composed.get("reasons", ())]
        lines += [f"• {_shortened(change)}" for change in composed.get("changes", ())]
        shown, size = [], 0
        for line in lines:
            size += len(line) + 1
            if size > LONGEST_QUESTION:
                shown.append("…")
                break
            shown.append(line)
        return "\n".join(shown)

    def serialize(self) -> str:
        """Return a name for the text in the serialized DAG."""
        return "title, reasons and changes"

    def __repr__(self) -> str:
        return self.serialize()


class FileText(ResolveMixin):
    """The text of a file beside the definition, read when the task runs, and not rendered.

    :param name: path of the file, relative to the folder of the definitions or its parent
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def iter_references(self) -> Iterable[tuple[Operator, str]]:
        """Return no outputs of tasks."""
        return ()

    def resolve(self, context: Context) -> str:
        """Return the content of the file."""
        from workplace_provider.common.dag_files import resolve_in_task

        with fail_on_permanent_error("the report"):
            return resolve_in_task(Path(self.name)).read_text("utf-8")

    def serialize(self) -> str:
        """Return the name of the file as the serialized DAG shows it."""
        return self.name

    def __repr__(self) -> str:
        return self.name


def _shortened(line: Any) -> str:
    text = " ".join(str(line).split())
    return slack_text(text if len(text) <= LONGEST_LINE else f"{text[: LONGEST_LINE - 1]}…")


def text_values(context: Mapping[str, Any], rule: PeriodRule) -> dict[str, Any]:
    """Return the values of the names in a text. The page is that of the task ``publish``, if it has run."""
    values = {"period": PeriodView(period_of(context, rule)), "params": dict(context.get("params") or {})}
    if page := context["ti"].xcom_pull(task_ids=PUBLISH):
        values["page"] = page
    return values


def defined(value: Any, rule: PeriodRule) -> Any:
    """Return a value of a definition as the argument of a task: texts with placeholders are filled, all others stay."""
    if isinstance(value, str):
        if has_placeholder(value):
            return DefinedText(value, rule)
        return plain(value)
    if isinstance(value, Mapping):
        return {name: defined(item, rule) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [defined(item, rule) for item in value]
    return value


def plain(text: str) -> Any:
    """Return a text that Airflow must not render: in a definition, braces outside of placeholders are only braces.

    Airflow reads some texts that end like the name of a file from that file, so they are kept as they are, too.
    """
    return literal(text) if "{" in text or _FILE_NAME.search(text) else text
