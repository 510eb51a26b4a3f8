"""What a case is: who dies where, what the server does wrong meanwhile, on which store. Everything else follows."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Final

from followups.crash_points import POINTS
from tests.chaos.faults import FAULTS

STORES: Final = ("sqlite", "postgresql")
KILLS: Final = ("SIGKILL", "SIGTERM", "SIGSTOP", "error", "lost")
NONE: Final = "none"
WEBHOOK_POINTS: Final = ("before webhook commit", "after webhook commit")
#: Points that every call passes: armed from a phase of the run on, so that not only its first calls are hit.
CALL_POINTS: Final = ("before slot", "after slot", "headers sent", "body sent", "reply half read", "after reply")
PHASES: Final = {"plan": "", "send": "before claim", "look": "before look"}
ROWS: Final = 120
FEW: Final = 40


@dataclass(frozen=True, kw_only=True)
class Case:
    """One case. `points` and `kills` are of the actors that work before the clean one, in order.

    Options: rows, phase, nth, heir (retry | later), webhook (yes | no), when (a condition of the faults), early (yes:
    stopped actors go on before a clean one worked), verify (no: the first actor does not), heal (no: duplicates are
    only reported), mutant (a safeguard that is switched off).
    """

    store: str
    points: tuple[str, ...]
    kills: tuple[str, ...]
    faults: tuple[str, ...]
    seed: int = 0
    options: tuple[tuple[str, str], ...] = field(default=())

    @property
    def name(self) -> str:
        """The text by which the case is replayed."""
        parts = [self.store, "+".join(self.points), "+".join(self.kills), "+".join(self.faults), str(self.seed)]
        if self.options:
            parts.append(",".join(f"{key}={value}" for key, value in self.options))
        return "/".join(parts)

    def option(self, key: str, default: str = "") -> str:
        """An option as it is given, or the default."""
        return dict(self.options).get(key, default)

    @property
    def rows(self) -> int:
        """Rows of the warehouse: three batches, or a single one, so that a stop meets the call at its point alone."""
        few = "SIGSTOP" in self.kills and self.lot.random() < 0.5
        return int(self.option("rows", str(FEW if few else ROWS)))

    @property
    def lot(self) -> random.Random:
        """The case's own random numbers, the same at every call."""
        return random.Random(self.name)

    @property
    def heir(self) -> str:
        """Who goes on: the same run's retry, or a later run."""
        return self.option("heir", self.lot.choice(("retry", "later")))

    @property
    def webhook(self) -> bool:
        """Whether a receiver of status webhooks runs."""
        wanted = any(FAULTS[fault].webhook for fault in self.faults) or bool({*self.points} & {*WEBHOOK_POINTS})
        default = "yes" if wanted or self.lot.random() < 0.05 else "no"
        return self.option("webhook", default) == "yes"

    def armed(self, number: int) -> tuple[str, str]:
        """What an actor is armed with, and the point at whose first passing it is; empty for nothing, for at once."""
        point, kill = self.points[number], self.kills[number]
        if NONE in {point, kill}:
            return "", ""
        lot = random.Random(f"{self.name}/{number}")
        phase = self.option("phase", lot.choice(("plan", "send", "send", "send", "look")))
        nth = int(self.option("nth", str(lot.choice((1, 1, 2, 3)))))
        return f"{point}:{nth}:{kill}", PHASES[phase] if point in CALL_POINTS else ""


def parse(name: str) -> Case:
    """Read a case's name. Raises ValueError if it is none."""
    store, points, kills, faults, seed, *options = name.split("/")
    case = Case(
        store=store,
        points=tuple(points.split("+")),
        kills=tuple(kills.split("+")),
        faults=tuple(faults.split("+")),
        seed=int(seed),
        options=tuple(_pair(text) for text in options[0].split(",")) if options else (),
    )
    unknown = [*({*case.points} - {*POINTS, NONE}), *({*case.kills} - {*KILLS, NONE}), *({*case.faults} - {*FAULTS})]
    if unknown or store not in STORES or len(case.points) != len(case.kills):
        raise ValueError(f"no such case: {name}: {', '.join(unknown) or store}")
    return case


def _pair(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key, value


def matrix(seed: int = 0) -> list[Case]:
    """Every point × kill × fault, and every fault without a death; the stores take turns, by the seed's parity."""
    deaths = [*product(POINTS, KILLS, FAULTS), *((NONE, NONE, fault) for fault in FAULTS)]
    return [
        Case(store=STORES[(number + seed) % 2], points=(point,), kills=(kill,), faults=(fault,), seed=seed)
        for number, (point, kill, fault) in enumerate(deaths)
    ]


def schedules(count: int, seed: int) -> Iterator[Case]:
    """Random schedules: up to three deaths, up to three faults at a time."""
    lot = random.Random(seed)
    for number in range(count):
        deaths = lot.randint(1, 3)
        yield Case(
            store=lot.choice(STORES),
            points=tuple(lot.choices(POINTS, k=deaths)),
            kills=tuple(lot.choices(KILLS, k=deaths)),
            faults=tuple(lot.sample(list(FAULTS), lot.randint(1, 3))),
            seed=seed * 100_000 + number,
        )


def sample(count: int, seed: int) -> list[Case]:
    """A part of the matrix in which every point, every kill and every fault occurs, and pairs of them evenly."""
    lot = random.Random(seed)
    pairs = list(product(POINTS, KILLS))
    lot.shuffle(pairs)
    faults = _endless(list(FAULTS), lot)
    stores = _endless(STORES, lot)
    return [
        Case(
            store=next(stores),
            points=(pairs[number % len(pairs)][0],),
            kills=(pairs[number % len(pairs)][1],),
            faults=(next(faults),),
            seed=seed * 100_000 + number,
        )
        for number in range(count)
    ]


def _endless(values: Sequence[str], lot: random.Random) -> Iterator[str]:
    while True:
        yield from lot.sample(list(values), len(values))
