"""Text of other people that reaches the operators through any form of mapping stays text.

The test finds every operator and sensor by walking the package, and hands each of their template fields a Jinja expression
from an XCom. Subclasses record the fields as Airflow has rendered them, instead of executing. All operators are in one DAG
per form of mapping. ``make test`` runs every operator in the forms that differ most and every form with some operators;
``make test-all`` runs every operator in every form.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator, task_group
from airflow.utils.state import DagRunState

from support.provider_operators import OPERATORS, arguments, kind_of, others, parameters, run_dag, values, values_of
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.slack.operators import SlackPostOperator

pytestmark = [pytest.mark.dags, pytest.mark.usefixtures("airflow_db", "_secrets")]

HOSTILE = "{{7*7}} {{ var.value.x }} {{ conn.y.password }} {% if 1 %}yes{% endif %}"
TEMPLATE = "{{ 7 * 7 }}"
RENDERED = "49"
SECRETS = {"AIRFLOW_VAR_X": "s3cr3t-variable", "AIRFLOW_CONN_Y": json.dumps({"conn_type": "http", "password": "s3cr3t-pw"})}


def as_argument(name: str, value: Any) -> Any:
    """A task output where the argument takes it: places is a list of edits, each of which may be one."""
    return [value] if name == "places" else value


class Return(BaseOperator):
    """Return a value, so that it comes out of an XCom."""

    def __init__(self, *, value: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value = value

    def execute(self, context: Any) -> Any:
        return self.value


class Sources:
    """Tasks that return values. Equal values share one, since a task takes long."""

    def __init__(self) -> None:
        self._tasks: dict[str, Return] = {}

    def __call__(self, value: Any, *, multiple_outputs: bool = False) -> Any:
        name = json.dumps([value, multiple_outputs])
        if name not in self._tasks:
            task_id = f"source_{len(self._tasks)}"
            self._tasks[name] = Return(task_id=task_id, value=value, multiple_outputs=multiple_outputs)
        return self._tasks[name].output


Recorded = dict[str, dict[str, Any]]
Recorders = dict[type[BaseOperator], Any]
Form = Callable[[type[BaseOperator], Any, Sources], None]
GroupForm = Callable[[Recorders, Sources], None]


# Forms in which every value comes out of an XCom.


def expand(operator: type[BaseOperator], recorder: Any, xcom: Sources) -> None:
    mapped = {name: xcom([value]) for name, value in values_of(operator, HOSTILE).items()}
    recorder.partial(task_id=operator.__name__, **others(operator)).expand(**mapped)


def expand_map_concat(operator: type[BaseOperator], recorder: Any, xcom: Sources) -> None:
    mapped = {
        name: xcom([]).concat(xcom([value]).map(lambda item: item)) for name, value in values_of(operator, HOSTILE).items()
    }
    recorder.partial(task_id=operator.__name__, **others(operator)).expand(**mapped)


def expand_zip(operator: type[BaseOperator], recorder: Any, xcom: Sources) -> None:
    mapped = {
        name: xcom([value]).zip(xcom([value])) if name != "body" else xcom([value])
        for name, value in values_of(operator, HOSTILE).items()
    }
    recorder.partial(task_id=operator.__name__, **others(operator)).expand(**mapped)


def expand_kwargs(operator: type[BaseOperator], recorder: Any, xcom: Sources) -> None:
    mapped = xcom([values_of(operator, HOSTILE)])
    recorder.partial(task_id=operator.__name__, **others(operator)).expand_kwargs(mapped)


def expand_kwargs_map(operator: type[BaseOperator], recorder: Any, xcom: Sources) -> None:
    mapped = xcom([values_of(operator, HOSTILE)]).map(lambda item: item)
    recorder.partial(task_id=operator.__name__, **others(operator)).expand_kwargs(mapped)


def expand_kwargs_list(operator: type[BaseOperator], recorder: Any, xcom: Sources) -> None:
    mapped = [xcom(values_of(operator, HOSTILE))]
    recorder.partial(task_id=operator.__name__, **others(operator)).expand_kwargs(mapped)


def expand_kwargs_literal_dict(operator: type[BaseOperator], recorder: Any, xcom: Sources) -> None:
    mapped = {name: as_argument(name, xcom(value)) for name, value in values_of(operator, HOSTILE).items()}
    recorder.partial(task_id=operator.__name__, **others(operator)).expand_kwargs([mapped])


def expand_kwargs_over_defaults(operator: type[BaseOperator], recorder: Any, xcom: Sources) -> None:
    mapped = xcom([values_of(operator, HOSTILE)])
    partial = recorder.partial(task_id=operator.__name__, **others(operator), **values_of(operator, TEMPLATE))
    partial.expand_kwargs(mapped, strict=False)


def partial(operator: type[BaseOperator], recorder: Any, xcom: Sources) -> None:
    given = {name: as_argument(name, xcom(value)) for name, value in values_of(operator, HOSTILE).items()}
    recorder.partial(task_id=operator.__name__, **others(operator), **given).expand(doc=["mapped"])


def output(operator: type[BaseOperator], recorder: Any, xcom: Sources) -> None:
    given = {name: as_argument(name, xcom(value)) for name, value in values_of(operator, HOSTILE).items()}
    recorder(task_id=operator.__name__, **others(operator), **given)


def nested_output(operator: type[BaseOperator], recorder: Any, xcom: Sources) -> None:
    outputs = {
        name: xcom({"key": value}, multiple_outputs=True)["key"] for name, value in values_of(operator, HOSTILE).items()
    }
    given = {name: [value] if name != "body" else value for name, value in outputs.items()}
    recorder(task_id=operator.__name__, **others(operator), **given)


def group_expand(recorders: Recorders, xcom: Sources) -> None:
    answer_group(recorders).expand(**{kind: xcom([value]) for kind, value in values(HOSTILE).items()})


def group_expand_kwargs(recorders: Recorders, xcom: Sources) -> None:
    answer_group(recorders).expand_kwargs(xcom([values(HOSTILE)]))


def answer_group(recorders: Recorders) -> Any:
    @task_group(prefix_group_id=False)
    def answer(edits: Any, mapping: Any, sequence: Any, text: Any) -> None:
        given = {"edits": edits, "mapping": mapping, "sequence": sequence, "text": text}
        for operator, recorder in recorders.items():
            taken = {name: as_argument(name, given[kind_of(name)]) for name in arguments(operator)}
            recorder(task_id=operator.__name__, **others(operator), **taken)

    return answer


XCOM_FORMS: list[Form] = [
    expand,
    expand_map_concat,
    expand_zip,
    expand_kwargs,
    expand_kwargs_map,
    expand_kwargs_list,
    expand_kwargs_literal_dict,
    expand_kwargs_over_defaults,
    partial,
    output,
    nested_output,
]
GROUP_FORMS = [group_expand, group_expand_kwargs]


# Forms in which every value is a template of the DAG file.


def literal_expand(operator: type[BaseOperator], recorder: Any, xcom: Sources) -> None:
    mapped = {name: [value] for name, value in values_of(operator, TEMPLATE).items()}
    recorder.partial(task_id=operator.__name__, **others(operator)).expand(**mapped)


def literal_expand_kwargs(operator: type[BaseOperator], recorder: Any, xcom: Sources) -> None:
    mapped = [values_of(operator, TEMPLATE)]
    recorder.partial(task_id=operator.__name__, **others(operator)).expand_kwargs(mapped)


def literal_partial(operator: type[BaseOperator], recorder: Any, xcom: Sources) -> None:
    partial = recorder.partial(task_id=operator.__name__, **others(operator), **values_of(operator, TEMPLATE))
    partial.expand_kwargs(xcom([{"doc": "mapped"}]))


LITERAL_FORMS: list[Form] = [literal_expand, literal_expand_kwargs, literal_partial]
MOST_DIFFERENT = (expand, expand_kwargs, output, group_expand, literal_expand)
TURNS = 4


def recording(operator: type[BaseOperator], recorded: Recorded) -> type[BaseOperator]:
    """A subclass that records its template fields, by their arguments, when it is executed."""

    def execute(self: BaseOperator, context: Any) -> None:
        recorded[operator.__name__] = {
            name: getattr(self, field) for field, name in zip(operator.template_fields, arguments(operator), strict=True)
        }

    return type(operator.__name__, (operator,), {"execute": execute})


def run(form: Form | GroupForm, operators: Sequence[type[BaseOperator]]) -> Recorded:
    """Run a DAG that uses the operators in one form."""
    recorded: Recorded = {}
    recorders = {operator: recording(operator, recorded) for operator in operators}
    with DAG(form.__name__, schedule=None) as dag:
        xcom = Sources()
        if form in GROUP_FORMS:
            form(recorders, xcom)  # type: ignore[call-arg, arg-type]
        else:
            for operator, recorder in recorders.items():
                form(operator, recorder, xcom)  # type: ignore[call-arg, arg-type]
    assert run_dag(dag).state == DagRunState.SUCCESS
    assert set(recorded) == {operator.__name__ for operator in operators}
    return recorded


def with_operators(forms: Sequence[Form | GroupForm]) -> list[Any]:
    """Return the forms with the operators to run in each; some forms take turns with a part of the operators."""
    parameters = []
    for number, form in enumerate(forms):
        if form in MOST_DIFFERENT:
            parameters.append(pytest.param(form, OPERATORS, id=form.__name__))
        else:
            part = OPERATORS[number % TURNS :: TURNS]
            parameters.append(pytest.param(form, part, id=f"{form.__name__}-part"))
            parameters.append(pytest.param(form, OPERATORS, id=f"{form.__name__}-all", marks=pytest.mark.large))
    return parameters


@pytest.fixture
def _secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    # DAG.test() reads the whole folder of DAGs each time.
    monkeypatch.setattr("airflow.settings.DAGS_FOLDER", str(tmp_path))


def test_every_operator_is_found_and_has_the_base_class() -> None:
    assert len(OPERATORS) >= 20
    assert [each.__name__ for each in OPERATORS if not issubclass(each, WorkplaceOperator)] == []


def test_every_template_field_has_an_argument_of_its_name() -> None:
    """The base class finds the fields of mapped arguments by their names."""
    for operator in OPERATORS:
        assert set(arguments(operator)) <= parameters(operator), operator


@pytest.mark.parametrize(("form", "operators"), with_operators([*XCOM_FORMS, *GROUP_FORMS]))
def test_no_operator_renders_an_xcom(form: Form | GroupForm, operators: Sequence[type[BaseOperator]]) -> None:
    rendered = [
        f"{operator}.{name}: {value!r}"
        for operator, fields in run(form, operators).items()
        for name, value in fields.items()
        if HOSTILE not in repr(value) or RENDERED in repr(value) or "s3cr3t" in repr(value)
    ]
    assert rendered == []


@pytest.mark.parametrize(("form", "operators"), with_operators(LITERAL_FORMS))
def test_what_the_dag_file_contains_is_rendered(form: Form, operators: Sequence[type[BaseOperator]]) -> None:
    unrendered = [
        f"{operator}.{name}: {value!r}"
        for operator, fields in run(form, operators).items()
        for name, value in fields.items()
        if name != "target"  # a description of a system: its own templates are rendered for each person
        if TEMPLATE in repr(value) or RENDERED not in repr(value)
    ]
    assert unrendered == []


def test_templates_of_subclasses_and_default_arguments_are_rendered_beside_mapped_data() -> None:
    recorded: list[dict[str, Any]] = []

    class Reminder(SlackPostOperator):
        """It adds a template, and stores one of its arguments under another name."""

        template_fields = (*SlackPostOperator.template_fields, "note")

        def __init__(self, *, remark: str, **kwargs: Any) -> None:
            super().__init__(text=TEMPLATE, **kwargs)
            self.note = remark

        def execute(self, context: Any) -> None:
            recorded.append({name: getattr(self, name) for name in ("text", "note", "channel", "key", "dedupe_key")})

    with DAG("subclass", schedule=None, default_args={"key": TEMPLATE}) as dag:
        rows = Return(task_id="rows", value=[{"remark": HOSTILE, "channel": HOSTILE}]).output
        Reminder.partial(task_id="remind", dedupe_key=TEMPLATE).expand_kwargs(rows)
    assert run_dag(dag).state == DagRunState.SUCCESS
    assert recorded == [{"text": RENDERED, "note": HOSTILE, "channel": HOSTILE, "key": RENDERED, "dedupe_key": RENDERED}]
