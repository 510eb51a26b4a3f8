"""What was played so far, a line a case, so that a long run that was interrupted goes on where it was.

A journal holds for the code that it was played with: other code, another journal.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.chaos.cases import Case, parse
from tests.chaos.judge import Verdict
from tests.chaos.play import Played
from tests.chaos.processes import MEASURED, ROOT

PLAYED_WITH = ("include/followups", "include/sandbox", "plugins", "tests/chaos")


class Journal:
    """The cases that were played with the code as it is now."""

    def __init__(self, folder: Path = MEASURED) -> None:
        self._path = folder / f"played-{_code()}.jsonl"

    def read(self) -> Iterator[Played]:
        """Yield what was played; a line that a death cut short counts for nothing."""
        if not self._path.exists():
            return
        for line in self._path.read_text().splitlines():
            with suppress(json.JSONDecodeError):
                yield _played(json.loads(line))

    def add(self, played: Played) -> None:
        """Write down one case."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            file.write(json.dumps({**_plain(played), "case": played.case.name}) + "\n")

    def played(self, cases: list[Case]) -> list[Played]:
        """Return what was played of these cases; where one was played again, the last time counts."""
        asked = {case.name for case in cases}
        return list({each.case.name: each for each in self.read() if each.case.name in asked}.values())


def remaining(cases: list[Case], played: list[Played]) -> list[Case]:
    """Return the cases that were not played yet."""
    done = {each.case.name for each in played}
    return [case for case in cases if case.name not in done]


def _plain(played: Played) -> dict[str, Any]:
    return {**vars(played), "verdict": vars(played.verdict)}


def _played(plain: dict[str, Any]) -> Played:
    verdict = plain["verdict"]
    for name in ("states", "calls", "faults"):
        verdict[name] = Counter(verdict[name])
    return Played(**{**plain, "case": parse(plain["case"]), "verdict": Verdict(**verdict)})


def _code() -> str:
    found = hashlib.sha256()
    for folder in PLAYED_WITH:
        for path in sorted((ROOT / folder).rglob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()[:12]
