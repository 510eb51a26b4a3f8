"""Commands for operators of the ledger and of the account's rate; connections are found as Airflow finds them.

migrate   bring the ledger of the connection followups_ledger to this version's schema
check     tell whether it is there
test      ask LeadSquared whose keys the account's connection holds, and what they may see
rate      show how the account's rate limit and daily quota stand
purge     forget personal data of rows that are done: payloads, webhooks, users' addresses
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import logging
import os
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

from followups.ledger import migrate
from leadsquared.command_errors import EXPLAINED, one_line
from leadsquared.databases import open_ledger, open_ledger_engine
from leadsquared.errors import ConfigurationError
from leadsquared.names import DEFAULT_LEADSQUARED, DEFAULT_LEDGER

if TYPE_CHECKING:
    from leadsquared.hook import LeadSquaredHook


def main() -> int:
    """Run one command; 0 if it did what it says."""
    arguments = _parser().parse_args()
    # As Airflow's own parts do it: else connections that stand in its database are found by tasks alone.
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    try:
        _COMMANDS[arguments.command](arguments)
    except EXPLAINED as error:
        print(one_line(error, arguments.conn_id), file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m leadsquared", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in _COMMANDS:
        command = commands.add_parser(name)
        command.add_argument("--conn-id", default=DEFAULT_LEDGER, help="Airflow connection of the ledger")
        if name == "migrate":
            back = "the revision of an older version that is to run again; what was added since is lost"
            command.add_argument("--back-to", metavar="REVISION", help=back)
        if name in {"test", "rate"}:
            command.add_argument("--leadsquared-conn-id", default=DEFAULT_LEADSQUARED, help="the account's connection")
        if name == "rate":
            command.add_argument(
                "--forget-learned",
                action="store_true",
                help="forget lower limits and a used-up day that refusals taught: the account allows more again",
            )
        if name == "purge":
            command.add_argument("--days", type=_days, required=True, help="what has not changed for so many days")
    return parser


def _days(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("a whole number of at least 1 is wanted")
    return int(text)


def _migrate(arguments: argparse.Namespace) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells every step
    engine = open_ledger_engine(arguments.conn_id)
    reached = migrate.downgrade(engine, arguments.back_to) if arguments.back_to else migrate.upgrade(engine)
    print(f"ledger is at revision {reached}")


def _check(arguments: argparse.Namespace) -> None:
    open_ledger(arguments.conn_id)
    print(f"ledger is at revision {migrate.newest()}")


def _purge(arguments: argparse.Namespace) -> None:
    from followups.ledger.purging import purge  # noqa: PLC0415

    gone = purge(open_ledger(arguments.conn_id), timedelta(days=arguments.days))
    print(
        f"forgotten: {gone.payloads} payloads, {gone.webhooks} webhooks, users of {gone.directories} accounts; "
        "states, reasons and ids stay"
    )


def _test(arguments: argparse.Namespace) -> None:
    good, found = _account(arguments).test_connection()
    if not good:
        raise ConfigurationError(f"connection {arguments.leadsquared_conn_id}: {found}")
    print(found)


def _rate(arguments: argparse.Namespace) -> None:
    from leadsquared.rate import open_throttle, status_lines  # noqa: PLC0415

    settings = _account(arguments).settings
    with open_throttle(settings, arguments.conn_id) as throttle:
        if arguments.forget_learned:
            for bucket in ("normal", "bulk"):
                throttle.forget_learned(bucket)
            print("what refusals taught is forgotten; the connection's limits hold again")
        print(f"account {settings.account}")
        for line in status_lines(throttle.status()):
            print(line)


def _account(arguments: argparse.Namespace) -> LeadSquaredHook:
    """Return the account's hook after ledger and connection were checked."""
    from leadsquared.hook import LeadSquaredHook  # noqa: PLC0415 - slow to import; migrations run at every start

    open_ledger(arguments.conn_id)
    hook = LeadSquaredHook(arguments.leadsquared_conn_id, ledger_conn_id=arguments.conn_id)
    try:
        _ = hook.settings
    except ConfigurationError as wrong:
        raise ConfigurationError(f"connection {arguments.leadsquared_conn_id}: {wrong}") from None
    return hook


_COMMANDS = {"migrate": _migrate, "check": _check, "test": _test, "rate": _rate, "purge": _purge}

if __name__ == "__main__":
    sys.exit(main())
