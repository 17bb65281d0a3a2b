"""Base class of the operators: mapped outputs are data, and permanent errors are not retried."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Self

from airflow.sdk import BaseOperator
from airflow.sdk.definitions._internal.templater import LiteralValue

from workplace_provider.common.outgoing import SLACK_FILTERS
from workplace_provider.common.retry_policy import WorkplaceRetryPolicy
from workplace_provider.http.redaction import SanitizingLogger

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context, RetryPolicy

# BaseOperator has a method dry_run, so the attribute cannot have the argument's name.
ARGUMENT_OF_FIELD: Final[Mapping[str, str]] = {"is_dry_run": "dry_run"}


class WorkplaceOperator(BaseOperator):
    """Base class of operators and sensors. It never renders a mapped XCom, and does not retry permanent errors.

    Airflow renders every string of an XCom that reaches an operator through ``.expand_kwargs(xcom)`` (apache/airflow#38745).
    With ``.expand(field=xcom)`` it recognizes the value by the identity of the object, so it renders one that ``__init__``
    has copied. With this base class both stay data. What the DAG file itself contains is still rendered::

        SlackPostOperator.partial(task_id="post", channel="{{ params.channel }}").expand(text=questions.output)
        SlackPostOperator.partial(task_id="remind", channel="#general").expand(text=["{{ ds }}", "{{ run_id }}"])

    The first task renders ``channel`` and not ``text``; the second renders ``text``.

    A template field has the name of its argument. In a subclass that stores an argument under another name, only values that
    it stores unchanged are protected.

    :param retry_policy: when a failed task is retried, errors of template fields and of a deferred task included; a
        ``WorkplaceRetryPolicy`` by default
    """

    _mapped_arguments: Mapping[str, Any] = {}

    @property
    def log(self) -> Any:
        """Return a logger: titles, file names and errors of other systems cannot forge or hide a line of the log."""
        return SanitizingLogger(super().log)

    def __new__(cls, **kwargs: Any) -> Self:
        """Record the mapped arguments here: ``__init__`` also sees default arguments and those that a subclass adds."""
        operator = super().__new__(cls)
        if kwargs.get("_airflow_from_mapped"):
            partial = getattr(_mapped_operator(kwargs.get("dag"), kwargs.get("task_id")), "partial_kwargs", {})
            mapped = {name: value for name, value in kwargs.items() if name not in partial or partial[name] is not value}
            object.__setattr__(operator, "_mapped_arguments", mapped)
        return operator

    # The argument is named here, so that Airflow fills it from the DAG's default_args before the default applies.
    def __init__(self, *, retry_policy: RetryPolicy | None = None, **kwargs: Any) -> None:
        super().__init__(retry_policy=retry_policy or WorkplaceRetryPolicy(), **kwargs)

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Iterable[str],
        context: Context,
        jinja_env: jinja2.Environment,
        seen_oids: set[int],
    ) -> None:
        jinja_env.filters.update(SLACK_FILTERS)
        if parent is not self or not self._mapped_arguments:
            super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)
            return
        data = self._data_arguments(context)
        data_fields = [field for field in template_fields if ARGUMENT_OF_FIELD.get(field, field) in data]
        templates = [field for field in template_fields if field not in data_fields]
        # Airflow's own set of ids is not used: it lacks the values of expand_kwargs(xcom), and it has the task outputs in
        # expand_kwargs([{"text": task.output}]), which would stay unresolved.
        super()._do_render_template_fields(self, templates, context, jinja_env, {id(value) for value in data.values()})
        for field in data_fields:
            setattr(self, field, self._as_data(getattr(self, field), context))

    def _data_arguments(self, context: Context) -> dict[str, Any]:
        """Return the mapped arguments that came from XComs; all of them when the origin is not known."""
        expand_input = getattr(_mapped_operator(self.get_dag(), self.task_id), "expand_input", None)
        source = getattr(expand_input, "value", None)
        if isinstance(source, Mapping):  # expand(text=…, channel=…)
            literals = {name for name, values in source.items() if isinstance(values, Mapping | Sequence)}
            return {name: self._mapped_arguments.get(name) for name in source if name not in literals}
        if isinstance(source, Sequence):  # expand_kwargs([…])
            source = source[context["ti"].map_index or 0]
        return {} if isinstance(source, Mapping) else dict(self._mapped_arguments)

    def _as_data(self, value: Any, context: Context) -> Any:
        """Return a field's value without rendering it; ``__init__`` may have wrapped it."""
        return value.resolve(context) if isinstance(value, LiteralValue) else value


def _mapped_operator(dag: Any, task_id: Any) -> Any:
    """Return the mapped operator that a task was made from; the DAG keeps it under the same id."""
    return dag.task_dict.get(task_id) if dag is not None else None
