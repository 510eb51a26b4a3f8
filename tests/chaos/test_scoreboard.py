"""The document keeps what it says of a real Airflow, and names what failed."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.cases import sample
from tests.chaos.judge import Verdict
from tests.chaos.play import Played
from tests.chaos.scoreboard import Score, write

CLIENTS = [("this product", "5,000", "0", "0", "success")]
CONTROLS = [("fence", "38 doubled", "passes")]


def test_what_was_played_on_airflow_stays_until_it_is_played_again(tmp_path: Path) -> None:
    document = tmp_path / "chaos.md"
    write(document, Score(), "first", CLIENTS, CONTROLS, {"CeleryExecutor": [("played", "20,000 rows")]})
    write(document, Score(), "second", CLIENTS, CONTROLS, {})
    text = document.read_text()
    assert "`second`" in text
    assert text.count("| played | 20,000 rows |") == 1
    assert text.count("## ") == 4
    write(document, Score(), "third", CLIENTS, CONTROLS, {"CeleryExecutor": [("played", "30,000 rows")]})
    assert "20,000 rows" not in document.read_text()


def test_failing_cases_are_named_by_what_replays_them(tmp_path: Path) -> None:
    (case,) = sample(1, seed=3)
    score = Score()
    score.add(Played(case=case, verdict=Verdict(lost=["f-00001"])))
    write(tmp_path / "chaos.md", score, "command", CLIENTS, CONTROLS, {})
    assert f"--replay '{case.name}'`: duplicates 0 (ever 0), lost 1" in (tmp_path / "chaos.md").read_text()
