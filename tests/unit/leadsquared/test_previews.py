"""A preview counts everything, shows the first rows that are kept back, and no row's text."""

from __future__ import annotations

from collections import Counter

import pytest

from followups.ledger.preview import NotSent
from followups.planning.counts import PlanCounts, Preview
from leadsquared.connection import ConnectionSettings
from leadsquared.previews import mask_id, preview_lines

SETTINGS = ConnectionSettings.from_values(host="api.example.com", login="key", password="secret")


def test_run_that_sends_everything_says_that_nothing_is_left() -> None:
    lines = list(preview_lines(Preview(), PlanCounts(outcomes=Counter(new=2, again=1)), [], SETTINGS))
    assert lines[-1] == "not sent: 0 rows"


@pytest.mark.parametrize(
    ("followup_id", "shown"),
    [("f-1", "'f-1'"), ("a\nb", r"'a\nb'"), ("zeenat@example.com", "'ze…t@example.com'"), ("", "''")],
)
def test_id_is_shown_on_one_line_and_no_address_is(followup_id: str, shown: str) -> None:
    assert mask_id(followup_id) == shown


def test_rows_are_counted_by_reason_and_shown_by_id() -> None:
    counts = PlanCounts(outcomes=Counter({"new": 9, "invalid": 3, "with another run": 4}))
    counts.reasons.update({("invalid", "subject: missing"): 2, ("invalid", "due_at: missing"): 1})
    lines = list(preview_lines(Preview(), counts, [NotSent("f-1", "invalid", "subject: missing")], SETTINGS))
    assert lines[-6:] == [
        "not sent: 7 rows",
        "         4 with another run",
        "         2 invalid: subject: missing",
        "         1 invalid: due_at: missing",
        "of those that are kept back, the first 1:",
        "  'f-1' invalid: subject: missing",
    ]
