"""An interrupted run goes on where it was, and its score is the same as if it had never been interrupted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.chaos.cases import Case, sample
from tests.chaos.journal import Journal, remaining
from tests.chaos.judge import Verdict
from tests.chaos.play import Played
from tests.chaos.scoreboard import Score


def test_what_was_played_is_read_again_and_the_rest_remains(tmp_path: Path) -> None:
    cases = sample(5, seed=3)
    journal, score = Journal(tmp_path), Score()
    for case in cases[:3]:
        journal.add(played(case))
        score.add(played(case))
    again = Score()
    for each in Journal(tmp_path).played(cases):
        again.add(each)
    assert again == score
    assert remaining(cases, journal.played(cases)) == cases[3:]


def test_line_that_a_death_cut_short_costs_no_more_than_its_neighbour(tmp_path: Path) -> None:
    cases = sample(3, seed=3)
    Journal(tmp_path).add(played(cases[0]))
    (path,) = tmp_path.iterdir()
    with path.open("a") as file:
        file.write('{"case": "sqlite/bef')
    for case in cases[1:]:
        Journal(tmp_path).add(played(case))
    assert remaining(cases, Journal(tmp_path).played(cases)) == [cases[1]]


def test_only_the_asked_cases_count_and_the_last_play_of_each(tmp_path: Path) -> None:
    cases = sample(3, seed=3)
    for case in cases:
        Journal(tmp_path).add(played(case))
    Journal(tmp_path).add(played(cases[0], seconds=9))
    found = Journal(tmp_path).played(cases[:2])
    assert [(each.case, each.seconds) for each in found] == [(cases[0], 9), (cases[1], 2.5)]


def played(case: Case, seconds: float = 2.5) -> Played:
    verdict = Verdict(states=Counter(created=39, held=1), lost=["f-00001"], settled_after=[1.25])
    return Played(case=case, verdict=verdict, ends=["SIGKILL"], failures=[""], heirs=["ended"], seconds=seconds)
