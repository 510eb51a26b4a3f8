"""What a run came to, for people and for the run's colour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from followups.errors import PermanentError
from followups.feeds import Thresholds
from followups.model import State
from followups.schema import HELD_CHANGE, OPEN_CHANGES

MAX_REASONS_SHOWN = 20
#: LeadSquared may name an id in each row's reason; XCom and the page take the most frequent.
MAX_REASONS_KEPT = 200
WITH_ANOTHER_RUN = "with another run"


class ThresholdError(PermanentError):
    """The run's result exceeds what the feed allows. Every row is recorded; nothing is lost.

    :param report: the run's report, for those who are told.
    """

    def __init__(self, text: str, report: RunReport | None = None) -> None:
        super().__init__(text)
        self.report = report


@dataclass(kw_only=True)
class RunReport:
    """Every row of a run under its state; `reasons` for those that are not simply delivered."""

    due: int = 0
    #: of the rows due, those of days that earlier scheduled runs covered; most were settled then
    late: int = 0
    leftovers: int = 0
    states: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: Rows of the window that were settled before, or are another run's.
    before: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    #: calls spent on read-back
    lookups: int = 0
    #: What rows were checked against before they were sent, and how old that was.
    directory: str | None = None
    #: When the run last found the account's calls of the day used up, and until when.
    quota: tuple[datetime, datetime] | None = None
    #: (kind, state, reason) of the changes to CRM tasks that the run asked for
    changes: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    @property
    def rows(self) -> int:
        """Rows that this run had to do with itself."""
        return self.states.total()

    def as_json(self) -> dict[str, Any]:
        """Return plain values for XCom and the page; of very many reasons the most frequent."""
        return {
            "due": self.due,
            "late": self.late,
            "leftovers": self.leftovers,
            "states": dict(self.states),
            "before": dict(self.before),
            "calls": dict(self.calls),
            "lookups": self.lookups,
            "directory": self.directory,
            "quota": None if self.quota is None else [moment.isoformat() for moment in self.quota],
            "changes": [[*what, count] for what, count in self.changes.most_common(MAX_REASONS_KEPT)],
            "reasons": [[*what, count] for what, count in self.reasons.most_common(MAX_REASONS_KEPT)],
            "more_reasons": max(len(self.reasons) - MAX_REASONS_KEPT, 0),
        }

    def lines(self) -> list[str]:
        """Return the report as text, a line each."""
        late = f" ({self.late} of them before the run's interval)" if self.late else ""
        lines = [f"{self.due} rows due{late}, {self.leftovers} left over from earlier runs"]
        lines += [f"  {count:>8} {state}" for state, count in self.states.most_common()]
        lines += [f"  {count:>8} {what}" for what, count in self.before.most_common()]
        if self.calls:
            made = ", ".join(f"{count} {outcome}" for outcome, count in self.calls.most_common())
            lines.append(f"calls: {made}; {self.lookups} look-ups to verify them")
        if self.directory:
            lines.append(f"rows were checked against {self.directory}")
        if self.quota:
            lines.append(self._quota_line(*self.quota))
        for (kind, state, reason), count in self.changes.most_common(MAX_REASONS_SHOWN):
            lines.append(f"  {count:>8} {kind} {state}{f': {reason}' if reason else ''}")
        shown = self.reasons.most_common(MAX_REASONS_SHOWN)
        lines += [f"  {count:>8} {state}: {reason}" for (state, reason), count in shown if reason]
        if len(self.reasons) > MAX_REASONS_SHOWN:
            lines.append(f"  and {len(self.reasons) - MAX_REASONS_SHOWN} more reasons, in the ledger")
        return lines

    def _quota_line(self, reached: datetime, resets: datetime) -> str:
        planned = self.states[State.PLANNED]
        rest = f"{planned} rows stay planned until" if planned else "the run went on after"
        return f"daily quota reached at {reached:%Y-%m-%d %H:%M} UTC: {rest} {resets:%Y-%m-%d %H:%M} UTC"


def build_report(
    plan_counts: Sequence[Mapping[str, Any]],
    sent: Counter[tuple[str, str]],
    calls: Counter[str],
    lookups: int = 0,
    quota: tuple[datetime, datetime] | None = None,
    changes: Mapping[tuple[str, str, str], int] | None = None,
) -> RunReport:
    """Put a run's report together from what its plans counted and where its batches' rows stand now.

    A retried plan reads its window again, so the last plan says what was due; rows kept back count once.
    """
    report = RunReport(calls=calls, lookups=lookups, quota=quota, changes=Counter(changes or {}))
    for (state, reason), count in sent.items():
        report.states[state] += count
        if state not in {State.CREATED, State.ACCEPTED, State.PLANNED}:
            report.reasons[state, reason] += count
    kept_back = {State.INVALID, State.HELD, State.CANCELLED}
    for counts in plan_counts:
        report.due = counts["due"]
        report.late = counts.get("late", 0)
        report.directory = counts.get("directory")
        report.leftovers += counts["leftovers"]
        report.before = Counter()
        for outcome, count in counts["outcomes"].items():
            if outcome in kept_back:
                report.states[outcome] += count
            elif outcome not in {"new", "again"}:
                report.before[outcome] += count
        for state, reason, count in counts["reasons"]:
            report.reasons[state, reason] += count
    return report


def check_thresholds(report: RunReport, thresholds: Thresholds, *, verified: bool) -> None:
    """Raise ThresholdError where the run must not end green; `verified` tells that accepted is not the last word."""
    # Rows that were settled before, or are another run's, count too: else the few that are left would look like all.
    # Those of days that were covered before do not: a day of bad rows would hide among them.
    rows = max(report.rows, report.due - report.late, 1)
    problems = []
    for state, allowed in (
        (State.INVALID, thresholds.max_invalid_share),
        (State.REJECTED, thresholds.max_rejected_share),
    ):
        share = report.states[state] / rows
        if allowed is not None and share > allowed:
            problems.append(f"{report.states[state]} of {rows} rows are {state} ({share:.1%}, allowed {allowed:.1%})")
    unknown = report.states[State.UNKNOWN]
    if thresholds.max_unknown is not None and unknown > thresholds.max_unknown:
        problems.append(f"{unknown} rows are unknown (allowed {thresholds.max_unknown})")
    unsent = report.states[State.PLANNED] + report.states[State.SENDING]
    if unsent:
        why = f", the daily quota is used up until {report.quota[1]:%Y-%m-%d %H:%M} UTC" if report.quota else ""
        problems.append(f"{unsent} rows are still planned or under way{why}: the next run goes on with them")
    if verified and report.states[State.ACCEPTED]:
        problems.append(f"{report.states[State.ACCEPTED]} accepted rows could not be verified yet")
    changing = sum(count for (_, state, _), count in report.changes.items() if state in OPEN_CHANGES)
    if changing:
        problems.append(f"{changing} CRM tasks are still to be changed: leadsquared_reconcile goes on with them")
    held = sum(count for (_, state, _), count in report.changes.items() if state == HELD_CHANGE)
    if held:
        problems.append(f"{held} changes to CRM tasks wait for an approval that was never asked for: the next run asks")
    if problems:
        raise ThresholdError("; ".join(problems) + ". Every row is in the ledger with its reason.", report)
