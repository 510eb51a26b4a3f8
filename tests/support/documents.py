"""What measured documents have in common: where it was measured, and tables."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from typing import Any

Table = Sequence[Sequence[Any]]


def machine() -> str:
    """Return cores, memory and system; no names."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    gigabytes = pages * size / 2**30
    return f"{os.cpu_count()} cores, {gigabytes:.0f} GB, {platform.system()} {platform.release().split('-')[0]}, " + (
        f"Python {platform.python_version()}"
    )


def table(head: Sequence[str], rows: Table) -> list[str]:
    """Return the lines of a Markdown table."""
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(str(cell) for cell in row)} |" for row in rows),
    ]
