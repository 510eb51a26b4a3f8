"""What the ledger holds of a chunk's rows, by one question: the database compares, and tells rows that nothing moved
from the others that it knows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa

from followups.base32 import LENGTH as KEY_LENGTH
from followups.ledger.rows import Known, Standing
from followups.model import State
from followups.schema import deliveries

#: What no key or number holds.
_SEPARATOR: Final = "\x1f"
_STATES = {str(state): state for state in State}


def standing(
    connection: sa.Connection, row_hashes: Mapping[str, int | None], states: Set[State], *, plan_id: int
) -> Standing:
    """Return what is known of rows given by key; those without a hash count as moved.

    :param states: in which a row of the same hash is one that nothing moved, unless the plan has it.
    """
    if not row_hashes:
        return Standing({}, {})
    dialect = connection.dialect.name
    given = {"pairs": _pairs(dialect, row_hashes), "plan_id": plan_id}
    unchanged, known = {}, {}
    # All at once: row by row the driver takes as long as the database.
    for keys, state, *rest in connection.execute(_question(dialect, frozenset(states)), given).all():
        if rest[0] is None:
            unchanged[_STATES[state]] = keys.split(" ")
        else:
            known[keys] = Known(rest[0], _STATES[state], *rest[1:])
    return Standing(unchanged, known)


def _pairs(dialect: str, row_hashes: Mapping[str, int | None]) -> str:
    """Return keys, each with its number behind it, as a single parameter: as JSON it would take PostgreSQL longer."""
    pairs = [key if number is None else f"{key}{number}" for key, number in row_hashes.items()]
    return _SEPARATOR.join(pairs) if dialect == "postgresql" else json.dumps(pairs)


@lru_cache
def _question(dialect: str, states: frozenset[State]) -> sa.CompoundSelect[Any]:
    """Return the statement, built once: keys of rows that nothing moved are one line a state, all others one each."""
    d = deliveries.c
    pair = _each_pair(dialect)
    key = sa.func.substr(pair, 1, KEY_LENGTH, type_=sa.Text)
    row_hash = sa.cast(sa.func.nullif(sa.func.substr(pair, KEY_LENGTH + 1), ""), sa.BigInteger)
    elsewhere = d.plan_id != sa.bindparam("plan_id", type_=sa.BigInteger)
    same = sa.and_(d.row_hash == row_hash, elsewhere, d.state.in_(sorted(states)), sa.not_(d.withdrawn))
    columns = (d.id, d.content_hash, d.plan_id, d.generation, d.batch_id, d.row_hash, d.withdrawn)
    met = (
        sa.select(d.delivery_key, d.state, *columns, sa.func.coalesce(same, sa.false()).label("same"))
        .where(d.delivery_key == key)
        .cte("met")
        .c
    )
    rest = [met[column.name] for column in columns]
    unchanged = sa.select(sa.func.aggregate_strings(met.delivery_key, " "), met.state, *(sa.null() for _ in rest))
    return sa.union_all(
        sa.select(met.delivery_key, met.state, *rest).where(sa.not_(met.same)),
        unchanged.where(met.same).group_by(met.state),
    )


def _each_pair(dialect: str) -> sa.ColumnElement[str]:
    """Return a column of the pairs in order: what a plan wrote lies in the order of its keys, chunk by chunk."""
    given = sa.bindparam("pairs", type_=sa.Text)
    pair: sa.ColumnElement[Any]
    if dialect == "postgresql":
        pair = sa.func.unnest(sa.func.string_to_array(given, _SEPARATOR)).column_valued("given")
    else:
        pair = sa.func.json_each(given).table_valued("value", name="given").c.value
    return sa.select(pair.label("pair")).order_by(pair).subquery("pairs").c.pair
