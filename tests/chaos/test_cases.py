"""Every row ends created once, or kept back with a true reason, whoever dies wherever: a sample of `make chaos`."""

from __future__ import annotations

import pytest

from followups.crash_points import POINTS
from tests.chaos.arena import Arena
from tests.chaos.cases import KILLS, NONE, Case, matrix, parse, sample, schedules
from tests.chaos.faults import FAULTS

pytestmark = [pytest.mark.slow, pytest.mark.alone]

CASES = [*sample(190, seed=7), *schedules(20, seed=7)]
CHUNK = 35
CHUNKS = [CASES[start : start + CHUNK] for start in range(0, len(CASES), CHUNK)]


@pytest.mark.parametrize("cases", CHUNKS, ids=lambda cases: f"{cases[0].seed}-{cases[-1].seed}")
def test_nothing_is_doubled_lost_or_mislabelled(arena: Arena, cases: list[Case]) -> None:
    if "postgresql" not in arena.stores:
        cases = [case for case in cases if case.store == "sqlite"]
    failing = [played for played in arena.play(cases) if not played.verdict.faultless]
    told = [f"{each.verdict}\n  python -m tests.chaos --replay '{each.case.name}'" for each in failing]
    assert not failing, "\n".join(told)


def test_the_sample_holds_every_point_kill_and_fault() -> None:
    assert {point for case in CASES for point in case.points} == {*POINTS}
    assert {kill for case in CASES for kill in case.kills} == {*KILLS}
    assert {fault for case in CASES for fault in case.faults} == {*FAULTS}


def test_two_seeds_of_the_matrix_are_every_combination_on_both_stores() -> None:
    cases = {(case.store, case.points, case.kills, case.faults) for seed in (0, 1) for case in matrix(seed)}
    assert len(cases) == 2 * len(FAULTS) * (len(POINTS) * len(KILLS) + 1)


def test_a_case_is_replayed_by_its_name() -> None:
    for case in [*sample(20, seed=3), *schedules(20, seed=3)]:
        assert parse(case.name) == case
        assert parse(case.name).heir == case.heir
    with pytest.raises(ValueError, match="no such case"):
        parse(f"sqlite/{NONE}/{NONE}/no such fault/0")
