"""Page bodies with Jinja in them: every value is escaped, in the body and in ``.xhtml`` files alike."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk.definitions._internal.mixins import ResolveMixin

from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.confluence.operators.summary import described

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import Operator
    from markupsafe import Markup


class TemplatedStorage(ResolveMixin):
    """What an operator was given as a body, until Airflow renders it.

    :param given: storage format with Jinja in it, a :class:`~workplace_provider.confluence.pages.Storage`, or the
        output of a task, which is taken as it is
    """

    def __init__(self, given: Any) -> None:
        self.given: Any = given.given if isinstance(given, TemplatedStorage) else given

    def iter_references(self) -> Iterable[tuple[Operator, str]]:
        """The task output that the body is, from which Airflow learns the order of tasks."""
        return self.given.iter_references() if isinstance(self.given, ResolveMixin) else ()

    def resolve(self, context: Context) -> str | None:
        """The rendered body."""
        return self.rendered(cast("BaseOperator", context["task"]), context)

    def rendered(self, task: BaseOperator, context: Context, resolved: Collection[int] = ()) -> str | None:
        """The rendered body.

        :param task: the task it belongs to
        :param resolved: ids of the objects that came out of a task's output already
        :raises AirflowFailException: when the template is none, or names something unknown
        """
        given = self.given
        if isinstance(given, ResolveMixin):
            return plain_body(given.resolve(context))
        if given is None or id(given) in resolved:
            return plain_body(given)
        with fail_on_permanent_error():
            return rendered_storage(task, context, plain_body(given) or "")

    def serialize(self) -> Any:
        """The body for people: in the serialized DAG and in the *Rendered template* view."""
        return described(self.given)


def plain_body(value: Any) -> str | None:
    """A body as text.

    :raises ValueError: when it is something else
    """
    if isinstance(value, TemplatedStorage):
        return plain_body(value.given)
    if value is None or isinstance(value, str):
        return value
    markup = getattr(value, "markup", None)
    if isinstance(markup, str):
        return markup
    raise ValueError(f"the body is {described(value)!r}; it must be text in storage format")


def rendered_storage(task: BaseOperator, context: Context, template: str) -> str:
    """Render storage format with Jinja in it.

    A value becomes text, whatever is in it; a value of :mod:`workplace_provider.confluence.pages` such as a Link or
    Status becomes what it is. Markup goes through the filter ``storage``, which checks it.

    :raises ValueError: when the template is none, or names something unknown
    """
    environment = _environment(task)
    return _rendered(lambda: environment.from_string(template), context, "the body")


def rendered_file(task: BaseOperator, context: Context, name: str) -> str:
    """Render a template file of the DAG's folder or its ``template_searchpath``, as :func:`rendered_storage` does.

    :raises ValueError: when there is no such file, when the template is none, or names something unknown
    """
    environment = _environment(task)
    return _rendered(lambda: environment.get_template(name), context, name)


def _rendered(load: Any, context: Context, name: str) -> str:
    import jinja2
    from airflow.sdk.definitions.context import render_template_to_string

    try:
        return str(render_template_to_string(load(), context)).removeprefix("\ufeff")
    except jinja2.TemplateNotFound as error:
        raise ValueError(
            f"there is no template file {error.name!r}; it is looked for in the DAG's folder and in template_searchpath"
        ) from error
    except jinja2.TemplateSyntaxError as error:
        raise ValueError(f"{error.name or name}, line {error.lineno}: {error.message}") from error
    except jinja2.TemplateError as error:
        raise ValueError(f"{name}: {error}") from error


def _environment(task: BaseOperator) -> jinja2.Environment:
    """A new Jinja environment that writes XML; Airflow's own escapes nothing."""
    dag = task.get_dag()
    environment = dag.get_template_env(force_sandboxed=True) if dag else task.get_template_env()
    environment.autoescape = True
    environment.finalize = _written
    environment.filters["storage"] = _storage
    return environment


def _written(value: Any) -> Any:
    """A value on its way into the body: it may be in an element or in an attribute."""
    from markupsafe import Markup

    from workplace_provider.confluence.pages import Image, Link, Status, Storage, User
    from workplace_provider.confluence.pages.values import escape_text, to_storage

    if value is None:
        return ""
    if isinstance(value, Storage | Link | Status | User | Image):
        return Markup(to_storage(value))  # noqa: S704 - it escapes
    if isinstance(value, Markup):
        return value
    return Markup(escape_text(str(value)).replace('"', "&quot;").replace("'", "&#39;"))  # noqa: S704 - escaped


def _storage(value: Any) -> Markup:
    """The filter ``storage``: put markup in as it is, provided that it is well-formed."""
    from markupsafe import Markup

    from workplace_provider.confluence.pages import Storage
    from workplace_provider.confluence.pages.values import to_storage

    return Markup(to_storage(Storage(value) if isinstance(value, str) else value))  # noqa: S704 - asked for
