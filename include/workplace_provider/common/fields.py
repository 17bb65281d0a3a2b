"""Declared arguments of operators: each is written once, with its type, default and parser.

A class attribute declares an argument, as in attrs and dataclasses::

    class GreetOperator(WorkplaceOperator):
        name: Field[str] = text()
        loud: Field[bool] = boolean(default=False)
        color: Field[str] = choice("red", "green", default="red")

From these three lines the class gets

- ``__init__(self, *, name: str, loud: bool = False, color: str = 'red', **kwargs)``, which only assigns. It has a real
  signature, from which Airflow finds missing arguments and fills ``default_args``, and which ``help()`` shows;
- ``template_fields`` and ``template_fields_renderers``;
- ``parse_fields()``, which ``execute`` calls after Airflow has rendered the templates, and which raises
  ``ValueError: loud is 'maybe'; it must be true or false``.

In a class with an argument of the name ``text``, write ``fields.text(…)``: in its body, ``text`` is the argument.

Editors and mypy see the arguments through :func:`typing.dataclass_transform`. They let an argument be a template or the
output of a task, and know that ``self.loud`` is a ``bool``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Self, TypeVar, dataclass_transform, overload

from workplace_provider.common.arguments import (
    none_if_blank,
    parse_bool,
    parse_choice,
    parse_int,
    parse_mapping,
    parse_names,
    parse_number,
    parse_optional_bool,
)

if TYPE_CHECKING:
    from airflow.sdk.definitions._internal.mixins import ResolveMixin

T = TypeVar("T")
Parser = Callable[[Any, str], Any]
"""Function of a rendered value and the argument's name. It must return a value that it has parsed before unchanged, since
a sensor parses its fields at each poke."""
REQUIRED: Final[Any] = inspect.Parameter.empty


@dataclass(eq=False)
class Field(Generic[T]):
    """The declaration of an argument; the operator's attribute of the same name has the value.

    :param default: value without the argument; ``REQUIRED`` if there must be one
    :param parse: makes the value of what a template or a task has produced
    :param wrap: makes what the attribute holds until Airflow renders it, from the argument
    :param template: whether Airflow renders the attribute
    :param renderer: how the UI highlights the rendered value, such as ``json``
    :param alias: name of the argument, where the attribute cannot have it
    """

    default: Any = REQUIRED
    parse: Parser | None = None
    wrap: Callable[[Any], Any] | None = None
    template: bool = True
    renderer: str | None = None
    alias: str | None = None
    name: str = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        # A module with ``from __future__ import annotations`` has the annotation as text, such as "Field[bool]".
        annotation = str(vars(owner).get("__annotations__", {}).get(name, "Any"))
        self.annotation = annotation.removeprefix("fields.").removeprefix("Field[").removesuffix("]")

    @property
    def argument(self) -> str:
        """Return the name of the argument."""
        return self.alias or self.name

    @property
    def parameter(self) -> inspect.Parameter:
        """Return the parameter of ``__init__``."""
        kind = inspect.Parameter.KEYWORD_ONLY
        return inspect.Parameter(self.argument, kind, default=self.default, annotation=self.annotation)

    # Only for type checkers, which take the type of an argument from __set__ and that of the attribute from __get__. When
    # the program runs, the attribute of the operator is a plain one, which Airflow reads, renders and assigns.
    if TYPE_CHECKING:

        @overload
        def __get__(self, operator: None, owner: type) -> Self: ...
        @overload
        def __get__(self, operator: object, owner: type) -> T: ...
        def __get__(self, operator: Any, owner: Any) -> Any: ...
        def __set__(self, operator: Any, value: T | str | ResolveMixin) -> None: ...


# One function for each kind of argument. They return Any, as dataclasses.field does: the annotation has the type.


def text(*, default: Any = REQUIRED, renderer: str | None = None) -> Any:
    """Declare a text, which is used unchanged."""
    return Field(default, renderer=renderer)


def optional_text(*, default: Any = None) -> Any:
    """Declare a text that may be missing: it is ``None`` if it is empty, or the text "None" of a template."""
    return Field(default, lambda value, _: none_if_blank(value))


def boolean(*, default: Any = REQUIRED, alias: str | None = None) -> Any:
    """Declare a truth value."""
    return Field(default, parse_bool, alias=alias)


def optional_boolean(*, default: Any = None) -> Any:
    """Declare a truth value that may be missing: ``None`` leaves the decision to the operator."""
    return Field(default, parse_optional_bool)


def integer(*, default: Any = None, least: int | None = None) -> Any:
    """Declare a whole number of at least ``least``; a blank value gives the default."""

    def parse(value: Any, where: str) -> int | None:
        number = parse_int(value, where, least)
        return default if number is None and default is not REQUIRED else number

    return Field(default, parse)


def number(*, default: Any = None) -> Any:
    """Declare a number; a blank value gives ``None``."""
    return Field(default, parse_number)


def choice(*choices: str, default: Any = REQUIRED) -> Any:
    """Declare a text that must be one of the choices."""
    return Field(default, lambda value, where: parse_choice(value, where, choices))


def names(*, default: Any = ()) -> Any:
    """Declare a list of names, which may also be one text with commas; the task has them as a tuple."""
    return Field(default, parse_names)


def mapping(*, default: Any = None, renderer: str | None = None) -> Any:
    """Declare a mapping, which may also be JSON text; a blank value gives an empty one."""
    return Field(default, parse_mapping, renderer=renderer)


def template(
    *,
    default: Any = REQUIRED,
    parse: Parser | None = None,
    wrap: Callable[[Any], Any] | None = None,
    renderer: str | None = None,
) -> Any:
    """Declare a value of any type, with templates and outputs of tasks in it."""
    return Field(default, parse, wrap, renderer=renderer)


def option(*, default: Any = REQUIRED, parse: Parser | None = None) -> Any:
    """Declare a value that Airflow does not render, such as an object that the DAG file makes."""
    return Field(default, parse, template=False)


@dataclass_transform(
    kw_only_default=True,
    # Only the functions without a default of their own: type checkers take an argument for required if the call of a
    # listed function has no ``default``, and for optional if the function is not listed.
    field_specifiers=(text, boolean, choice, template, option),
)
class DeclaredFields:
    """Makes ``__init__`` and the template fields of an operator class from its declarations; see the module."""

    declared_fields: ClassVar[Mapping[str, Field[Any]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Field)}
        cls.declared_fields = {**_merge(cls, "declared_fields"), **own}
        if "template_fields" not in vars(cls):
            inherited = [name for base in cls.__bases__ for name in getattr(base, "template_fields", ())]
            templates = [name for name, field in own.items() if field.template]
            cls.template_fields = tuple(dict.fromkeys([*inherited, *templates]))  # type: ignore[attr-defined]
        if "template_fields_renderers" not in vars(cls):
            renderers = {name: field.renderer for name, field in own.items() if field.renderer}
            inherited_renderers = _merge(cls, "template_fields_renderers")
            cls.template_fields_renderers = {**inherited_renderers, **renderers}  # type: ignore[attr-defined]
        # Airflow's metaclass wraps this __init__ like any other. It needs one for each class: from the signatures it knows
        # which arguments are missing, which come from default_args, and which a mapped operator takes.
        if own and "__init__" not in vars(cls):
            cls.__init__ = _make_init(cls, list(own.values()))  # type: ignore[method-assign]

    @classmethod
    def argument_of(cls, template_field: str) -> str:
        """Return the argument of a template field, whose name differs only for a field with an alias."""
        field = cls.declared_fields.get(template_field)
        return template_field if field is None else field.argument

    def parse_fields(self) -> None:
        """Parse every field, after Airflow has rendered the templates, and check how the values fit together.

        :raises ValueError: with the name of the argument, for a value that it cannot have
        """
        for name, field in self.declared_fields.items():
            if field.parse is not None:
                setattr(self, name, field.parse(getattr(self, name), field.argument))
        self.check_fields()

    def check_fields(self) -> None:
        """Raise a ``ValueError`` for arguments that contradict each other; operators extend it."""


def _merge(cls: type, attribute: str) -> dict[str, Any]:
    """Return the union of a mapping that the bases of a class have; the first base wins."""
    return {key: value for base in reversed(cls.__bases__) for key, value in getattr(base, attribute, {}).items()}


def _make_init(cls: Any, fields: Sequence[Field[Any]]) -> Callable[..., None]:
    """Return an ``__init__`` that assigns the fields which a class declares itself, and hands on the other arguments."""

    def __init__(self: Any, **kwargs: Any) -> None:  # noqa: N807 - it becomes the class's
        values = [kwargs.pop(field.argument, field.default) for field in fields]
        super(cls, self).__init__(**kwargs)
        for field, value in zip(fields, values, strict=True):
            setattr(self, field.name, value if field.wrap is None else field.wrap(value))
        if "__post_init__" in vars(cls):
            vars(cls)["__post_init__"](self)

    kind = inspect.Parameter
    parameters = [
        kind("self", kind.POSITIONAL_OR_KEYWORD),
        *(field.parameter for field in fields),
        kind("kwargs", kind.VAR_KEYWORD, annotation="Any"),
    ]
    __init__.__signature__ = inspect.Signature(parameters, return_annotation=None)  # type: ignore[attr-defined]
    __init__.__qualname__ = f"{cls.__qualname__}.__init__"
    __init__.__module__ = cls.__module__
    return __init__
