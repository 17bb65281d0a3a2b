"""Edits and page bodies with templates and outputs of tasks in them.

Airflow's rendering assigns attributes, but edits are frozen and do not depend on Airflow. So the operators wrap edits and
bodies: the wrapper reports the tasks whose outputs are in them, and returns rendered edits, or a rendered body, when the
task runs. In a body, and in an ``.xhtml`` file, every rendered value is escaped.
"""

from __future__ import annotations

import ast
import dataclasses
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import ObjectStoragePath, TriggerRule
from airflow.sdk.definitions._internal.mixins import ResolveMixin

from workplace_provider.common.arguments import parse_int
from workplace_provider.common.artifacts import Artifact, as_artifacts
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.fields import template
from workplace_provider.common.rows import Rows, read_rows
from workplace_provider.confluence.operators.summary import summarize

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import Operator
    from markupsafe import Markup

    from workplace_provider.confluence.pages import Markdown
    from workplace_provider.confluence.pages.edits import Edit


def page_edits() -> Any:
    """Declare an argument of an operator that takes edits; the task has them as :class:`ReadyEdits`."""
    return template(default=None, parse=lambda value, _: ready_edits(value), wrap=TemplatedEdits, renderer="json")


def page_body() -> Any:
    """Declare an argument of an operator that takes a page body, also as Markdown; the task has it in storage format."""
    return template(default=None, parse=lambda value, _: plain_body(value), wrap=TemplatedStorage, renderer="html")


class TemplatedEdits(ResolveMixin):
    """The edits of an operator until Airflow renders them.

    Jinja is rendered in the fields that an edit lists in its ``template_fields``, and in the texts of their values. The
    output of a task is data: it is never used as a template.

    :param source: edits, edits as dicts, task outputs of those, or a list of them; or JSON or YAML text
    """

    def __init__(self, source: Any) -> None:
        self.source: Any = source.source if isinstance(source, TemplatedEdits) else source

    def iter_references(self) -> Iterable[tuple[Operator, str]]:
        """Yield the task outputs in the edits, from which Airflow derives the order of tasks."""
        return _references(self.source)

    def resolve(self, context: Context) -> RenderedEdits:
        """Return the rendered edits."""
        return self.render(cast("BaseOperator", context["task"]), context)

    def render(
        self,
        task: BaseOperator,
        context: Context,
        jinja_env: jinja2.Environment | None = None,
        resolved: Collection[int] = (),
    ) -> RenderedEdits:
        """Return the rendered edits.

        :param task: the task that has the edits
        :param resolved: ids of the objects that are already outputs of tasks
        :raises AirflowFailException: if a value is not an edit
        """
        renderer = _EditRenderer(task, context, jinja_env or task.get_template_env(), resolved)
        with fail_on_permanent_error("Confluence"):
            return RenderedEdits(tuple(renderer.edits(self.source)))

    def serialize(self) -> Any:
        """Return the edits as the serialized DAG and the *Rendered template* view show them."""
        return summarize(self.source)

    def __repr__(self) -> str:
        # Airflow puts this into the serialized DAG of a mapped task, so it must be the same at each parse of the file.
        return json.dumps(self.serialize(), ensure_ascii=False)


@dataclasses.dataclass(frozen=True, slots=True)
class RenderedEdits:
    """Edits without templates; their rows may still be files."""

    edits: tuple[Edit, ...]

    def serialize(self) -> Any:
        """Return the edits as the *Rendered template* view shows them: a few lines, however many rows there are."""
        return summarize(self.edits)


class ReadyEdits(tuple["Edit", ...]):
    """Edits that can be applied. They have a type of their own, so that the operator does not render them again."""

    __slots__ = ()


def ready_edits(edits: RenderedEdits | TemplatedEdits | ReadyEdits) -> ReadyEdits:
    """Return edits that can be applied: the files of their rows and page fragments are read, on this worker.

    :raises ValueError: if a file cannot be read, or a value is not an edit
    """
    if isinstance(edits, ReadyEdits):
        return edits
    rendered = edits.edits if isinstance(edits, RenderedEdits) else _as_edits(edits.source)
    return ReadyEdits(_read_fragments(_read_edit_rows(edit)) for edit in rendered)


class _EditRenderer:
    """Renders the edits of one task."""

    def __init__(
        self, task: BaseOperator, context: Context, jinja_env: jinja2.Environment, resolved: Collection[int]
    ) -> None:
        self._task = task
        self._context = context
        self._jinja_env = jinja_env
        self._resolved = resolved

    def edits(self, source: Any) -> Iterator[Edit]:
        if id(source) in self._resolved:
            yield from _as_edits(source)
        elif isinstance(source, str | ResolveMixin):
            yield from _as_edits(self._value(source))
        elif isinstance(source, Sequence):
            for item in source:
                yield from self.edits(item)
        elif isinstance(source, Mapping):
            # Rendered first: a task's output takes the place of a value of any type, and from_dict checks types.
            rendered = self._mapping(source)
            if not self._is_left_out(source.get("rows"), rendered.get("rows"), str(source.get("edit"))):
                yield from _as_edits(rendered)
        else:
            for edit in _as_edits(source):
                rendered_edit = self._value(edit)
                rows = getattr(rendered_edit, "rows", None)
                if not self._is_left_out(getattr(edit, "rows", None), rows, type(edit).__name__):
                    yield rendered_edit

    def _is_left_out(self, source: Any, rows: Any, name: str) -> bool:
        """Return whether an edit is left out because its rows come from a skipped task.

        With the default trigger rule a task does not run after a skipped one, so there missing rows are an error.
        """
        if isinstance(source, Rows) and isinstance(rows, Rows):
            source, rows = source.source, rows.source
        if not isinstance(source, ResolveMixin) or rows is not None or self._task.trigger_rule == TriggerRule.ALL_SUCCESS:
            return False
        self._task.log.warning("%s is left out: there is no %s", name, summarize(source))
        return True

    def _mapping(self, edit: Mapping[str, Any]) -> dict[str, Any]:
        from workplace_provider.confluence.pages import edits

        kind = getattr(edits, str(edit.get("edit")), None)
        templated = {field.name: field for field in _template_fields(kind)} if isinstance(kind, type) else {}
        rendered = {}
        for key, value in edit.items():
            rendered[key] = self._value(value) if key in templated else value
            if rendered[key] is not value and key in templated:
                rendered[key] = _parse_declared(templated[key], rendered[key], str(edit["edit"]))
        return rendered

    def _value(self, value: Any) -> Any:
        """Return a value with the templates in it rendered."""
        if id(value) in self._resolved:
            return value
        if isinstance(value, str) and "{" not in value:
            return value
        if isinstance(value, str | ResolveMixin | ObjectStoragePath):
            # Without a set of seen ids: Airflow does not render an object with a seen id, and equal texts may be one object.
            return self._task.render_template(value, self._context, self._jinja_env)
        if isinstance(value, list | tuple | dict):
            return self._container(value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._object(value)
        return value

    def _container(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._value(item) for item in value]
        if isinstance(value, tuple):
            values = [self._value(item) for item in value]
            return type(value)(*values) if hasattr(value, "_fields") else tuple(values)
        if set(value) == {"storage"} and isinstance(value["storage"], str):
            return {"storage": self._storage(value["storage"])}
        if set(value) == {"markdown"}:
            from workplace_provider.confluence.pages.values import from_plain

            return self._markdown(from_plain(value))
        return {key: self._value(item) for key, item in value.items()}

    def _object(self, value: Any) -> Any:
        from workplace_provider.confluence.pages import Markdown, Storage

        if isinstance(value, Storage):
            return Storage(self._storage(value.markup))
        if isinstance(value, Markdown):
            return self._markdown(value)
        changes = {}
        for field in _template_fields(value):
            source = getattr(value, field.name)
            rendered = self._value(source)
            if rendered is not source and rendered != source:
                changes[field.name] = _parse_declared(field, rendered, type(value).__name__)
        return dataclasses.replace(value, **changes) if changes else value

    def _markdown(self, value: Markdown) -> Markdown:
        return render_markdown(self._task, self._context, value) if "{" in value.text else value

    def _storage(self, markup: str) -> str:
        return render_storage(self._task, self._context, markup) if "{" in markup else markup


def _as_edits(value: Any) -> Iterator[Edit]:
    """Yield the edits in data that has no templates."""
    from workplace_provider.confluence.pages.edits import Edit

    if value is None:
        return
    if isinstance(value, Edit):
        yield value
    elif isinstance(value, str):
        yield from _as_edits(_parse_text(value))
    elif isinstance(value, Mapping):
        yield _from_dict(dict(value))
    elif isinstance(value, Sequence):
        for item in value:
            if isinstance(item, str):
                raise ValueError(f"{item!r} is not an edit")
            yield from _as_edits(item)
    else:
        raise ValueError(f"{value!r} is neither an edit nor a list of edits")


def _from_dict(edit_dict: dict[str, Any]) -> Edit:
    """Return the edit of a dict, whose rows may be all that :func:`~workplace_provider.common.rows.read_rows` reads."""
    from workplace_provider.confluence.pages.edits.serialization import from_dict

    if "rows" not in edit_dict or isinstance(edit_dict["rows"], list):
        return from_dict(edit_dict)
    edit = from_dict({key: value for key, value in edit_dict.items() if key != "rows"} | {"rows": []})
    return dataclasses.replace(edit, rows=edit_dict["rows"])  # type: ignore[call-arg]


def _parse_text(text: str) -> Any:
    """Return the edits in a text: JSON, YAML, or a list as a template prints it."""
    if not text.strip():
        return None
    for parse in (json.loads, ast.literal_eval):
        try:
            return _check_list(parse(text))
        except (ValueError, SyntaxError):
            continue
    import yaml

    try:
        return _check_list(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise ValueError(f"the edits are neither JSON nor YAML: {error}") from error


def _check_list(value: Any) -> Any:
    if value is not None and not isinstance(value, Mapping | list | tuple):
        raise ValueError(f"the edits are {value!r}; they must be a list")
    return value


def _read_edit_rows(edit: Edit) -> Edit:
    if not any(field.name == "rows" for field in dataclasses.fields(edit)):
        return edit
    try:
        rows = read_rows(edit.rows)  # type: ignore[attr-defined]
    except (ValueError, FileNotFoundError) as error:
        raise ValueError(f"{type(edit).__name__}: {error}") from error
    return dataclasses.replace(edit, rows=rows)  # type: ignore[call-arg]


def _read_fragments(edit: Edit) -> Edit:
    """Return the edit with the contents of files in storage format, and with the names of its image files."""
    from workplace_provider.confluence.pages import Storage

    changes: dict[str, Any] = {}
    for field in _template_fields(edit):
        value = getattr(edit, field.name)
        if field.name == "files" and value is not None:
            changes[field.name] = [file.name for file in as_artifacts(value) if file.media_type.startswith("image/")]
        if isinstance(value, Artifact | Mapping) and Artifact.is_storage(value):
            (artifact,) = as_artifacts(value)
            with artifact.open() as stream:
                changes[field.name] = Storage(stream.read().decode())
    return dataclasses.replace(edit, **changes) if changes else edit


def _template_fields(value: Any) -> list[dataclasses.Field[Any]]:
    """Return the fields that may have templates: those that the object lists, and all fields of our plain values."""
    names = getattr(value, "template_fields", None)
    if names is None and not type(value).__module__.startswith("workplace_provider."):
        return []
    return [field for field in dataclasses.fields(value) if field.init and (names is None or field.name in names)]


def references_in(value: Any) -> set[str]:
    """Return the ids of the tasks whose outputs are in a value: an edit, a list, a mapping."""
    return {operator.task_id for operator, _ in _references(value)}


def _references(value: Any) -> Iterator[tuple[Operator, str]]:
    if isinstance(value, ResolveMixin):
        yield from value.iter_references()
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list | tuple | set):
        for item in value:
            yield from _references(item)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in _template_fields(value):
            yield from _references(getattr(value, field.name))


def _parse_declared(field: dataclasses.Field[Any], value: Any, owner: str) -> Any:
    """Return a rendered value, which is text, as the whole number that its field has."""
    if not isinstance(value, str) or str(field.type) not in ("int", "int | None"):
        return value
    return parse_int(value.strip(), f"{owner}: {field.name}")


class TemplatedStorage(ResolveMixin):
    """The body of an operator until Airflow renders it.

    :param source: storage format with Jinja in it, a :class:`~workplace_provider.confluence.pages.Storage` or
        :class:`~workplace_provider.confluence.pages.Markdown`, or the output of a task, which is not rendered
    """

    def __init__(self, source: Any) -> None:
        self.source: Any = source.source if isinstance(source, TemplatedStorage) else source

    def iter_references(self) -> Iterable[tuple[Operator, str]]:
        """Yield the task output that the body is, from which Airflow derives the order of tasks."""
        return self.source.iter_references() if isinstance(self.source, ResolveMixin) else ()

    def resolve(self, context: Context) -> str | None:
        """Return the rendered body."""
        return self.render(cast("BaseOperator", context["task"]), context)

    def render(self, task: BaseOperator, context: Context, resolved: Collection[int] = ()) -> str | None:
        """Return the rendered body.

        :param task: the task that has the body
        :param resolved: ids of the objects that are already outputs of tasks
        :raises AirflowFailException: if the template is invalid, or uses an unknown name
        """
        source = self.source
        if isinstance(source, ResolveMixin):
            return plain_body(source.resolve(context))
        if source is None or id(source) in resolved:
            return plain_body(source)
        from workplace_provider.confluence.pages import Markdown

        with fail_on_permanent_error("Confluence"):
            value = _as_markdown(source)
            if isinstance(value, Markdown):
                return plain_body(render_markdown(task, context, value))
            return render_storage(task, context, plain_body(source) or "")

    def serialize(self) -> Any:
        """Return the body as the serialized DAG and the *Rendered template* view show it."""
        return summarize(self.source)

    def __repr__(self) -> str:
        return str(self.serialize())  # in the serialized DAG of a mapped task, like that of TemplatedEdits


def plain_body(value: Any) -> str | None:
    """Return a body as text.

    :raises ValueError: if it is neither text nor a ``Storage`` or ``Markdown``
    """
    from workplace_provider.confluence.pages import Markdown, Storage
    from workplace_provider.confluence.pages.values import blocks

    if isinstance(value, TemplatedStorage):
        return plain_body(value.source)
    if value is None or isinstance(value, str):
        return value
    value = _as_markdown(value)
    if isinstance(value, Storage | Markdown):
        return blocks(value)
    raise ValueError(f"the body is {summarize(value)!r}; it must be text in storage format, or Markdown")


def _as_markdown(value: Any) -> Any:
    """Return Markdown from its plain form, which XCom and YAML can carry; another value unchanged."""
    from workplace_provider.confluence.pages.values import from_plain

    return from_plain(value) if isinstance(value, Mapping) and set(value) == {"markdown"} else value


def render_storage(task: BaseOperator, context: Context, source: str) -> str:
    """Return storage format, with the Jinja in it rendered.

    A value becomes text, whatever it contains; a value of :mod:`workplace_provider.confluence.pages` such as a Link or a
    Status becomes its markup. The filter ``storage`` inserts markup after a check that it is well-formed.

    :raises ValueError: if the template is invalid, or uses an unknown name
    """
    return _render(_environment(task), context, "the body", source)


def render_file(task: BaseOperator, context: Context, name: str) -> str:
    """Return a rendered template file of the DAG's folder or its ``template_searchpath``; see :func:`render_storage`.

    A file with the ending ``.md`` is Markdown; see :func:`render_markdown`.

    :raises ValueError: if the file does not exist, is an invalid template, or uses an unknown name
    """
    from workplace_provider.confluence.pages.values import Markdown, blocks

    if not name.endswith(".md"):
        return _render(_environment(task), context, name)
    inserted: list[Any] = []
    text = _render(_markdown_environment(task, inserted), context, name)
    return blocks(Markdown(text, inserted=tuple(inserted)))


def render_markdown(task: BaseOperator, context: Context, source: Markdown) -> Markdown:
    """Return Markdown, with the Jinja in it rendered.

    A value becomes text that is not parsed as Markdown; a value of :mod:`workplace_provider.confluence.pages` such as a
    Link or a Status becomes its markup. The filter ``markdown`` inserts a text that is Markdown itself.

    :raises ValueError: if the template is invalid, or uses an unknown name
    """
    inserted: list[Any] = list(source.inserted)
    text = _render(_markdown_environment(task, inserted), context, "the Markdown", source.text)
    return dataclasses.replace(source, text=text, inserted=tuple(inserted))


def _render(environment: jinja2.Environment, context: Context, name: str, source: str | None = None) -> str:
    """Return the rendered source, or else the rendered file of this name."""
    import jinja2
    from airflow.sdk.definitions.context import render_template_to_string

    try:
        jinja_template = environment.get_template(name) if source is None else environment.from_string(source)
        return str(render_template_to_string(jinja_template, context)).removeprefix("\ufeff")
    except jinja2.TemplateNotFound as error:
        raise ValueError(
            f"there is no template file {error.name!r} in the DAG's folder or in template_searchpath"
        ) from error
    except jinja2.TemplateSyntaxError as error:
        raise ValueError(f"{error.name or name}, line {error.lineno}: {error.message}") from error
    except jinja2.TemplateError as error:
        raise ValueError(f"{name}: {error}") from error


def _environment(task: BaseOperator) -> jinja2.Environment:
    """Return a new Jinja environment that writes XML; Airflow's own does not escape values."""
    dag = task.get_dag()
    environment = dag.get_template_env(force_sandboxed=True) if dag else task.get_template_env()
    environment.autoescape = True
    environment.finalize = _escape
    environment.filters["storage"] = _insert_storage
    environment.filters["markdown"] = _insert_markdown
    return environment


class _MarkdownSource(str):
    """A text that is inserted as Markdown."""

    __slots__ = ()


def _markdown_environment(task: BaseOperator, inserted: list[Any]) -> jinja2.Environment:
    """Return a new Jinja environment that puts a mark for each value, and the value into ``inserted``."""
    from workplace_provider.confluence.pages import Image, Link, Status, Storage, User
    from workplace_provider.confluence.pages.markdown import insertion

    def insert(value: Any) -> str:
        if value is None or isinstance(value, _MarkdownSource):
            return value or ""
        inserted.append(value if isinstance(value, Storage | Link | Status | User | Image) else str(value))
        return insertion(len(inserted) - 1)

    environment = _environment(task)
    environment.autoescape = False  # the values are escaped when the Markdown is converted
    environment.finalize = insert
    environment.filters["markdown"] = _MarkdownSource
    return environment


def _escape(value: Any) -> Any:
    """Return the markup of a rendered value, which may be in an element or in an attribute."""
    from markupsafe import Markup

    from workplace_provider.confluence.pages import Image, Link, Markdown, Status, Storage, User
    from workplace_provider.confluence.pages.values import escape_text, to_storage

    if value is None:
        return ""
    if isinstance(value, Storage | Link | Status | User | Image | Markdown):
        return Markup(to_storage(value))  # noqa: S704 - it escapes
    if isinstance(value, Markup):
        return value
    return Markup(escape_text(str(value)).replace('"', "&quot;").replace("'", "&#39;"))  # noqa: S704 - escaped


def _insert_storage(value: Any) -> Markup:
    """Return markup unchanged if it is well-formed: the filter ``storage``."""
    from markupsafe import Markup

    from workplace_provider.confluence.pages import Storage
    from workplace_provider.confluence.pages.values import to_storage

    return Markup(to_storage(Storage(value) if isinstance(value, str) else value))  # noqa: S704 - asked for


def _insert_markdown(value: Any) -> Markup:
    """Return Markdown as storage format: the filter ``markdown`` in a body that is storage format."""
    from markupsafe import Markup

    from workplace_provider.confluence.pages import markdown_to_storage

    return Markup(markdown_to_storage("" if value is None else str(value)))  # noqa: S704 - it escapes
