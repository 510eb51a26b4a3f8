"""`python -m leadsquared migrate`: bring the ledger of the connection followups_ledger to this version's schema."""

from __future__ import annotations

import argparse
import sys

from followups.ledger import migrate
from leadsquared.databases import open_ledger_engine
from leadsquared.names import DEFAULT_LEDGER


def main() -> int:
    """Run one command; 0 if it did what it says."""
    parser = argparse.ArgumentParser(prog="python -m leadsquared", description=__doc__)
    parser.add_argument("command", choices=["migrate", "check"])
    parser.add_argument("--conn-id", default=DEFAULT_LEDGER, help="Airflow connection of the ledger")
    arguments = parser.parse_args()
    engine = open_ledger_engine(arguments.conn_id)
    if arguments.command == "migrate":
        print(f"ledger is at revision {migrate.upgrade(engine)}")  # noqa: T201
        return 0
    try:
        migrate.check(engine)
    except migrate.LedgerSchemaError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    print(f"ledger is at revision {migrate.newest()}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
