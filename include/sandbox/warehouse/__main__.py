"""Seed the demo warehouse: `python -m sandbox.warehouse --to duckdb:////absolute/path.duckdb`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import date, datetime

import duckdb
import psycopg

from sandbox.warehouse.databases import WarehouseError
from sandbox.warehouse.rows import OFFICE_ZONE
from sandbox.warehouse.seeding import SeedPlan, seed


def _around(text: str) -> date:
    """Take `now` or a date."""
    return datetime.now(OFFICE_ZONE).date() if text == "now" else date.fromisoformat(text)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox.warehouse", description="Seed the demo warehouse.")
    parser.add_argument("--to", required=True, help="duckdb:///path/to/file or postgresql://user@host/database; "
                        "a password is better in PGPASSWORD than here")  # fmt: skip
    parser.add_argument("--rows", type=_positive, default=6000, help="default: 6000")
    parser.add_argument("--days", type=_positive, default=14, help="days to spread them over, half of them past (14)")
    parser.add_argument("--around", type=_around, default="now", help="now, or a date like 2031-04-05")
    parser.add_argument("--seed", type=int, default=7, help="the same number gives the same rows (7)")
    parser.add_argument("--replace", action="store_true", help="drop a table `followups` made by somebody else")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Seed and say what was made. Exit code 2: it could not be done, and why."""
    options = _parser().parse_args(arguments)
    plan = SeedPlan(rows=options.rows, days=options.days, around=options.around, seed=options.seed)
    try:
        made = seed(options.to, plan, replace=options.replace)
    except (WarehouseError, duckdb.IOException, psycopg.OperationalError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    counts = ", ".join(f"{count:,} {feed}" for feed, count in sorted(made.items()))
    sys.stdout.write(f"{made.total():,} follow-ups over {plan.days} days around {plan.around}: {counts}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
