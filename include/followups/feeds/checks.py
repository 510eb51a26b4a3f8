"""What a feed's model cannot see: its file's name, fields given twice, the file of its query."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from followups.feeds.text import FeedText
from followups.feeds.trouble import Problem
from followups.suggestions import hint

SUFFIX = ".yaml"
#: Names whose DAG ids are taken by DAGs that are no feeds.
RESERVED = frozenset({"broken_feeds", "reconcile", "undo"})


def file_problems(path: Path, text: FeedText) -> Iterator[Problem]:
    """Yield what is wrong with a feed file as a file."""
    if path.suffix != SUFFIX:
        yield Problem(None, f"feed files end in {SUFFIX}; rename this one to {path.stem}{SUFFIX}")
    if path.stem in RESERVED:
        yield Problem(
            None,
            f"its DAG would be leadsquared_{path.stem}, which there is for another purpose; rename the file, "
            f"for example to {path.stem}_visits{SUFFIX}",
        )
    if text.content.get("name", path.stem) != path.stem:
        yield Problem(text.line_of(["name"]), "`name` differs from the file's name: leave it out, or rename the file")
    for name, first_line, line in text.repeated:
        yield Problem(line, f"`{name}`: given twice, on line {first_line} and on line {line}; remove one of them")


def read_query_file(folder: Path, name: str) -> str:
    """Return the query in a file of the folder.

    :raises ValueError: there is none; the text says what to do.
    """
    where = f"include/sql/{name}"
    try:
        query = (folder / name).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{where} is not UTF-8 text; save it as UTF-8") from error
    except (OSError, ValueError) as error:
        there = [path.relative_to(folder).as_posix() for path in folder.rglob("*.sql")]
        raise ValueError(f"no query at {where}{hint(name, there, 'write it there, or name one of')}") from error
    if not query.strip():
        raise ValueError(f"{where} is empty; write the query there")
    return query
