"""Whole sets as one parameter, where an expanded IN list would be slow or too long."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

#: What no key, id or address holds.
_SEPARATOR: Final = "\x1f"


def is_one_of(
    connection: sa.Connection, column: sa.ColumnElement[Any], values: Sequence[Any]
) -> sa.ColumnElement[bool]:
    """Return `column IN values` as a condition with a single parameter."""
    if connection.dialect.name == "postgresql":
        # One text, cut by the server: the driver would quote an array's values one by one.
        array = sa.func.string_to_array(_SEPARATOR.join(map(str, values)), _SEPARATOR)
        return column == sa.any_(sa.cast(array, sa.ARRAY(column.type)))
    items = sa.func.json_each(json.dumps(list(values))).table_valued("value")
    return column.in_(sa.select(items.c.value))
