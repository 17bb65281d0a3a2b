"""Base class of operators: declared arguments, mapped outputs as data, no retries of permanent errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar, Self

from airflow.sdk import BaseOperator
from airflow.sdk.definitions._internal.templater import LiteralValue

from workplace_provider.common.fields import DeclaredFields
from workplace_provider.common.lineage import TaskLineage
from workplace_provider.common.outgoing import SLACK_FILTERS
from workplace_provider.common.retry_policy import WorkplaceRetryPolicy
from workplace_provider.http.redaction import SanitizingLogger

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import DAG, Context, RetryPolicy
    from airflow.sdk.definitions.mappedoperator import OperatorPartial

    from workplace_provider.common.fields import Field


class WorkplaceOperator(TaskLineage, DeclaredFields, BaseOperator):
    """Base class of operators.

    A subclass declares each argument once, and ``execute`` parses them all::

        class ShoutOperator(WorkplaceOperator):
            word: Field[str] = text()
            times: Field[int] = integer(default=1, least=1)

            def execute(self, context: Context) -> None:
                with fail_on_permanent_error():
                    self.parse_fields()
                    self.log.info("%s", self.word.upper() * self.times)

        ShoutOperator(task_id="shout", word="{{ params.word }}", times="3")

    All fields are template fields, except for those made with ``option()``. See :mod:`workplace_provider.common.fields` for
    the kinds of fields. A new default for an argument of Airflow goes into :attr:`argument_defaults`, a check of several
    fields into :meth:`check_fields`, and code that sets other attributes into ``__post_init__``.

    *Mapped tasks.* Airflow renders every string of an XCom that reaches an operator through ``.expand_kwargs(xcom)``
    (apache/airflow#38745). With ``.expand(field=xcom)`` it recognizes the value by the identity of the object, so it renders
    a copy that ``__init__`` made. With this base class both stay data. Airflow still renders the templates that the DAG
    file itself contains::

        SlackPostOperator.partial(task_id="post", channel="{{ params.channel }}").expand(text=questions.output)
        SlackPostOperator.partial(task_id="remind", channel="#general").expand(text=["{{ ds }}", "{{ run_id }}"])

    The first task renders ``channel`` and not ``text``; the second renders ``text``.

    A template field has the name of its argument. In a subclass that stores an argument under another name, only values that
    it stores unchanged are protected.

    :param retry_policy: decides when Airflow retries a failed task, including errors of template fields and of a deferred
        task; a ``WorkplaceRetryPolicy`` by default
    """

    argument_defaults: ClassVar[Mapping[str, Any]] = {}
    """Defaults for arguments of Airflow, such as ``{"trigger_rule": "all_done"}``. They win over a DAG's default_args."""

    _mapped_arguments: ClassVar[Mapping[str, Any]] = {}

    if TYPE_CHECKING:
        # Type checkers add the dataclass fields of BaseOperator to the signature of every subclass. These are arguments
        # that are no fields of it, or that accept more types than the field has.
        dag: Field[DAG | None] = None  # type: ignore[assignment]
        task_display_name: Field[str | None] = None  # type: ignore[assignment]
        pre_execute: Field[Any] = None  # type: ignore[assignment]
        post_execute: Field[Any] = None  # type: ignore[assignment]
        params: Any = None
        trigger_rule: Any = None
        retry_delay: Any = None
        on_execute_callback: Any = None
        on_failure_callback: Any = None
        on_success_callback: Any = None
        on_retry_callback: Any = None
        on_skipped_callback: Any = None
        inlets: Any = None
        outlets: Any = None

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
        super().__init__(retry_policy=retry_policy or WorkplaceRetryPolicy(), **{**self.argument_defaults, **kwargs})

    @classmethod  # type: ignore[misc]  # BaseOperator has the name as a dataclass field
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """Return the operator with the arguments that all of its mapped tasks share."""
        for field in cls.declared_fields.values():
            # Airflow looks for outputs of tasks in lists and mappings, but not in objects such as edits.
            if field.wrap is not None and field.argument in kwargs:
                kwargs[field.argument] = field.wrap(kwargs[field.argument])
        # The scheduler reads arguments such as the pool from here, and does not construct the operator.
        partial: Callable[..., OperatorPartial] = super().partial
        # Copies: Airflow may add to a list such as the inlets.
        defaults = {name: copy(value) for name, value in cls.argument_defaults.items()}
        return partial(**{**defaults, **kwargs})

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
        data_fields = [field for field in template_fields if self.argument_of(field) in data]
        templates = [field for field in template_fields if field not in data_fields]
        # Airflow's own set of ids is not used: the values of expand_kwargs(xcom) are not in it, but the task outputs in
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
