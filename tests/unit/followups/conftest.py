"""A folder of feed files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from followups.feeds import files


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write a feed file beside a query `visits.sql`; return its path."""
    (tmp_path / "visits.sql").write_text("SELECT 1", encoding="utf-8")
    monkeypatch.setattr(files, "sql_dir", lambda: tmp_path)

    def write(text: str | bytes, name: str = "visits.yaml") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write
