"""Play one case: actors die or stop at their points, the server recovers, somebody goes on, the judge looks."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tests.chaos.actors import work
from tests.chaos.cases import WEBHOOK_POINTS, Case
from tests.chaos.faults import FAULTS, WHEN
from tests.chaos.judge import Verdict, judge, starved
from tests.chaos.orders import LEASE_SECONDS, Order
from tests.chaos.processes import Actor
from tests.chaos.receiver import serve
from tests.chaos.world import World

LONGEST_ACT_SECONDS = 25.0
MOST_PLAYS = 3
#: Actors that are to die, and do not, give up verifying after this; somebody else goes on.
ARMED_VERIFY_SECONDS = 2.5


@dataclass(kw_only=True)
class Played:
    """A case and what came of it."""

    case: Case
    verdict: Verdict
    #: what became of each actor: ended, stopped, runs, or the signal's name
    ends: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    #: the same of those who went on
    heirs: list[str] = field(default_factory=list)
    seconds: float = 0.0
    #: the machine was too busy for the shortened times, by the sandbox's own clock: the case proves nothing
    void: bool = False

    @property
    def deaths(self) -> int:
        """Actors that died or were stopped, or whose ledger failed, at their point."""
        return sum(bool(told) or end not in {"ended", "runs"} for end, told in self._pairs())

    def _pairs(self) -> list[tuple[str, str]]:
        return list(zip(self.ends, self.failures, strict=True))


def play(case: Case, world: World) -> Played:
    """Play a case to its end; again where the machine was too busy for its times."""
    for _ in range(MOST_PLAYS):
        played = _play(case, world)
        if not played.void:
            break
    return played


def _play(case: Case, world: World) -> Played:
    began = time.monotonic()
    world.reset(case.store, rows=case.rows, heal=case.option("heal") != "no")
    with contextlib.ExitStack() as stack:
        receiver = stack.enter_context(_receiver(case, world))
        play_of = _Play(case, world, receiver, stack)
        recovered_at = play_of.run()
        verdict = judge(case, world, recovered_at)
        verdict.faults += play_of.struck
        void = not verdict.faultless and starved(case, world)
    return Played(
        case=case,
        verdict=verdict,
        ends=play_of.ends,
        failures=play_of.failures,
        heirs=play_of.heirs,
        seconds=time.monotonic() - began,
        void=void,
    )


class _Receiver:
    """The status webhook receiver; it is started again, at the same address, where it died."""

    def __init__(self, world: World, armed: str) -> None:
        self._order = Order(environment=world.environment(), folder=str(world.folder), run_id=None, armed=armed)
        self._actor = Actor(serve, self._order)
        self.port = self._actor.expect("port")
        self.url = f"http://127.0.0.1:{self.port}"
        self.died = ""

    def restart(self) -> None:
        self.died = self._actor.wait(0)
        if self.died == "runs":
            self.died = ""
            return
        self.close()
        environment = {**self._order.environment, "CHAOS_PORT": str(self.port)}
        self._actor = Actor(serve, replace(self._order, armed="", environment=environment))
        self._actor.expect("port")

    def close(self) -> None:
        self._actor.end()


@contextlib.contextmanager
def _receiver(case: Case, world: World) -> Iterator[_Receiver | None]:
    if not case.webhook:
        yield None
        return
    armed = [case.armed(number)[0] for number, point in enumerate(case.points) if point in WEBHOOK_POINTS]
    receiver = _Receiver(world, armed[0] if armed else "")
    try:
        yield receiver
    finally:
        receiver.close()


class _Play:
    def __init__(self, case: Case, world: World, receiver: _Receiver | None, stack: contextlib.ExitStack) -> None:
        self._case = case
        self._world = world
        self._receiver = receiver
        self._stack = stack
        self._slices: list[dict[str, Any]] | None = None
        self._tries = 0
        self.ends: list[str] = []
        self.failures: list[str] = []
        self.heirs: list[str] = []
        #: server faults that struck before the server recovered
        self.struck: Counter[str] = Counter()

    def run(self) -> datetime:
        """Play all acts; return when the server recovered."""
        self._go_wrong()
        stopped = []
        for number in range(len(self._case.points)):
            actor, end = self._first_ones(number)
            if end == "stopped":
                stopped.append(actor)
        recovered_at = self._recover()
        early = self._case.option("early") == "yes"
        if not early:
            self._heir(self._case.heir)
        for actor in stopped:
            actor.go_on()
            self._wait(actor)
        if stopped:
            time.sleep(LEASE_SECONDS * 1.1)
            self._heir("later")
        return recovered_at

    def _first_ones(self, number: int) -> tuple[Actor, str]:
        """Let one of those act who are to die."""
        armed, after = self._case.armed(number)
        if self._case.points[number] in WEBHOOK_POINTS:
            armed = ""
        again = number > 0 and self._case.heir == "retry"
        actor = self._act(
            Order(
                environment=self._environment(),
                folder=str(self._world.folder),
                run_id="run" if number == 0 or again else f"run-{number}",
                slices=self._slices if again else None,
                try_number=number + 1,
                armed=armed,
                arm_after=after,
                mutant=self._case.option("mutant"),
                verify_seconds=0.0 if number == 0 and self._case.option("verify") == "no" else ARMED_VERIFY_SECONDS,
            )
        )
        end = self._wait(actor)
        self.ends.append(end)
        self.failures.append(actor.told.get("failed", ""))
        if number == 0:
            self._slices = actor.told.get("slices")
        last = number + 1 == len(self._case.points)
        at_once = last and self._case.option("early") == "yes"
        if not at_once and (end != "ended" or actor.told.get("failed")):
            time.sleep(LEASE_SECONDS * 1.1)
        return actor, end

    def _heir(self, kind: str) -> None:
        """Let one act who does not die: the run's next try or a later run, then reconcile."""
        self._tries += 1
        retry = kind == "retry"
        actor = self._act(
            Order(
                environment=self._environment(),
                folder=str(self._world.folder),
                run_id="run" if retry else f"later-{self._tries}",
                slices=self._slices if retry else None,
                try_number=10 + self._tries,
                attempts=4,
                reconcile=True,
                mutant=self._case.option("mutant"),
            )
        )
        self.heirs.append(f"{self._wait(actor)} {actor.told.get('failed', '')}".strip())

    def _act(self, order: Order) -> Actor:
        actor = Actor(work, order)
        self._stack.callback(actor.end)
        return actor

    def _wait(self, actor: Actor) -> str:
        end = actor.wait(LONGEST_ACT_SECONDS)
        if end == "runs":
            actor.end()
        return end

    def _environment(self) -> dict[str, str]:
        return self._world.environment(self._receiver.url if self._receiver else None)

    def _go_wrong(self) -> None:
        lot = self._case.lot
        for name in self._case.faults:
            fault = FAULTS[name]
            if fault.switches:
                self._world.sandbox.set(**fault.switches)
        self._world.sandbox.faults(*(rule for name in self._case.faults for rule in self._rules(name, lot)))

    def _rules(self, name: str, lot: Any) -> list[str]:
        fault = FAULTS[name]
        when = "" if fault.always else f" {self._case.option('when') or lot.choice(WHEN)}"
        return [f"{rule}{when}" for rule in fault.rules]

    def _recover(self) -> datetime:
        """Let the server recover from what does not last, and whoever serves webhooks be started again."""
        passing = [FAULTS[name] for name in self._case.faults if not FAULTS[name].lasting]
        lasting = [name for name in self._case.faults if FAULTS[name].lasting]
        if any(fault.rules for fault in passing):
            # New rules begin to count anew.
            self.struck.update(self._world.sandbox.audit()["faults"])
            always = [rule for name in lasting if FAULTS[name].always for rule in FAULTS[name].rules]
            self._world.sandbox.faults(*always)
        if any(fault.switches for fault in passing):
            kept = {key: value for name in lasting for key, value in FAULTS[name].switches.items()}
            self._world.sandbox.set(**{**_ORDINARY, **kept})
        if self._receiver:
            self._receiver.restart()
            if self._receiver.died:
                self.ends.append(self._receiver.died)
                self.failures.append("")
        return datetime.now(UTC)


_ORDINARY: dict[str, Any] = {
    "rate__normal": "5000/1", "rate_limit_style": "http429", "retry_after": "off", "hide_types": [],
    "webhook_shape": "summary",
}  # fmt: skip
