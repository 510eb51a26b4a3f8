"""Whole sets as one parameter, where an expanded IN list would be slow or too long."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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


def texts_by_number(
    connection: sa.Connection, texts: Mapping[int, str]
) -> tuple[sa.ColumnElement[int], sa.ColumnElement[str]]:
    """Return numbers and texts of a mapping as two columns of rows to join with, given as a single parameter."""
    pairs = json.dumps(texts)
    if connection.dialect.name == "postgresql":
        each = sa.func.json_each_text(sa.cast(sa.literal(pairs, sa.Text), sa.JSON)).table_valued("key", "value")
    else:
        each = sa.func.json_each(pairs).table_valued("key", "value")
    return sa.cast(each.c.key, sa.BigInteger), sa.type_coerce(each.c.value, sa.Text)
