"""The note of a run: our lines are renewed in their place, a person's words stay as they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from followups.ledger.overview import RunView
from followups.notes import FIRST_WORD, MAX_NOTE, merged, summary
from followups.report import RunReport

NOW = datetime(2031, 4, 1, 6, 0, tzinfo=UTC)
LINK = "/leadsquared/page/#/run/leadsquared_visits/manual__1"
VIEW = RunView(
    feed="visits", run_id="manual__1", plan_id=1, kind="manual", mode="send", window=(None, None),
    began_at=NOW - timedelta(seconds=40), ended_at=None, now=NOW, planned=True,
    report=RunReport(due=1000, states=Counter({"planned": 900, "accepted": 50, "invalid": 50}),
                     reasons=Counter({("invalid", "subject: missing"): 50}), calls=Counter({"accepted": 1})),
    calls_all=19, calls_done=1, rate=5.0, seconds_left=3.6, lookups=2,
)  # fmt: skip
OURS = summary(VIEW, LINK)
ENDED = summary(replace(VIEW, ended_at=NOW), LINK)


def test_first_line_tells_how_far_the_run_is() -> None:
    assert OURS.split("\n")[0] == (
        "LeadSquared: 1 of 19 batches sent, 5.0 calls a second, about 4 s left, 06:00:00 UTC"
    )
    assert ENDED.split("\n")[0] == "LeadSquared: 0 of 1,000 rows created, ended 06:00:00 UTC after 40 s"
    assert summary(replace(VIEW, planned=False), LINK).startswith("LeadSquared: planning")
    assert summary(replace(VIEW, calls_done=19), LINK).startswith("LeadSquared: all 19 batches sent, verifying")
    assert summary(replace(VIEW, seconds_left=None), LINK).split(", ")[2] == "waiting"


def test_rest_tells_states_spending_reasons_and_where_to_look() -> None:
    assert "900 planned, 50 accepted, 50 invalid; 1,000 due" in OURS
    late = replace(VIEW, report=replace(VIEW.report, late=400))
    assert "1,000 due, 400 of them before the run's interval" in summary(late, LINK)
    assert "1 calls, 2 look-ups" in OURS
    assert "- 50 invalid: subject: missing" in OURS
    assert OURS.endswith(f"]({LINK})")


def test_reasons_cannot_make_links_or_lines() -> None:
    hostile = "[click](http://evil.example)\n# Huge `x` <b>"
    report = replace(VIEW.report, reasons=Counter({("rejected", hostile): 1}))
    text = summary(replace(VIEW, report=report), LINK)
    assert "- 1 rejected: click http://evil.example Huge x b\n" in text


def test_our_lines_are_renewed_where_they_stand() -> None:
    first = merged(None, OURS)
    assert first == OURS
    assert merged(first, ENDED) == ENDED
    between = f"Asked Priya.\n\n{OURS}\n\nShe will look tomorrow."
    assert merged(between, ENDED) == f"Asked Priya.\n\n{ENDED}\n\nShe will look tomorrow."


@given(before=st.text(max_size=1000), after=st.text(max_size=300))
def test_words_of_a_person_are_never_lost(before: str, after: str) -> None:
    if FIRST_WORD in before or FIRST_WORD in after:
        return
    note = merged(before, OURS)
    if note is None:
        return
    assert note.startswith(before)
    assert len(note) <= MAX_NOTE
    again = merged(f"{note}\n{after}"[:MAX_NOTE], ENDED)
    assert again is None or (before in again and after[: MAX_NOTE - len(note) - 1] in again)


def test_long_words_of_a_person_leave_no_room_and_stay() -> None:
    assert merged("x" * 999, OURS) is None
    short = merged("x" * 700, OURS)
    assert short is not None
    assert short.endswith(f"]({LINK})")
    assert FIRST_WORD in short
