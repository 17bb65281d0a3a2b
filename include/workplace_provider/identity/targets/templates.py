"""Templates in requests. Values keep their types, and cannot become markup or further path segments."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from jinja2 import ChainableUndefined, StrictUndefined, TemplateError, Undefined, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from workplace_provider.identity.mapping import FILTERS


class TemplateProblem(ValueError):
    """A template that is invalid or cannot be rendered; the message contains the template and no values."""


class _Missing(ChainableUndefined, StrictUndefined):
    """A missing value: an error when it is used, unless ``default`` replaces it, at any depth."""


class _Omit:
    def __repr__(self) -> str:
        return "omit"


OMIT: Final = _Omit()
"""Result of an expression whose key is left out."""


class Payload:
    """JSON data with templates in its texts.

        Payload({"name": "{{ values.name }}", "title": "{{ values.title | default(omit) }}"}).fill(values={"name": "Ann"})

    :param plain: mappings, lists, texts, numbers, booleans
    :raises TemplateProblem: a template is invalid
    """

    def __init__(self, plain: Any) -> None:
        self._parsed = _parse(plain)

    def fill(self, **context: Any) -> Any:
        """Return the data with rendered templates.

        :raises TemplateProblem: a template uses a missing value
        """
        filled = _fill(self._parsed, {"omit": OMIT, **context})
        return None if filled is OMIT else filled


class PathTemplate:
    """A path with templates, whose values are escaped.

    :param path: the template
    :raises TemplateProblem: it is invalid
    """

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            self._template = _environment(escaped=True).from_string(path)
        except TemplateError as error:
            raise TemplateProblem(f"{path!r} is not a valid template: {error}") from None

    def fill(self, **context: Any) -> str:
        """Return the rendered path.

        :raises TemplateProblem: it uses a missing value
        """
        try:
            return self._template.render(context)
        except TemplateError as error:
            raise TemplateProblem(f"{self._path!r} could not be rendered: {error}") from None


class Condition:
    """A condition about a response, as a Jinja expression.

        Condition("status == 200 and body.ok").holds(status=200, body={"ok": True})

    :raises TemplateProblem: the expression is invalid
    """

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._compiled = _compile(expression)

    def holds(self, **context: Any) -> bool:
        """Return whether the condition is true.

        :raises TemplateProblem: it uses a missing value
        """
        try:
            return bool(self._compiled(**context))
        except TemplateError as error:
            raise TemplateProblem(f"{self._expression!r} could not be evaluated: {error}") from None


def references(plain: Any, root: str) -> dict[str, bool]:
    """Return the paths below a variable that a payload's templates use, such as ``emails.value`` of ``values``.

    :param root: the variable
    :return: whether each path is required to render the payload
    """
    used: dict[str, bool] = {}
    if isinstance(plain, Mapping | list):
        for part in plain.values() if isinstance(plain, Mapping) else plain:
            for path, needed in references(part, root).items():
                used[path] = used.get(path, False) or needed
    elif _is_template(plain):
        _collect(parse(plain), root, used, needed=True)
    return used


def parse(text: str) -> nodes.Template:
    """Return the syntax tree of a template."""
    return _environment().parse(text)


def _collect(node: nodes.Node, root: str, used: dict[str, bool], *, needed: bool) -> None:
    path: list[str] = []
    inner: nodes.Node = node
    while isinstance(inner, nodes.Getattr | nodes.Getitem):
        if isinstance(inner, nodes.Getattr):
            path.insert(0, inner.attr)
        elif isinstance(inner.arg, nodes.Const):
            path.insert(0, str(inner.arg.value))
        inner = inner.node
    if path and isinstance(inner, nodes.Name) and inner.name == root:
        used[".".join(path)] = used.get(".".join(path), False) or needed
        return
    optional = isinstance(node, nodes.CondExpr | nodes.If | nodes.For | nodes.Test) or (
        isinstance(node, nodes.Filter) and node.name in ("default", "d")
    )
    for child in node.iter_child_nodes():
        _collect(child, root, used, needed=needed and not optional)


@functools.cache
def _environment(*, escaped: bool = False) -> ImmutableSandboxedEnvironment:
    sandbox = ImmutableSandboxedEnvironment(undefined=_Missing, autoescape=False, finalize=_escape if escaped else None)
    sandbox.filters.update(FILTERS)
    return sandbox


def _escape(value: Any) -> str:
    # HttpClient refuses a path with a segment of dots, which would lead to the folder above.
    return str(value) if isinstance(value, Undefined) else quote(str(value), safe="")


def _compile(expression: str) -> Any:
    try:
        return _environment().compile_expression(expression, undefined_to_none=False)
    except TemplateError as error:
        raise TemplateProblem(f"{expression!r} is not a valid expression: {error}") from None


class _Expression:
    """A text that is one expression, such as ``{{ values.active }}``: it becomes the value with its type."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._compiled = _compile(text[2:-2].strip())

    def render(self, context: Mapping[str, Any]) -> Any:
        try:
            value = self._compiled(**context)
        except TemplateError as error:
            raise TemplateProblem(f"{self._text!r} could not be rendered: {error}") from None
        if isinstance(value, Undefined):
            raise TemplateProblem(f"{self._text!r} has no value. To leave the key out, write | default(omit)")
        return value


class _Text:
    """A text with templates in it."""

    def __init__(self, text: str) -> None:
        self._text = text
        try:
            self._template = _environment().from_string(text)
        except TemplateError as error:
            raise TemplateProblem(f"{text!r} is not a valid template: {error}") from None

    def render(self, context: Mapping[str, Any]) -> str:
        try:
            return self._template.render(context)
        except TemplateError as error:
            raise TemplateProblem(f"{self._text!r} could not be rendered: {error}") from None


def _is_template(value: Any) -> bool:
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def _parse(plain: Any) -> Any:
    """Return the data with parsed templates in place of their texts."""
    if isinstance(plain, Mapping):
        return {str(key): _parse(value) for key, value in plain.items()}
    if isinstance(plain, list):
        return [_parse(value) for value in plain]
    if not _is_template(plain):
        return plain
    text = plain.strip()
    is_expression = text.startswith("{{") and text.endswith("}}") and "{{" not in text[2:] and "{%" not in text
    return _Expression(text) if is_expression else _Text(plain)


def _fill(part: Any, context: Mapping[str, Any]) -> Any:
    """Return the data with rendered templates, without omitted keys and items."""
    if isinstance(part, _Expression | _Text):
        return part.render(context)
    if isinstance(part, dict):
        filled = {key: _fill(value, context) for key, value in part.items()}
        return {key: value for key, value in filled.items() if value is not OMIT}
    if isinstance(part, list):
        return [value for value in (_fill(item, context) for item in part) if value is not OMIT]
    return part
