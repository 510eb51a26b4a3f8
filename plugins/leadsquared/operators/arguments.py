"""Arguments that hold customers' text: taken from XCom, never rendered as templates, never shown as rendered fields."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator, XComArg


def depend_on(operator: BaseOperator, *values: Any) -> None:
    """Make the operator wait for the tasks whose results it is given; Airflow does so for templated fields only."""
    for value in values:
        XComArg.apply_upstream_relationship(operator, value)


def resolve(value: Any, context: Any) -> Any:
    """Return the result of another task that `value` stands for, or `value` itself."""
    return value.resolve(context) if isinstance(value, XComArg) else value
