"""Payloads with expressions in them: what comes out keeps its type, and can never become markup or a path."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from jinja2 import ChainableUndefined, StrictUndefined, TemplateError, Undefined, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from workplace_provider.identity.mapping import FILTERS


class TemplateProblem(ValueError):
    """A template that cannot be read or filled; the message shows the template, and no value."""


class _Missing(ChainableUndefined, StrictUndefined):
    """Something that is not there: an error when it is used, but ``default`` may stand in, at any depth."""


class _Omit:
    def __repr__(self) -> str:
        return "omit"


OMIT: Final = _Omit()
"""What an expression gives so that its key is left out."""


class Payload:
    """Plain data whose texts may be templates.

    :param plain: mappings, lists, texts, numbers, truth values
    :raises TemplateProblem: a template cannot be read
    """

    def __init__(self, plain: Any) -> None:
        self._fill = _filler(plain)

    def fill(self, **context: Any) -> Any:
        """The data for a context.

        :raises TemplateProblem: a template uses something that is not there
        """
        filled = self._fill({"omit": OMIT, **context})
        return None if filled is OMIT else filled


class PathTemplate:
    """A path whose expressions are escaped, so that none of them can lead anywhere else.

    :param path: the template
    :raises TemplateProblem: it cannot be read
    """

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            self._template = _environment(escaped=True).from_string(path)
        except TemplateError as error:
            raise TemplateProblem(f"{path!r} is no template: {error}") from None

    def fill(self, **context: Any) -> str:
        """The path for a context.

        :raises TemplateProblem: it uses something that is not there
        """
        try:
            return self._template.render(context)
        except TemplateError as error:
            raise TemplateProblem(f"{self._path!r} could not be filled: {error}") from None


def condition(expression: str) -> Callable[..., bool]:
    """A truth about an answer.

    :param expression: a Jinja expression
    :raises TemplateProblem: it cannot be read
    """
    compiled = _compiled(expression)

    def holds(**context: Any) -> bool:
        try:
            return bool(compiled(**context))
        except TemplateError as error:
            raise TemplateProblem(f"{expression!r} could not be answered: {error}") from None

    return holds


def references(plain: Any, root: str) -> dict[str, bool]:
    """Return what the templates of a payload use of a variable, such as ``emails.value`` of ``values``.

    :param root: the variable
    :return: each path, and whether the payload cannot be filled without it
    """
    used: dict[str, bool] = {}
    if isinstance(plain, Mapping | list):
        for part in plain.values() if isinstance(plain, Mapping) else plain:
            for path, needed in references(part, root).items():
                used[path] = used.get(path, False) or needed
    elif isinstance(plain, str) and ("{{" in plain or "{%" in plain):
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
    made = ImmutableSandboxedEnvironment(undefined=_Missing, autoescape=False, finalize=_escaped if escaped else None)
    made.filters.update(FILTERS)
    return made


def _escaped(value: Any) -> str:
    if isinstance(value, Undefined):
        return str(value)
    text = str(value)
    # A path of dots would lead to the folder above.
    return quote(text, safe="") if text.strip(".") else text.replace(".", "%2E")


def _compiled(expression: str) -> Callable[..., Any]:
    try:
        return _environment().compile_expression(expression, undefined_to_none=False)
    except TemplateError as error:
        raise TemplateProblem(f"{expression!r} is no expression: {error}") from None


def _filler(plain: Any) -> Callable[[Mapping[str, Any]], Any]:
    if isinstance(plain, Mapping):
        parts = {str(key): _filler(value) for key, value in plain.items()}

        def mapping(context: Mapping[str, Any]) -> Any:
            filled = {key: part(context) for key, part in parts.items()}
            return {key: value for key, value in filled.items() if value is not OMIT}

        return mapping
    if isinstance(plain, list):
        each = [_filler(value) for value in plain]

        def sequence(context: Mapping[str, Any]) -> Any:
            return [value for value in (part(context) for part in each) if value is not OMIT]

        return sequence
    if not isinstance(plain, str) or ("{{" not in plain and "{%" not in plain):
        return lambda _: plain
    text = plain.strip()
    if text.startswith("{{") and text.endswith("}}") and "{{" not in text[2:] and "{%" not in text:
        return _value(text)
    return _text(plain)


def _value(text: str) -> Callable[[Mapping[str, Any]], Any]:
    compiled = _compiled(text[2:-2].strip())

    def value(context: Mapping[str, Any]) -> Any:
        try:
            found = compiled(**context)
        except TemplateError as error:
            raise TemplateProblem(f"{text!r} could not be filled: {error}") from None
        if isinstance(found, Undefined):
            raise TemplateProblem(f"{text!r} is not there; to leave the key out, write | default(omit)")
        return found

    return value


def _text(plain: str) -> Callable[[Mapping[str, Any]], Any]:
    try:
        template = _environment().from_string(plain)
    except TemplateError as error:
        raise TemplateProblem(f"{plain!r} is no template: {error}") from None

    def text(context: Mapping[str, Any]) -> str:
        try:
            return template.render(context)
        except TemplateError as error:
            raise TemplateProblem(f"{plain!r} could not be filled: {error}") from None

    return text
