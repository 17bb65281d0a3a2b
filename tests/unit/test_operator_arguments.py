"""Every operator and sensor parses its arguments before it does anything else, and names the one that is wrong."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator, BaseSensorOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.serialization.serialized_objects import DagSerialization

from support.provider_operators import OPERATORS, kind_of, others, values
from workplace_provider.common.arguments import parse_bool, parse_optional_bool
from workplace_provider.common.fields import REQUIRED, Field
from workplace_provider.common.operator import WorkplaceOperator

NOT_A_TRUTH = "perhaps"
# Arguments that these operators need, and that are not required by their declarations.
ALSO_REQUIRED = {
    "ReportAnnouncementOperator": {"channel": "#general"},
    "ReviewOperator": {"subject": "Publish?"},
    "SlackPostOperator": {"channel": "#general"},
    "SlackReviewOperator": {"subject": "Publish?"},
}


def booleans(operator: type[BaseOperator]) -> list[Field[Any]]:
    assert issubclass(operator, WorkplaceOperator)
    return [field for field in operator.declared_fields.values() if field.parse in (parse_bool, parse_optional_bool)]


CASES = [pytest.param(each, field, id=f"{each.__name__}-{field.argument}") for each in OPERATORS for field in booleans(each)]


def test_all_operators_declare_their_arguments() -> None:
    for operator in OPERATORS:
        assert issubclass(operator, WorkplaceOperator)
        assert set(operator.template_fields) & set(operator.declared_fields), operator
        own = inspect.signature(operator.__init__).parameters
        assert {field.argument for name, field in operator.declared_fields.items() if name in vars(operator)} <= set(own)


def test_the_serialized_dag_of_mapped_tasks_is_the_same_at_each_parse() -> None:
    """Airflow makes a new version of the DAG otherwise."""

    def parse() -> Any:
        with DAG("mapped", schedule=None) as dag:
            for operator in OPERATORS:
                assert issubclass(operator, WorkplaceOperator)
                given = {
                    field.argument: values("text")[kind_of(field.argument)] for field in operator.declared_fields.values()
                }
                operator.partial(task_id=operator.__name__, **{**others(operator), **given}).expand(doc=["a", "b"])
        return DagSerialization.to_dict(dag)["dag"]

    first = parse()
    assert parse() == first
    assert " object at 0x" not in str(first)


@pytest.mark.parametrize(("operator", "field"), CASES)
def test_a_wrong_argument_fails_at_once_and_is_named(operator: type[WorkplaceOperator], field: Field[Any]) -> None:
    required = {
        each.argument: values("text")[kind_of(each.argument)]
        for each in operator.declared_fields.values()
        if each.default is REQUIRED
    }
    task = operator(
        task_id="t",
        **{**others(operator), **ALSO_REQUIRED.get(operator.__name__, {}), **required, field.argument: NOT_A_TRUTH},
    )
    with pytest.raises(AirflowFailException, match=f"^{field.argument} is '{NOT_A_TRUTH}'; it must be true or false$"):
        task.poke({}) if isinstance(task, BaseSensorOperator) else task.execute({})
