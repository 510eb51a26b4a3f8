"""An interrupted run goes on where it was, and its score is the same as if it had never been interrupted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.chaos.cases import sample
from tests.chaos.journal import Journal, remaining
from tests.chaos.judge import Verdict
from tests.chaos.play import Played
from tests.chaos.scoreboard import Score


def test_what_was_played_is_read_again_and_the_rest_remains(tmp_path: Path) -> None:
    cases = sample(5, seed=3)
    journal, score = Journal(tmp_path), Score()
    for case in cases[:3]:
        verdict = Verdict(states=Counter(created=39, held=1), lost=["f-00001"], settled_after=[1.25])
        played = Played(case=case, verdict=verdict, ends=["SIGKILL"], failures=[""], heirs=["ended"], seconds=2.5)
        journal.add(played)
        score.add(played)
    (path,) = tmp_path.iterdir()
    with path.open("a") as file:
        file.write('{"case": "sqlite/bef')  # cut short by a death
    read = list(Journal(tmp_path).read())
    assert remaining(cases, read) == cases[3:]
    again = Score()
    for each in read:
        again.add(each)
    assert again == score
    Journal(tmp_path).clear()
    assert list(Journal(tmp_path).read()) == []
