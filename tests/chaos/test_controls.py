"""The cases would notice: each safeguard switched off, and each ordinary client, must be caught."""

from __future__ import annotations

import pytest

from tests.chaos.arena import Arena
from tests.chaos.controls import CLIENTS, MUTANT_CASES, NAIVE_FAULTS, play_client, play_mutant
from tests.chaos.mutants import MUTANTS

pytestmark = [pytest.mark.slow, pytest.mark.alone]


def test_every_safeguard_has_a_case_that_misses_it() -> None:
    assert {*MUTANTS} == {*MUTANT_CASES}


def test_each_safeguard_switched_off_is_caught(arena: Arena) -> None:
    controls = list(arena.each(list(MUTANT_CASES), play_mutant))
    missed = [control.mutant for control in controls if control.caught.verdict.faultless]
    unsound = [
        f"{control.mutant}: {control.sound.verdict}" for control in controls if not control.sound.verdict.faultless
    ]
    assert not missed
    assert not unsound


@pytest.mark.parametrize("client", CLIENTS)
def test_an_ordinary_client_doubles_rows_and_loses_some(arena: Arena, client: str) -> None:
    with arena.world() as world:
        verdict, _ = play_client(client, world, 120, NAIVE_FAULTS)
    assert verdict.duplicates or verdict.lost
