"""Decides which faults a call meets. Every decision follows from the rules, their seeds and the call's number alone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.fault_rules import FaultRule


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that applies to a call; `draw` seeds the further draws that this call needs."""

    rule: FaultRule
    draw: str


class FaultEngine:
    """Counts the calls that each rule concerns and says which rules apply."""

    def __init__(self, rules: Sequence[FaultRule], seed: int) -> None:
        self._rules = rules
        self._seed = seed
        self._calls = [0] * len(rules)
        self._fired = [0] * len(rules)
        self.fired_by_kind: Counter[str] = Counter()

    def with_more(self, rules: Sequence[FaultRule]) -> FaultEngine:
        """An engine with further rules that goes on counting for the present ones."""
        more = FaultEngine([*self._rules, *rules], self._seed)
        more._calls[: len(self._rules)] = self._calls
        more._fired[: len(self._rules)] = self._fired
        more.fired_by_kind = self.fired_by_kind
        return more

    def counts(self) -> list[tuple[FaultRule, int, int]]:
        """Every rule with the calls that it concerned and those that it applied to."""
        return list(zip(self._rules, self._calls, self._fired, strict=True))

    def meet(self, operation: str) -> list[Fault]:
        """The faults that the next call of an operation meets, in the order of the rules."""
        met = []
        for index, rule in enumerate(self._rules):
            if not rule.concerns(operation):
                continue
            self._calls[index] += 1
            draw = f"{self._seed if rule.seed is None else rule.seed}/{index}/{self._calls[index]}"
            if self._applies(index, rule, draw):
                self._fired[index] += 1
                self.fired_by_kind[rule.kind] += 1
                met.append(Fault(rule, draw))
        return met

    def _applies(self, index: int, rule: FaultRule, draw: str) -> bool:
        call = self._calls[index]
        return (
            (not rule.calls or call in rule.calls)
            and (rule.from_call is None or call >= rule.from_call)
            and (rule.first is None or call <= rule.first)
            and (rule.every is None or call % rule.every == 0)
            and (rule.max_times is None or self._fired[index] < rule.max_times)
            and (rule.probability is None or random.Random(draw).random() < rule.probability)  # noqa: S311
        )


def rows_to_drop(indexes: Sequence[int], probability: float, rows: int, draw: str) -> set[int]:
    """Which of a batch's rows are dropped: those named and those that the lot falls on."""
    dropped = {index for index in indexes if 0 <= index < rows}
    if probability:
        lot = random.Random(f"{draw}/rows")  # noqa: S311
        dropped.update(index for index in range(rows) if lot.random() < probability)
    return dropped
