"""How many follow-ups an owner may get on one day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from followups.keys import content_hash
from followups.model import State
from followups.rows import Candidate

OwnerDay = tuple[str, str]


class DailyAllowance:
    """Holds what exceeds the feed's `max_per_owner_per_day`; owners are known by a digest alone."""

    def __init__(self, cap: int, zone: ZoneInfo, read: Callable[[Iterable[OwnerDay]], Mapping[OwnerDay, int]]) -> None:
        self._cap = cap
        self._zone = zone
        self._read = read
        self._used: Counter[OwnerDay] = Counter()

    def load(self, candidates: Sequence[Candidate], unwritten: Iterable[OwnerDay | None]) -> None:
        """Read what was used before by the owners of a chunk; `unwritten` is what the ledger does not show yet."""
        pairs = {self._pair(candidate) for candidate in candidates if candidate.state == State.PLANNED}
        self._used = Counter(self._read(pairs)) + Counter(pair for pair in unwritten if pair)

    def apply(self, candidate: Candidate) -> tuple[Candidate, OwnerDay | None]:
        """Return the candidate, held where its owner has enough for that day, and what it takes of the allowance."""
        if candidate.state != State.PLANNED:
            return candidate, None
        pair = self._pair(candidate)
        if self._used[pair] >= self._cap:
            reason = f"more than {self._cap} for this owner on that day"
            return replace(candidate, state=State.HELD, reason=reason), None
        self._used[pair] += 1
        return candidate, pair

    def _pair(self, candidate: Candidate) -> OwnerDay:
        assert candidate.due_at is not None
        return content_hash(candidate.owner_email or "")[:12], candidate.due_at.astimezone(
            self._zone
        ).date().isoformat()
