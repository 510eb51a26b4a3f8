"""Feed files for tests, and what is said about wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from followups.feeds import FeedError, load_feed

GOOD = "start_date: 2031-01-01\nsql: visits.sql\n"


def error_of(path: Path) -> str:
    with pytest.raises(FeedError) as caught:
        load_feed(path)
    return str(caught.value)


def trouble_of(path: Path) -> str:
    """What is said about a feed file that need not be wrong; `none` about a good one."""
    try:
        load_feed(path)
    except FeedError as error:
        return str(error)
    return "none"
