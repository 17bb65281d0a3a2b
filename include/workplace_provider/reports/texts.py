"""Values of a definition in the arguments of tasks: Airflow renders them when a task runs, with three names only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import literal
from airflow.sdk.definitions._internal.mixins import ResolveMixin
from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.outgoing import slack_link, slack_text
from workplace_provider.common.report_date import report_day
from workplace_provider.reports.params import has_params, render_value, used_params
from workplace_provider.reports.placeholders import PeriodView, has_placeholder, render_text

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Operator

    from workplace_provider.common.periods import Period, PeriodRule

LONGEST_LINE: Final = 300
LONGEST_QUESTION: Final = 2_400
"""Most characters of a question in Slack, whose blocks have at most 3,000."""

COLLECT: Final = "collect"
"""Group of the tasks that read the sources."""

COMPOSE: Final = "compose"
PUBLISH: Final = "publish"
_FILE_NAME: Final = re.compile(r"\.\w+$")


def source_task(name: str) -> str:
    """Return the id of the task that reads a source."""
    return f"{COLLECT}.{name}"


def period_of(context: Mapping[str, Any], rule: PeriodRule) -> Period:
    """Return the period that a run reports on; see :func:`~workplace_provider.common.report_date.report_day`."""
    return rule.at(report_day(context))


class _InTask(ResolveMixin):
    """Base class of arguments that get their value in the task. They name no outputs of tasks in the DAG."""

    def iter_references(self) -> Iterable[tuple[Operator, str]]:
        """Return no outputs of tasks."""
        return ()

    def serialize(self) -> Any:
        """Return the argument as the serialized DAG shows it."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return str(self.serialize())


class DefinedText(_InTask):
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

    def resolve(self, context: Context) -> str:
        """Return the text with its values."""
        with fail_on_permanent_error("the report"):
            return render_text(self.text, text_values(context, self._rule), self._escape)

    def serialize(self) -> str:
        """Return the text as the serialized DAG shows it."""
        return self.text


class DefinedValue(_InTask):
    """A text, list or mapping with placeholders, in which the value of a param keeps its type.

    :param value: the value
    :param rule: rhythm of the report
    :param keep_empty: keep the keys of a mapping whose param is empty
    :param convert: makes the argument of the task from the filled value
    """

    def __init__(
        self, value: Any, rule: PeriodRule, *, keep_empty: bool = False, convert: Callable[[Any], Any] | None = None
    ) -> None:
        self.value = value
        self._rule = rule
        self._keep_empty = keep_empty
        self._convert = convert

    def resolve(self, context: Context) -> Any:
        """Return the value with its placeholders filled."""
        with fail_on_permanent_error("the report"):
            value = render_value(self.value, text_values(context, self._rule), keep_empty=self._keep_empty)
            return self._convert(value) if self._convert else value

    def serialize(self) -> Any:
        """Return the value as the serialized DAG shows it."""
        return self.value


@dataclass(frozen=True)
class SkipWithoutParams:
    """Skips a task, before it runs, if a param of a value was emptied in the form. Of a list, one item is enough.

    :param value: a text or a list with placeholders
    """

    value: Any

    def __call__(self, context: Context) -> None:
        """Check the params of the run.

        :raises AirflowSkipException: if there is nothing to do
        """
        if not has_params(self.value, context.get("params") or {}):
            raise AirflowSkipException(f"left out, because {', '.join(used_params(self.value))} is empty in the form")


class SourceOutputs(_InTask):
    """The outputs of the tasks of sources, with ``None`` for one that failed or was skipped.

    Unlike the outputs themselves, they do not make the task depend on the tasks, so that it runs without some of them.

    :param names: names of the sources
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.task_ids = {name: source_task(name) for name in names}

    def resolve(self, context: Context) -> dict[str, Any]:
        """Return the outputs by name."""
        pull = context["ti"].xcom_pull
        return {name: pull(task_ids=task_id) for name, task_id in self.task_ids.items()}

    def serialize(self) -> dict[str, str]:
        """Return the ids of the tasks as the serialized DAG shows them."""
        return self.task_ids


class AnnouncementFiles(SourceOutputs):
    """The files of the sources of an announcement, in their order."""

    def resolve(self, context: Context) -> Any:
        """Return the artifacts."""
        # A source of conversations has its pictures in a mapping with its texts.
        outputs = super().resolve(context).values()
        return [output["images"] if isinstance(output, Mapping) and "images" in output else output for output in outputs]


class AnnouncementText(DefinedText):
    """A text with the page's link, and the rows, changes and warnings below it.

    :param number: number of the announcement in the definition, from 1
    """

    def __init__(
        self, text: str, rule: PeriodRule, escape: Callable[[Any], str], *, changes: bool = False, number: int = 1
    ) -> None:
        super().__init__(text, rule, escape)
        self._changes = changes
        self._number = number

    def resolve(self, context: Context) -> str:
        """Return the message."""
        composed = context["ti"].xcom_pull(task_ids=COMPOSE) or {}
        lines = [super().resolve(context), *composed.get("lines", {}).get(str(self._number), ())]
        if self._changes:
            lines += [f"• {self._escape(change)}" for change in composed.get("changes", ())]
        lines += [f":warning: {self._escape(note)}" for note in composed.get("notes", ())]
        return "\n".join(lines)


class ReviewText(_InTask):
    """The question to the reviewers in Slack: title, reasons, changes. It is short; Airflow shows the whole."""

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


class FileText(_InTask):
    """The text of a file beside the definition, read when the task runs, and not rendered.

    :param name: path of the file, relative to the folder of the definitions or its parent
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def resolve(self, context: Context) -> str:
        """Return the content of the file."""
        from workplace_provider.common.dag_files import resolve_in_task

        with fail_on_permanent_error("the report"):
            return resolve_in_task(Path(self.name)).read_text("utf-8")

    def serialize(self) -> str:
        """Return the name of the file as the serialized DAG shows it."""
        return self.name


def _shortened(line: Any) -> str:
    text = " ".join(str(line).split())
    return slack_text(text if len(text) <= LONGEST_LINE else f"{text[: LONGEST_LINE - 1]}…")


def text_values(context: Mapping[str, Any], rule: PeriodRule) -> dict[str, Any]:
    """Return the values of the names in a text. The page is that of the task ``publish``, if it has run."""
    params = {name: "" if value is None else value for name, value in (context.get("params") or {}).items()}
    values = {"period": PeriodView(period_of(context, rule)), "params": params}
    if page := context["ti"].xcom_pull(task_ids=PUBLISH):
        values["page"] = {**page, "link": slack_link(page["title"], page["url"])}
    return values


def defined(value: Any, rule: PeriodRule, *, keep_empty: bool = False) -> Any:
    """Return a value of a definition as the argument of a task: texts with placeholders are filled, all others stay.

    :param keep_empty: keep the keys of a mapping whose param is empty
    """
    if used_params(value):
        return DefinedValue(value, rule, keep_empty=keep_empty)
    if isinstance(value, str):
        if has_placeholder(value):
            return DefinedText(value, rule)
        return plain(value)
    if isinstance(value, Mapping):
        return {name: defined(item, rule) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [defined(item, rule) for item in value]
    return value


def skip_without_params(value: Any) -> SkipWithoutParams | None:
    """Return the ``pre_execute`` of a task that is skipped if a param of a value is empty; ``None`` without params."""
    return SkipWithoutParams(value) if used_params(value) else None


def plain(text: str) -> Any:
    """Return a text that Airflow must not render: in a definition, braces outside of placeholders are only braces.

    Airflow reads some texts that end like the name of a file from that file, so they are kept as they are, too.
    """
    return literal(text) if "{" in text or _FILE_NAME.search(text) else text


def plain_texts(value: Any) -> Any:
    """Return a text, or a list or mapping with texts, that Airflow must not render; another value unchanged."""
    if isinstance(value, Mapping):
        return {name: plain_texts(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain_texts(item) for item in value]
    return plain(value) if isinstance(value, str) else value
