"""A run over rows that were delivered before: nothing is sent, and what did not change is not even read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from followups.ledger.preview import PreviewLedger
from followups.ledger.rows import Standing
from followups.planning.planner import Planner
from followups.rows import Candidate, Outline, Outlines, RowReader
from tests.contract.ledger_kit import REJECTED, counted, open_plan, plan, rows_of, send, states
from tests.support.follow_ups import build_payload, make_feed, make_reader, make_row, make_rows


class CountingReader:
    """Remembers which rows were read in full."""

    def __init__(self) -> None:
        self.reader: RowReader = make_reader()
        self.read_ids: list[str] = []

    def outlines(self, rows: Sequence[Mapping[str, Any]]) -> Outlines:
        return self.reader.outlines(rows)

    def read(self, rows: Sequence[Mapping[str, Any]], outlines: Sequence[Outline]) -> list[Candidate]:
        self.read_ids += [row["followup_id"] for row in rows]
        return self.reader.read(rows, outlines)


def rerun(engine: sa.Engine, *chunks: list[dict[str, Any]], **options: Any) -> tuple[dict[str, int], list[str]]:
    """Plan as another run; return the outcomes and the ids that were read."""
    ledger = open_plan(engine, "run-2")
    reader = CountingReader()
    planner = Planner(make_feed(), ledger, reader, build_payload, **options)
    for chunk in chunks:
        planner.add(chunk)
    return planner.finish().outcomes, reader.read_ids


@pytest.fixture
def delivered(engine: sa.Engine) -> sa.Engine:
    plan_id, _ = plan(engine, make_rows(60))
    send(engine, plan_id)
    return engine


def test_rows_that_did_not_change_are_not_read(delivered: sa.Engine) -> None:
    before = rows_of(delivered)
    assert rerun(delivered, make_rows(60)) == ({"already accepted": 60}, [])
    assert rows_of(delivered) == before


def test_changed_and_new_rows_are_read_among_others(delivered: sa.Engine) -> None:
    rows = [*make_rows(3), make_row("f-4", subject="other"), make_row("f-5", cancelled=True), make_row("new")]
    outcomes, read_ids = rerun(delivered, rows)
    assert outcomes == {"already accepted": 4, "already accepted, changed since": 1, "new": 1}
    assert read_ids == ["f-4", "f-5", "new"]


def test_repeated_rows_of_a_delivered_follow_up_are_told_apart_as_ever(delivered: sa.Engine) -> None:
    rows = [make_row("f-1"), make_row("f-1"), make_row("f-1", subject="other")]
    outcomes, _ = rerun(delivered, rows)
    assert outcomes == {"already accepted": 1, "repeated row": 1, "invalid": 1}
    outcomes, _ = rerun(delivered, rows[::-1])
    assert outcomes == {"already accepted, changed since": 1, "invalid": 1, "repeated row": 1}


def test_limit_counts_rows_as_they_come(delivered: sa.Engine) -> None:
    outcomes, _ = rerun(delivered, [make_row("new-1"), make_row("new-2"), *make_rows(3)], limit=1)
    assert outcomes == {"new": 1}


def test_rejected_rows_are_read_when_a_person_asks_for_them(engine: sa.Engine) -> None:
    plan_id, _ = plan(engine, make_rows(2))
    send(engine, plan_id, REJECTED)
    assert rerun(engine, make_rows(2)) == ({"already rejected": 2}, [])
    assert rerun(engine, make_rows(2), requeue="rejected") == ({"again": 2}, ["f-1", "f-2"])


def test_row_that_another_run_was_quicker_with_stays_its_own(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = open_plan(engine, "run-2")
    plan_id, _ = plan(engine, make_rows(1))
    monkeypatch.setattr(ledger, "standing", lambda *_: Standing({}, {}))
    planner = Planner(make_feed(), ledger, make_reader(), build_payload)
    planner.add([make_row("f-1", subject="late"), make_row("f-2")])
    planner.finish()
    assert states(engine) == {"f-1": "planned", "f-2": "planned"}
    assert [row["plan_id"] for row in rows_of(engine)] == [plan_id, ledger.plan_id]


def test_preview_of_delivered_rows_reads_none(delivered: sa.Engine) -> None:
    ledger = PreviewLedger(delivered, feed="visits", run_key="run-2", actor="run-2")
    ledger.open(kind="manual", mode="preview", window=None)
    # A preview's plan has the id 0, as no plan of the ledger has.
    reader = CountingReader()
    planner = Planner(make_feed(), ledger, reader, build_payload)
    planner.add(make_rows(60))
    assert (planner.finish().outcomes, reader.read_ids) == ({"already accepted": 60}, [])
    assert counted(delivered) == {"accepted": 60}
