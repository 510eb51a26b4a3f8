"""What went wrong with a command, in one line: what, where, and what to do."""

from __future__ import annotations

import sqlalchemy as sa
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from followups.errors import PermanentError, TransientError
from leadsquared.databases import ledger_url

#: What a person can mend; anything else is a mistake in the code and keeps its traceback.
EXPLAINED = (AirflowNotFoundException, PermanentError, TransientError, sa.exc.SQLAlchemyError)


def one_line(error: Exception, ledger_conn_id: str) -> str:
    """Return the line to print for one of the errors in EXPLAINED."""
    if isinstance(error, AirflowNotFoundException):
        return (
            f"{error}, or cannot be read: set it in the environment (AIRFLOW_CONN_ and the id in capitals; "
            '`eval "$(make -s env)"` sets the usual ones), in Airflow\'s UI or in your secrets backend.'
        )
    if isinstance(error, sa.exc.SQLAlchemyError):
        return (
            f"The ledger (connection {ledger_conn_id}, {_place(ledger_conn_id)}) gave an error: {_words(error)}. "
            "Check that the database is there and running, and the connection's host, port, login and rights."
        )
    return " ".join(str(error).split())


def _place(conn_id: str) -> str:
    url = ledger_url(BaseHook.get_connection(conn_id))
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return f"{url.host or 'the local socket'}:{url.port}/{url.database or ''}"


def _words(error: sa.exc.SQLAlchemyError) -> str:
    """Return the driver's first line: those after it, and errors about values, may hold a row's."""
    if not isinstance(error, sa.exc.DBAPIError) or isinstance(error, sa.exc.DataError | sa.exc.IntegrityError):
        return type(error).__name__
    return (str(error.orig).splitlines() or [type(error.orig).__name__])[0].rstrip(".")
