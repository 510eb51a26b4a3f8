"""What stands on an Airflow run's note: our lines among a person's own words, which stay.

Airflow shows a note's first line as it is written, and the rest as Markdown once somebody opens it.
"""

from __future__ import annotations

import re

from followups.ledger.overview import RunView

#: Airflow keeps no more.
MAX_NOTE = 1000
MAX_REASONS = 4
FIRST_WORD = "LeadSquared: "
LINK_TEXT = "Every row of this run"
#: Our lines, from the first to the link, wherever a person has left them.
_OURS = re.compile(rf"^{FIRST_WORD}.*?^\[{LINK_TEXT}\]\([^)\n]*\)", re.DOTALL | re.MULTILINE)
_MARKUP = str.maketrans(dict.fromkeys("[]()<>*_`|#\\\n", " "))


def summary(view: RunView, link: str) -> str:
    """Return a run in a few lines of Markdown, at whose end is the link to its page."""
    lines = [FIRST_WORD + _head(view)]
    states = ", ".join(f"{count:,} {state}" for state, count in view.report.states.most_common())
    late = f", {view.report.late:,} of them before the run's interval" if view.report.late else ""
    lines.append(f"{states or 'nothing to send'}; {view.report.due:,} due{late}")
    if view.calls_all:
        lines.append(f"{sum(view.report.calls.values()):,} calls, {view.lookups:,} look-ups")
    reasons = view.report.reasons.most_common(MAX_REASONS)
    shown = "\n".join(f"- {count:,} {state}: {_plain(reason)}" for (state, reason), count in reasons)
    return "\n\n".join([*lines, *([shown] if shown else []), f"[{LINK_TEXT}]({link})"])


def merged(note: str | None, ours: str) -> str | None:
    """Return the note with our lines in their place, or at its end; None where they do not fit."""
    note = note or ""
    found = _OURS.search(note)
    before, after = (note[: found.start()], note[found.end() :]) if found else (f"{note}\n\n" if note else "", "")
    room = MAX_NOTE - len(before) - len(after)
    text = _shortened(ours, room)
    return None if text is None else f"{before}{text}{after}"


def _shortened(ours: str, room: int) -> str | None:
    """Return our lines without as many of the last ones before the link as do not fit."""
    *lines, link = ours.split("\n\n")
    while lines and len(text := "\n\n".join([*lines, link])) > room:
        lines.pop()
    return text if lines else None


def _head(view: RunView) -> str:
    at = f"{view.now:%H:%M:%S} UTC"
    if view.ended_at is not None:
        created = view.report.states["created"]
        took = _duration((view.ended_at - view.began_at).total_seconds())
        return f"{created:,} of {view.report.rows:,} rows created, ended {view.ended_at:%H:%M:%S} UTC after {took}"
    if not view.planned:
        return f"planning, {at}"
    if view.calls_done < view.calls_all:
        left = f"about {_duration(view.seconds_left)} left" if view.seconds_left else "waiting"
        return f"{view.calls_done:,} of {view.calls_all:,} batches sent, {view.rate:.1f} calls a second, {left}, {at}"
    return f"all {view.calls_all:,} batches sent, verifying, {at}"


def _duration(seconds: float | None) -> str:
    whole = round(seconds or 0)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min" if whole < 7200 else f"{whole / 3600:.1f} h"


def _plain(text: str) -> str:
    return " ".join(text.translate(_MARKUP).split())[:120]
