"""Commands for operators of the ledger and of the account's rate; connections come from the environment.

migrate   bring the ledger of the connection followups_ledger to this version's schema
check     tell whether it is there
rate      show how the account's rate limit and daily quota stand
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import sys

from followups.ledger import migrate
from leadsquared.databases import open_ledger, open_ledger_engine
from leadsquared.names import DEFAULT_LEADSQUARED, DEFAULT_LEDGER


def main() -> int:
    """Run one command; 0 if it did what it says."""
    parser = argparse.ArgumentParser(
        prog="python -m leadsquared", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("migrate", "check", "rate"):
        command = commands.add_parser(name)
        command.add_argument("--conn-id", default=DEFAULT_LEDGER, help="Airflow connection of the ledger")
        if name == "rate":
            command.add_argument("--leadsquared-conn-id", default=DEFAULT_LEADSQUARED, help="the account's connection")
            command.add_argument(
                "--forget-learned",
                action="store_true",
                help="forget lower limits and a used-up day that refusals taught: the account allows more again",
            )
    arguments = parser.parse_args()
    if arguments.command == "rate":
        return _rate(arguments)
    engine = open_ledger_engine(arguments.conn_id)
    if arguments.command == "migrate":
        print(f"ledger is at revision {migrate.upgrade(engine)}")
        return 0
    try:
        migrate.check(engine)
    except migrate.LedgerSchemaError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"ledger is at revision {migrate.newest()}")
    return 0


def _rate(arguments: argparse.Namespace) -> int:
    from leadsquared.hook import LeadSquaredHook  # noqa: PLC0415 - slow to import; migrations run at every start
    from leadsquared.rate import open_throttle, status_lines  # noqa: PLC0415

    try:
        open_ledger(arguments.conn_id)
    except migrate.LedgerSchemaError as error:
        print(error, file=sys.stderr)
        return 1
    settings = LeadSquaredHook(arguments.leadsquared_conn_id).settings
    with open_throttle(settings, arguments.conn_id) as throttle:
        if arguments.forget_learned:
            for bucket in ("normal", "bulk"):
                throttle.forget_learned(bucket)
            print("what refusals taught is forgotten; the connection's limits hold again")
        print(f"account {settings.account}")
        for line in status_lines(throttle.status()):
            print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
