"""What all cases came to, on the screen and in include/docs/chaos.md."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.cases import NONE
from tests.chaos.orders import LEASE_SECONDS, SETTLE_SECONDS
from tests.chaos.play import Played
from tests.support.documents import Table, machine, table

ON_AIRFLOW = "## On a real Airflow"
LOOKUPS = ("Task.svc/RetrieveAppointments", "Task.svc/RetrieveToDos")


@dataclass(kw_only=True)
class Score:
    """Sums over cases."""

    runs: int = 0
    rows: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    healed: int = 0
    lost: int = 0
    mislabelled: int = 0
    unfinished: int = 0
    settled_after: list[float] = field(default_factory=list)
    lookups: int = 0
    failing: list[Played] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, played: Played) -> None:
        """Take one case in."""
        verdict, case = played.verdict, played.case
        self.runs += 1
        self.rows += case.rows
        for point, kill, end, failure in zip(case.points, case.kills, played.ends, played.failures, strict=False):
            if point != NONE and (end not in {"ended", "runs"} or failure):
                self.kills[kill] += 1
        self.faults.update(verdict.faults)
        self.states.update(verdict.states)
        self.duplicates += verdict.duplicates
        self.healed += verdict.duplicates_ever - verdict.duplicates
        self.lost += len(verdict.lost)
        self.mislabelled += len(verdict.mislabelled)
        self.unfinished += verdict.unfinished
        self.settled_after += verdict.settled_after
        self.lookups += sum(count for name, count in verdict.calls.items() if name.startswith(LOOKUPS))
        if not verdict.faultless:
            self.failing.append(played)

    def lines(self) -> list[tuple[str, str]]:
        """Return what is measured, line by line."""
        settled = sorted(self.settled_after)
        p99 = settled[int(len(settled) * 0.99)] if settled else 0.0
        median = statistics.median(settled) if settled else 0.0
        return [
            ("runs", f"{self.runs:,} over {self.rows:,} rows"),
            ("deaths and stops", f"{self.kills.total():,}: {_words(self.kills)}"),
            ("server faults injected", f"{self.faults.total():,} of {len(self.faults)} kinds of reply, and switches"),
            ("**duplicates**", f"**{self.duplicates}** ({self.healed} made by senders that woke up late, and healed)"),
            ("**lost**", f"**{self.lost}**"),
            ("**mislabelled**", f"**{self.mislabelled}**"),
            ("not settled at the end", str(self.unfinished)),
            ("rows that were unknown and got settled", f"{len(settled):,}"),
            (
                "settled after recovery",
                f"median {median:.1f} s, p99 {p99:.1f} s, at a settle time of {SETTLE_SECONDS} s",
            ),
            (
                "read-back calls per 1,000 rows",
                f"{1000 * self.lookups / max(self.rows, 1):.0f} (runs of 40 or 120 rows)",
            ),
            ("rows by final state", _words(self.states)),
        ]


def _words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items(), key=lambda pair: -pair[1])) or "none"


#: What was measured on a real Airflow, by executor.
Airflow = Mapping[str, Sequence[tuple[str, str]]]


def write(path: Path, score: Score, command: str, clients: Table, controls: Table, airflow: Airflow) -> None:
    """Write the document."""
    lines = [
        "# Exactly once: the scoreboard",
        "",
        f"Written by `{command}` on {datetime.now(UTC):%Y-%m-%d} ({machine()}). Each run is real processes of the "
        "product's own code against the sandbox, whose own record is the judge; the client's log counts for nothing. "
        f"Times are the product's made short: lease {LEASE_SECONDS} s, settle time {SETTLE_SECONDS} s.",
        "",
        *table(("measure", "value"), score.lines()),
        "",
        *_failing(score.failing),
        "## Beside ordinary clients",
        "The same rows under the same faults: 3 % of replies lost after the commit, 3 % HTML 500 after the commit, 2 % "
        "rate errors inside HTTP 200, 1 % resets and 1 % hangs. Nobody is killed here.",
        "",
        *table(("client", "rows", "duplicated", "missing", "what it said"), clients),
        "",
        "## Negative controls",
        "The same cases with one safeguard switched off must fail, or they would prove nothing.",
        "",
        *table(("switched off", "with it off", "with it on"), controls),
        "",
        *(_on_airflow(airflow) or _kept(path)),
        "## Read more",
        "`python -m tests.chaos --list` names all points, kills and faults; a case that fails prints the command that "
        "replays it.",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _failing(failing: Sequence[Played]) -> list[str]:
    """Name the cases that failed, by what replays them."""
    if not failing:
        return []
    replays = [f"- `python -m tests.chaos --replay '{played.case.name}'`: {played.verdict}" for played in failing]
    return [f"**{len(failing)} cases failed:**", "", *replays, ""]


def _kept(path: Path) -> list[str]:
    """Return what the document says of a real Airflow, which is played seldom and elsewhere."""
    before = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    if ON_AIRFLOW not in before:
        return []
    section = before[before.index(ON_AIRFLOW) :]
    ends = next((place for place, line in enumerate(section[1:], 1) if line.startswith("## ")), len(section))
    return section[:ends]


def _on_airflow(airflow: Airflow) -> list[str]:
    if not airflow:
        return []
    measures = {name: None for lines in airflow.values() for name, _ in lines}
    by_executor = [dict(lines) for lines in airflow.values()]
    rows = [(name, *(lines.get(name, "") for lines in by_executor)) for name in measures]
    return [
        ON_AIRFLOW,
        "`make chaos ARGS=--airflow`: a night's runs of both feeds while processes are sent SIGKILL, under the same "
        "faults as above; then failed runs are cleared, and reconcile goes on until nothing is open.",
        "",
        *table(("measure", *airflow), rows),
        "",
    ]
