"""Read feed files and their queries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml
from pydantic import ValidationError

from followups.errors import PermanentError
from followups.feeds.checks import file_problems, read_query_file
from followups.feeds.feed import Feed
from followups.feeds.fields import is_query_file
from followups.feeds.text import FeedText
from followups.feeds.trouble import Problem, explain, in_order, yaml_problem


class FeedError(PermanentError):
    """A feed file is wrong. The text names the file, the line, the field and the cure."""


def feeds_dir() -> Path:
    """The folder of the feed files that ship with the project."""
    return Path(__file__).resolve().parents[2] / "feeds"


def sql_dir() -> Path:
    """The folder of the feeds' queries."""
    return Path(__file__).resolve().parents[2] / "sql"


def feed_files(folder: Path) -> list[Path]:
    """Return a folder's feed files by name; also those that end in .yml, to be refused instead of overlooked."""
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in {".yaml", ".yml"})


def read_query(feed: Feed) -> str:
    """Return the text of the feed's query."""
    try:
        return read_query_file(sql_dir(), feed.sql)
    except ValueError as error:
        raise FeedError(f"{feed.name}.yaml: `sql`: {error}") from error


def load_feed(path: Path) -> Feed:
    """Read and check one feed file; all that is wrong is told at once, each on a line of its own."""
    text = _read(path)
    problems = [*file_problems(path, text), *_query_problems(text)]
    try:
        feed = Feed.model_validate({**text.content, "name": path.stem})
    except ValidationError as error:
        problems += explain(error, Feed, text)
    else:
        if not problems:
            return feed
    raise FeedError("\n".join(problem.told(path.name) for problem in in_order(problems)))


def load_feeds(folder: Path | None = None) -> list[Feed]:
    """Read every feed file of a folder, in the files' order by name."""
    return [load_feed(path) for path in feed_files(folder or feeds_dir())]


def _read(path: Path) -> FeedText:
    try:
        text = FeedText(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FeedError(f"{path.name}: no such feed file in {path.parent.name}; write it, or mend the name") from error
    except UnicodeDecodeError as error:
        raise FeedError(f"{path.name}: not UTF-8 text; save it as UTF-8") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FeedError(yaml_problem(error).told(path.name)) from error
    if not isinstance(text.content, dict):
        raise FeedError(f"{path.name}: a feed file holds fields such as `sql: appointments.sql`; this one holds none")
    return text


def _query_problems(text: FeedText) -> Iterator[Problem]:
    name = text.content.get("sql")
    if isinstance(name, str) and is_query_file(name):
        try:
            read_query_file(sql_dir(), name)
        except ValueError as error:
            yield Problem(text.line_of(["sql"]), f"`sql`: {error}")
