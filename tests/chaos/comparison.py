"""The same rows under the same everyday faults: ordinary clients, and this product."""

from __future__ import annotations

from typing import Final

from tests.chaos.actors import work
from tests.chaos.cases import Case
from tests.chaos.controls import CLIENTS, play_client
from tests.chaos.judge import judge
from tests.chaos.orders import Order
from tests.chaos.processes import Actor
from tests.chaos.world import World

EVERYDAY: Final = (
    "drop_reply_after_commit probability=0.03 seed=1",
    "html500_after_commit probability=0.03 seed=2",
    "rate_error_in_200 probability=0.02 seed=3",
    "reset probability=0.01 seed=4",
    "hang probability=0.01 seed=5",
)
SECONDS: Final = 180.0


def compare_clients(world: World, rows: int) -> list[tuple[str, ...]]:
    """Return a line for each client."""
    lines = []
    for client, title in CLIENTS.items():
        verdict, told = play_client(client, world, rows, EVERYDAY)
        said = "success" if told else "failure"
        lines.append((title, f"{rows:,}", f"{verdict.duplicates:,}", f"{len(verdict.lost):,}", said))
    return [*lines, _ours(world, rows)]


def _ours(world: World, rows: int) -> tuple[str, ...]:
    world.reset("sqlite", rows=rows, heal=False)
    world.sandbox.faults(*EVERYDAY)
    actor = Actor(
        work, Order(environment=world.environment(), folder=str(world.folder), run_id="run", attempts=4, reconcile=True)
    )
    end = actor.wait(SECONDS)
    failed = actor.told.get("failed", "")
    actor.end()
    case = Case(store="sqlite", points=("none",), kills=("none",), faults=("none",), options=(("rows", str(rows)),))
    verdict = judge(case, world, None)
    wrong = len(verdict.lost) + len(verdict.mislabelled) + verdict.unfinished
    said = "success" if end == "ended" and not failed else f"{end} {failed}"
    return "**this product**", f"{rows:,}", f"**{verdict.duplicates}**", f"**{wrong}**", said
