"""What a database said when a feed's query failed: one error that names the place and the cure, and no row's values."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from followups.errors import PermanentError, TransientError


class QueryRefusedError(PermanentError):
    """The warehouse refuses the feed's query, and will again. The text says where to mend it."""


class WarehouseError(TransientError):
    """The warehouse did not answer the feed's query this time."""


_PRIVILEGE = "42501"
#: DuckDB's classes.
_WRONG_QUERY_NAMES = {"CatalogException", "BinderException", "ParserException", "SyntaxException"}
_NO_PRIVILEGE_NAMES = {"PermissionException"}
#: Classes that speak of the connection or the file.
_TOLD_NAMES = {"AirflowNotFoundException", "IOException", "OperationalError"}
#: How databases without SQLSTATE begin to say it: SQLite, BigQuery.
_WRONG_QUERY = re.compile(
    r'no such (table|column|function): |near ".*": syntax error|400 (Syntax error|Unrecognized name|Function not found)'
    r"|404 Not found: (Table|Dataset)"
)
_NO_PRIVILEGE = re.compile("403 Access Denied")
#: Classes of SQLSTATE whose words are about the server: connection, resources, an operator's hand.
_ABOUT_THE_SERVER = ("08", "53", "57")
_LONGEST = 300


@contextlib.contextmanager
def opening(source: str, conn_id: str) -> Iterator[None]:
    """Tell in the project's words why a database could not be opened; no row was read yet, so it is quoted."""
    try:
        yield
    except (PermanentError, TransientError):
        raise
    except Exception as error:
        raise WarehouseError(
            f"{source}: connection {conn_id} cannot be opened: {_words(error)}. "
            "Check that the database runs, and host, port, database and login of the connection"
        ) from None


@contextlib.contextmanager
def asking(source: str, conn_id: str) -> Iterator[None]:
    """Tell in the project's words why a query failed; the error itself is not shown, as it may quote rows."""
    try:
        yield
    except (PermanentError, TransientError):
        raise
    except Exception as error:
        raise _explained(error, source, conn_id) from None


def _explained(error: Exception, source: str, conn_id: str) -> Exception:
    where, name, code = f"{source}, by connection {conn_id}", type(error).__name__, _sqlstate(error)
    text = "" if code else str(error)
    if code == _PRIVILEGE or name in _NO_PRIVILEGE_NAMES or _NO_PRIVILEGE.match(text):
        return QueryRefusedError(
            f"{where}: no permission: {_words(error)}. Let the connection's user SELECT there, then run again"
        )
    if code.startswith("42") or name in _WRONG_QUERY_NAMES or _WRONG_QUERY.match(text):
        return QueryRefusedError(f"{where}: the query is wrong: {_words(error)}. Mend the query, then run again")
    said = f": {_words(error)}" if code.startswith(_ABOUT_THE_SERVER) else ""
    state = f", SQLSTATE {code}" if code else ""
    return WarehouseError(
        f"{where}: the query failed ({name}{state}){said}. It is tried again; "
        "if that does not help, run the query by hand: its own error may quote rows and is not shown here"
    )


def told(error: Exception) -> str:
    """Return an error's kind, with its words where they cannot be of rows."""
    if isinstance(error, PermanentError | TransientError):
        return str(error).rstrip(".")
    name, code = type(error).__name__, _sqlstate(error)
    if code:
        quoted = code.startswith(("42", *_ABOUT_THE_SERVER))
    else:
        named = name in _WRONG_QUERY_NAMES | _NO_PRIVILEGE_NAMES | _TOLD_NAMES
        quoted = named or bool(_WRONG_QUERY.match(str(error)) or _NO_PRIVILEGE.match(str(error)))
    state = f", SQLSTATE {code}" if code else ""
    return f"{name}{state}: {_words(error)}" if quoted else f"{name}{state}"


def _sqlstate(error: Exception) -> str:
    code = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    return code if isinstance(code, str) else ""


def _words(error: Exception) -> str:
    """Return the error's first words on one line, without the piece of the query that it shows."""
    text = " ".join(re.split(r"\n+LINE \d+:", str(error))[0].split())
    return text[:_LONGEST].rstrip(".") or type(error).__name__
