"""A run's report accounts for every row, and gives the run its colour."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from followups.feeds import Thresholds
from followups.model import State
from followups.report import RunReport, ThresholdError, build_report, check_thresholds

STRICT = Thresholds(max_invalid_share=0.1, max_rejected_share=0.05)
LAX = Thresholds(max_invalid_share=None, max_rejected_share=None, max_unknown=None)


def plan_counts(**changes: Any) -> dict[str, Any]:
    return {"due": 0, "leftovers": 0, "outcomes": {}, "reasons": [], **changes}


def states(**counts: int) -> RunReport:
    return RunReport(states=Counter(counts))


def test_every_row_is_under_its_state_or_said_to_be_settled_before() -> None:
    counts = plan_counts(
        due=10,
        outcomes={"new": 5, "again": 1, "invalid": 2, "already created": 1, "with another run": 1},
        reasons=[["invalid", "subject: missing", 2]],
    )
    report = build_report([counts], Counter({("created", ""): 5, ("rejected", "MX: no"): 1}), Counter(accepted=1))
    assert report.states == {"created": 5, "rejected": 1, "invalid": 2}
    assert report.before == {"already created": 1, "with another run": 1}
    assert report.rows + report.before.total() == report.due
    assert report.reasons == {("invalid", "subject: missing"): 2, ("rejected", "MX: no"): 1}


def test_retried_plan_says_what_was_due_and_rows_kept_back_count_once() -> None:
    first = plan_counts(due=3, outcomes={"new": 2, "invalid": 1}, reasons=[["invalid", "x", 1]])
    second = plan_counts(due=3, leftovers=1, outcomes={"again": 2, "already invalid": 1})
    report = build_report([first, second], Counter({("accepted", ""): 2}), Counter())
    assert (report.due, report.leftovers, report.states) == (3, 1, {"accepted": 2, "invalid": 1})
    assert report.before == {"already invalid": 1}


def test_report_survives_xcom_and_shows_reasons_the_most_frequent_first() -> None:
    report = RunReport(due=3, states=Counter(invalid=3), reasons=Counter({("invalid", "a"): 1, ("invalid", "b"): 2}))
    assert report.as_json()["reasons"] == [["invalid", "b", 2], ["invalid", "a", 1]]
    lines = report.lines()
    assert lines[0] == "3 rows due, 0 left over from earlier runs"
    assert lines.index("         2 invalid: b") < lines.index("         1 invalid: a")


def test_report_stays_small_where_every_row_has_a_reason_of_its_own() -> None:
    sent = Counter({("rejected", f"lead {number} is not there"): 1 for number in range(1000)})
    sent["rejected", "often"] = 5
    report = build_report([], sent, Counter()).as_json()
    assert report["reasons"][0] == ["rejected", "often", 5]
    assert (len(report["reasons"]), report["more_reasons"]) == (200, 801)
    assert report["states"] == {"rejected": 1005}


def test_long_list_of_reasons_is_cut_and_says_so() -> None:
    report = RunReport(reasons=Counter({("invalid", f"reason {number}"): 1 for number in range(25)}))
    assert report.lines()[-1] == "  and 5 more reasons, in the ledger"


def test_all_delivered_is_green() -> None:
    check_thresholds(states(created=100), Thresholds(), verified=True)
    check_thresholds(RunReport(), Thresholds(), verified=True)


@pytest.mark.parametrize(
    ("report", "problem"),
    [
        (states(created=80, invalid=20), "20 of 100 rows are invalid (20.0%, allowed 10.0%)"),
        (states(created=90, rejected=10), "10 of 100 rows are rejected (10.0%, allowed 5.0%)"),
        (states(created=99, unknown=1), "1 rows are unknown (allowed 0)"),
        (states(created=99, planned=1), "1 rows are still planned or under way: the next run goes on with them"),
        (states(created=99, sending=1), "1 rows are still planned or under way: the next run goes on with them"),
        (states(accepted=2), "2 accepted rows could not be verified yet"),
    ],
)
def test_run_that_exceeds_what_the_feed_allows_fails_and_says_why(report: RunReport, problem: str) -> None:
    with pytest.raises(ThresholdError) as caught:
        check_thresholds(report, STRICT, verified=True)
    assert str(caught.value) == f"{problem}. Every row is in the ledger with its reason."


def test_share_that_is_just_allowed_is_green() -> None:
    check_thresholds(states(created=85, invalid=10, rejected=5), STRICT, verified=True)


def test_shares_are_of_all_rows_that_were_due() -> None:
    few_left = RunReport(due=815, states=Counter(invalid=10), before=Counter({"with another run": 780}))
    check_thresholds(few_left, STRICT, verified=True)


def test_shares_are_not_of_rows_whose_days_were_covered_before() -> None:
    counts = plan_counts(due=20, late=10, outcomes={"invalid": 10, "already created": 10})
    report = build_report([counts], Counter(), Counter())
    assert report.lines()[0] == "20 rows due (10 of them before the run's interval), 0 left over from earlier runs"
    with pytest.raises(ThresholdError, match="10 of 10 rows are invalid"):
        check_thresholds(report, Thresholds(), verified=True)


def test_thresholds_that_are_null_never_fail_but_unsent_rows_always_do() -> None:
    check_thresholds(states(invalid=9, rejected=9, unknown=9, held=9), LAX, verified=True)
    with pytest.raises(ThresholdError):
        check_thresholds(states(planned=1), LAX, verified=True)


def test_accepted_is_the_last_word_where_the_feed_does_not_verify() -> None:
    check_thresholds(states(accepted=2), LAX, verified=False)


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(ThresholdError, match=r"invalid .*; .* rejected .*; .* unknown .*; .* planned"):
        check_thresholds(states(invalid=1, rejected=1, unknown=1, planned=1), STRICT, verified=True)


def test_settled_states_need_no_reason_in_the_report() -> None:
    sent = Counter({(str(State.CREATED), "seen"): 1, (str(State.PLANNED), ""): 1, (str(State.HELD), "why"): 1})
    assert build_report([], sent, Counter()).reasons == {("held", "why"): 1}
