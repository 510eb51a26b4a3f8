"""What must fail: each safeguard switched off, and each ordinary client, with the cases that tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.chaos.cases import parse
from tests.chaos.judge import Verdict, judge_client, markers
from tests.chaos.naive import NaiveOrder, send
from tests.chaos.play import MOST_PLAYS, Played, play
from tests.chaos.processes import Actor
from tests.chaos.world import World

#: Mutant, and the case that catches it; the same case without the mutant must pass.
MUTANT_CASES: Final = {
    "no intent": "sqlite/after reply/SIGKILL/none/1/phase=send,nth=1,rows=40,heir=retry",
    "no fence": (
        "sqlite/after reply+headers sent/SIGSTOP+SIGSTOP/rate error in 200/1/"
        "phase=send,nth=1,rows=40,heir=retry,early=yes,heal=no,verify=no,when=calls=1"
    ),
    "no settle time": "sqlite/none/none/reply lost after+lookup lag/1/rows=40,when=calls=1",
    "all absent": "sqlite/none/none/reply lost after/1/rows=40,when=calls=1",
    "all present": "sqlite/none/none/reply lost before/1/rows=40,when=calls=1",
    "no lease check": "sqlite/body sent/SIGKILL/none/1/phase=send,nth=1,rows=40,heir=retry",
}
CLIENTS: Final = {"tenacity": "requests with tenacity", "provider": "HTTP provider's async hook"}
#: Faults under which every ordinary client must go wrong.
NAIVE_FAULTS: Final = ("drop_reply_after_commit calls=1", "rate_error_in_200 calls=2")


@dataclass(kw_only=True)
class Control:
    """A mutant's case, played with and without the mutant."""

    mutant: str
    caught: Played
    sound: Played


def play_mutant(name: str, world: World) -> Control:
    """Play a mutant's case with the safeguard off, and on; off up to three times: a busy machine may hide a race."""
    case = MUTANT_CASES[name]
    for _ in range(MOST_PLAYS):
        caught = play(parse(f"{case},mutant={name}"), world)
        if not caught.verdict.faultless:
            break
    return Control(mutant=name, caught=caught, sound=play(parse(case), world))


def play_client(client: str, world: World, rows: int, faults: tuple[str, ...]) -> tuple[Verdict, bool]:
    """Let an ordinary client create `rows` rows under faults; return the verdict, and what the client said."""
    world.sandbox.reset(switches=True)
    world.sandbox.faults(*faults)
    wanted = sorted(markers(rows))
    actor = Actor(send, NaiveOrder(client=client, url=world.sandbox.url, markers=wanted))
    actor.wait(120)
    told = bool(actor.told.get("success"))
    actor.end()
    world.sandbox.drain()
    return judge_client(rows, world.sandbox.tasks()), told
