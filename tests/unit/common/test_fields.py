from __future__ import annotations

import copy
import inspect
import pydoc
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.serialization.serialized_objects import DagSerialization

from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.fields import (
    Field,
    boolean,
    choice,
    integer,
    mapping,
    names,
    number,
    option,
    optional_boolean,
    optional_text,
    template,
    text,
)
from workplace_provider.common.operator import WorkplaceOperator


class Greet(WorkplaceOperator):
    """Greet a person.

    :param name: the person's name
    """

    argument_defaults: ClassVar[dict[str, Any]] = {"trigger_rule": "all_done"}

    name: Field[str] = text()
    loud: Field[bool] = boolean(default=False)
    color: Field[str] = choice("red", "green", default="red")
    times: Field[int] = integer(default=1, least=1)
    wait: Field[float | None] = number()
    polite: Field[bool | None] = optional_boolean()
    title: Field[str | None] = optional_text()
    friends: Field[tuple[str, ...]] = names()
    extra: Field[dict[str, Any]] = mapping(renderer="json")
    is_dry_run: Field[bool] = boolean(default=False, alias="dry_run")
    wrapped: Field[Any] = template(default=None, wrap=lambda value: ("wrapped", value))
    key: Field[Any] = option(default=None)

    def __post_init__(self) -> None:
        self.given_name = self.name

    def check_fields(self) -> None:
        super().check_fields()
        if self.loud and self.color == "green":
            raise ValueError("loud and green contradict each other")

    def execute(self, context: Any) -> dict[str, Any]:
        with fail_on_permanent_error():
            self.parse_fields()
            return {name: getattr(self, name) for name in self.declared_fields}


class GreetAgain(Greet):
    color: Field[str] = choice("blue", default="blue")
    more: Field[str] = text(default="")


FIELDS = (
    "name",
    "loud",
    "color",
    "times",
    "wait",
    "polite",
    "title",
    "friends",
    "extra",
    "is_dry_run",
    "wrapped",
)


def greet(**arguments: Any) -> dict[str, Any]:
    result = Greet(task_id="greet", **{"name": "jimin", **arguments}).execute({})
    assert isinstance(result, dict)
    return result


def test_the_declarations_are_the_template_fields() -> None:
    assert tuple(Greet.template_fields) == FIELDS
    assert Greet.template_fields_renderers == {"extra": "json"}
    assert tuple(GreetAgain.template_fields) == (*FIELDS, "more")
    assert GreetAgain.template_fields_renderers == {"extra": "json"}


def test_the_signature_is_real() -> None:
    parameters = inspect.signature(Greet).parameters
    assert list(parameters) == [*FIELDS[:9], "dry_run", "wrapped", "key", "kwargs"]
    assert parameters["name"].default is inspect.Parameter.empty
    assert parameters["color"].default == "red"
    assert {each.kind for name, each in parameters.items() if name != "kwargs"} == {inspect.Parameter.KEYWORD_ONLY}
    shown = pydoc.plain(pydoc.render_doc(Greet))
    assert "name: 'str'" in shown
    assert "loud: 'bool' = False" in shown
    assert "Greet a person." in shown


def test_values_are_parsed_when_the_task_runs() -> None:
    assert greet() == {
        "name": "jimin",
        "loud": False,
        "color": "red",
        "times": 1,
        "wait": None,
        "polite": None,
        "title": None,
        "friends": (),
        "extra": {},
        "is_dry_run": False,
        "wrapped": ("wrapped", None),
        "key": None,
    }
    given = {
        "loud": "True",
        "times": "3",
        "wait": "1.5",
        "polite": "no",
        "title": "None",
        "friends": "a, b",
        "dry_run": "yes",
    }
    result = greet(**given, extra='{"a": 1}')
    assert result["loud"] is True
    assert (result["times"], result["wait"], result["polite"], result["title"]) == (3, 1.5, False, None)
    assert (result["friends"], result["extra"], result["is_dry_run"]) == (("a", "b"), {"a": 1}, True)
    assert greet(times="")["times"] == 1, "a blank number is the default"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loud": "maybe"}, "^loud is 'maybe'; it must be true or false$"),
        ({"dry_run": "maybe"}, "^dry_run is 'maybe'; it must be true or false$"),
        ({"color": "blue"}, "^color is 'blue'; it must be one of red, green$"),
        ({"times": "0"}, "^times is '0'; it must be a whole number of at least 1$"),
        ({"wait": "soon"}, "^wait is 'soon'; it must be a number$"),
        ({"extra": "{"}, "^extra is '{'; it must be JSON"),
        ({"loud": True, "color": "green"}, "contradict each other"),
    ],
)
def test_a_wrong_value_fails_the_task_and_names_the_argument(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(AirflowFailException, match=message):
        greet(**arguments)


def test_parsing_again_changes_nothing() -> None:
    task = Greet(task_id="greet", name="jimin", friends="a,b", extra='{"a": 1}', times="2", wait="1", polite="yes")
    first = task.execute({})
    assert task.execute({}) == first


def test_airflow_reports_missing_and_unknown_arguments() -> None:
    with pytest.raises(TypeError, match="missing keyword argument 'name'"):
        Greet(task_id="greet")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="nmae"):
        Greet(task_id="greet", name="jimin", nmae="x")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'nmae'"):
        Greet.partial(task_id="greet", nmae="x")


def test_default_args_fill_declared_arguments() -> None:
    with DAG("greetings", schedule=None, default_args={"name": "alex", "loud": True, "trigger_rule": "one_failed"}):
        task = Greet(task_id="greet", retry_delay=timedelta(seconds=3))
    assert (task.name, task.loud, task.given_name) == ("alex", True, "alex")
    assert task.trigger_rule == "all_done", "argument_defaults are stronger than default_args"
    assert Greet(task_id="greet", name="a", trigger_rule="one_failed").trigger_rule == "one_failed"


def test_mapped_tasks_have_the_defaults_and_the_wrappers() -> None:
    with DAG("greetings", schedule=None) as dag:
        mapped = Greet.partial(task_id="greet", wrapped=3).expand(name=["jimin", "alex"])
    assert mapped.trigger_rule == "all_done"
    assert mapped.partial_kwargs["wrapped"] == ("wrapped", 3)
    task = mapped.unmap({"name": "jimin"})
    assert isinstance(task, Greet)
    assert task.name == "jimin"
    serialized = DagSerialization.to_dict(dag)["dag"]["tasks"][0]["__var"]
    assert list(serialized["template_fields"]) == list(FIELDS)


def test_an_operator_is_copied_and_serialized() -> None:
    with DAG("greetings", schedule=None) as dag:
        task = Greet(task_id="greet", name="{{ ds }}", extra={"a": "{{ ds }}"})
    assert copy.deepcopy(task).extra == {"a": "{{ ds }}"}
    serialized = DagSerialization.to_dict(dag)["dag"]["tasks"][0]["__var"]
    assert serialized["name"] == "{{ ds }}"
    assert serialized["template_fields_renderers"] == {"extra": "json"}


def test_a_subclass_may_declare_a_field_again_or_write_its_own_init() -> None:
    assert GreetAgain(task_id="greet", name="jimin").color == "blue"
    with pytest.raises(AirflowFailException, match="must be one of blue"):
        GreetAgain(task_id="greet", name="jimin", color="red").execute({})

    class Remark(Greet):
        template_fields = (*Greet.template_fields, "note")

        def __init__(self, *, remark: str, **kwargs: Any) -> None:
            super().__init__(name="jimin", **kwargs)
            self.note = remark

    task = Remark(task_id="greet", remark="{{ ds }}")
    assert (task.note, task.name, task.template_fields) == ("{{ ds }}", "jimin", (*FIELDS, "note"))
    assert isinstance(task, BaseOperator)
