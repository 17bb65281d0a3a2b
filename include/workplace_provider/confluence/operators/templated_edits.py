"""Edits with templates and task outputs in them.

Edits know nothing of Airflow, and they are frozen, so Airflow's rendering, which sets attributes, cannot work on them. The
operators wrap what they are given; the wrapper tells Airflow which tasks it needs, and makes rendered edits of it.
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
from workplace_provider.common.rows import Rows, read_rows
from workplace_provider.confluence.operators.summary import described
from workplace_provider.confluence.operators.templated_storage import rendered_storage

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import Operator

    from workplace_provider.confluence.pages.edits import Edit


class TemplatedEdits(ResolveMixin):
    """What an operator was given as its edits, until Airflow renders it.

    Jinja is rendered in the fields that an edit names in its ``template_fields``, and in the texts of the values in there.
    What comes out of a task's output is data: it is never taken for a template.

    :param given: edits, edits as dicts, task outputs of those, or a list of them; or JSON or YAML text
    """

    def __init__(self, given: Any) -> None:
        self.given: Any = given.given if isinstance(given, TemplatedEdits) else given

    def iter_references(self) -> Iterable[tuple[Operator, str]]:
        """The task outputs that are in the edits, from which Airflow learns the order of tasks."""
        return _references(self.given)

    def resolve(self, context: Context) -> RenderedEdits:
        """The rendered edits."""
        return self.rendered(cast("BaseOperator", context["task"]), context)

    def rendered(
        self,
        task: BaseOperator,
        context: Context,
        jinja_env: jinja2.Environment | None = None,
        resolved: Collection[int] = (),
    ) -> RenderedEdits:
        """The rendered edits.

        :param task: the task they belong to
        :param resolved: ids of the objects that came out of a task's output already
        :raises AirflowFailException: for what is no edit
        """
        rendering = _Rendering(task, context, jinja_env or task.get_template_env(), resolved)
        with fail_on_permanent_error():
            return RenderedEdits(tuple(rendering.edits(self.given)))

    def serialize(self) -> Any:
        """The edits for people: in the serialized DAG and in the *Rendered template* view."""
        return described(self.given)

    def __repr__(self) -> str:
        # What Airflow puts into the serialized DAG for a mapped task; it must be the same whenever the file is parsed.
        return json.dumps(self.serialize(), ensure_ascii=False)


@dataclasses.dataclass(frozen=True, slots=True)
class RenderedEdits:
    """Edits without templates; their rows may still be files."""

    edits: tuple[Edit, ...]

    def serialize(self) -> Any:
        """The edits for people, in a few lines however many rows there are."""
        return described(self.edits)


def ready_edits(given: RenderedEdits | TemplatedEdits) -> tuple[Edit, ...]:
    """Edits that can be applied: their rows, and the fragments of pages that come as files, are read, on the worker.

    :raises ValueError: when these cannot be read, or something is no edit
    """
    edits = given.edits if isinstance(given, RenderedEdits) else tuple(_as_edits(given.given))
    return tuple(_with_files(_with_rows(edit)) for edit in edits)


class _Rendering:
    """One rendering of an operator's edits."""

    def __init__(
        self, task: BaseOperator, context: Context, jinja_env: jinja2.Environment, resolved: Collection[int]
    ) -> None:
        self._task = task
        self._context = context
        self._jinja_env = jinja_env
        self._resolved = resolved

    def edits(self, given: Any) -> Iterator[Edit]:
        if id(given) in self._resolved:
            yield from _as_edits(given)
        elif isinstance(given, str | ResolveMixin):
            yield from _as_edits(self._value(given))
        elif isinstance(given, Sequence):
            for each in given:
                yield from self.edits(each)
        elif isinstance(given, Mapping):
            # Rendered first: a task's output takes the place of a value of any type, and from_dict checks types.
            rendered = self._mapping(given)
            if not self._is_left_out(given.get("rows"), rendered.get("rows"), str(given.get("edit"))):
                yield from _as_edits(rendered)
        else:
            for edit in _as_edits(given):
                made = self._value(edit)
                if not self._is_left_out(getattr(edit, "rows", None), getattr(made, "rows", None), type(edit).__name__):
                    yield made

    def _is_left_out(self, given: Any, rows: Any, name: str) -> bool:
        """Whether the rows of an edit were to come from a task that was skipped.

        A task whose trigger rule is the usual one does not run after a skipped one: nothing is an error there.
        """
        if isinstance(given, Rows) and isinstance(rows, Rows):
            given, rows = given.source, rows.source
        if not isinstance(given, ResolveMixin) or rows is not None or self._task.trigger_rule == TriggerRule.ALL_SUCCESS:
            return False
        self._task.log.warning("%s is left out: there is no %s", name, described(given))
        return True

    def _mapping(self, given: Mapping[str, Any]) -> dict[str, Any]:
        from workplace_provider.confluence.pages import edits

        kind = getattr(edits, str(given.get("edit")), None)
        templated = {each.name: each for each in _templated(kind)} if isinstance(kind, type) else {}
        rendered = {}
        for key, value in given.items():
            rendered[key] = self._value(value) if key in templated else value
            if rendered[key] is not value and key in templated:
                rendered[key] = _as_declared(templated[key], rendered[key], str(given["edit"]))
        return rendered

    def _value(self, value: Any) -> Any:
        """A value with what is a template in it rendered."""
        if id(value) in self._resolved:
            return value
        if isinstance(value, str) and "{" not in value:
            return value
        if isinstance(value, str | ResolveMixin | ObjectStoragePath):
            # No set of seen ids is passed on: Airflow returns what it has seen as it is, and texts that are equal are one.
            return self._task.render_template(value, self._context, self._jinja_env)
        if isinstance(value, list):
            return [self._value(each) for each in value]
        if isinstance(value, tuple):
            values = [self._value(each) for each in value]
            return type(value)(*values) if hasattr(value, "_fields") else tuple(values)
        if isinstance(value, dict):
            if set(value) == {"storage"} and isinstance(value["storage"], str):
                return {"storage": self._storage(value["storage"])}
            return {key: self._value(each) for key, each in value.items()}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._object(value)
        return value

    def _object(self, value: Any) -> Any:
        from workplace_provider.confluence.pages import Storage

        if isinstance(value, Storage):
            return Storage(self._storage(value.markup))
        changes = {}
        for each in _templated(value):
            given = getattr(value, each.name)
            rendered = self._value(given)
            if rendered is not given and rendered != given:
                changes[each.name] = _as_declared(each, rendered, type(value).__name__)
        return dataclasses.replace(value, **changes) if changes else value

    def _storage(self, markup: str) -> str:
        return rendered_storage(self._task, self._context, markup) if "{" in markup else markup


def _as_edits(given: Any) -> Iterator[Edit]:
    """Edits of data that holds no templates any more."""
    from workplace_provider.confluence.pages.edits import Edit

    if given is None:
        return
    if isinstance(given, Edit):
        yield given
    elif isinstance(given, str):
        yield from _as_edits(_parsed(given))
    elif isinstance(given, Mapping):
        yield _from_dict(dict(given))
    elif isinstance(given, Sequence):
        for each in given:
            if isinstance(each, str):
                raise ValueError(f"{each!r} is no edit")
            yield from _as_edits(each)
    else:
        raise ValueError(f"{given!r} is no edit, and no list of edits")


def _from_dict(given: dict[str, Any]) -> Edit:
    """An edit of its dict, whose rows may be what :func:`~workplace_provider.common.rows.read_rows` takes."""
    from workplace_provider.confluence.pages.edits.serialization import from_dict

    if "rows" not in given or isinstance(given["rows"], list):
        return from_dict(given)
    edit = from_dict({key: value for key, value in given.items() if key != "rows"} | {"rows": []})
    return dataclasses.replace(edit, rows=given["rows"])  # type: ignore[call-arg]


def _parsed(text: str) -> Any:
    """Edits as text: JSON, YAML, or a list the way a template prints it."""
    if not text.strip():
        return None
    for parse in (json.loads, ast.literal_eval):
        try:
            return _refuse_text(parse(text))
        except (ValueError, SyntaxError):
            continue
    import yaml

    try:
        return _refuse_text(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise ValueError(f"the edits are neither JSON nor YAML: {error}") from error


def _refuse_text(value: Any) -> Any:
    if value is not None and not isinstance(value, Mapping | list | tuple):
        raise ValueError(f"the edits are {value!r}; they must be a list")
    return value


def _with_rows(edit: Edit) -> Edit:
    if not any(each.name == "rows" for each in dataclasses.fields(edit)):
        return edit
    try:
        rows = read_rows(edit.rows)  # type: ignore[attr-defined]
    except (ValueError, FileNotFoundError) as error:
        raise ValueError(f"{type(edit).__name__}: {error}") from error
    return dataclasses.replace(edit, rows=rows)  # type: ignore[call-arg]


def _with_files(edit: Edit) -> Edit:
    """An edit whose body is a file of storage format as one with what is in it, and one of files as one of their names."""
    from workplace_provider.confluence.pages import Storage

    changes: dict[str, Any] = {}
    for each in _templated(edit):
        value = getattr(edit, each.name)
        if each.name == "files" and value is not None:
            changes[each.name] = [file.name for file in as_artifacts(value) if file.media_type.startswith("image/")]
        if isinstance(value, Artifact | Mapping) and Artifact.is_storage(value):
            (artifact,) = as_artifacts(value)
            with artifact.open() as stream:
                changes[each.name] = Storage(stream.read().decode())
    return dataclasses.replace(edit, **changes) if changes else edit


def _templated(value: Any) -> list[dataclasses.Field[Any]]:
    """The fields that may hold templates: those that the object names, of our plain values all."""
    names = getattr(value, "template_fields", None)
    if names is None and not type(value).__module__.startswith("workplace_provider."):
        return []
    return [each for each in dataclasses.fields(value) if each.init and (names is None or each.name in names)]


def references_in(value: Any) -> set[str]:
    """The ids of the tasks whose outputs are in a value: an edit, a list, a mapping."""
    return {operator.task_id for operator, _ in _references(value)}


def _references(value: Any) -> Iterator[tuple[Operator, str]]:
    if isinstance(value, ResolveMixin):
        yield from value.iter_references()
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list | tuple | set):
        for each in value:
            yield from _references(each)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for each in _templated(value):
            yield from _references(getattr(value, each.name))


def _as_declared(declared: dataclasses.Field[Any], value: Any, owner: str) -> Any:
    """A number that went through a template, where everything is text, as the number that the field takes."""
    if not isinstance(value, str) or str(declared.type) not in ("int", "int | None"):
        return value
    return parse_int(value.strip(), f"{owner}: {declared.name}")
