"""What an actor is told to do, and the times of all actors: the product's own, made short."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

#: How long an owner's silence is borne: leases, and signs of life of runs.
LEASE_SECONDS: Final = 1.2
#: How long a create may take to show in look-ups. The sandbox takes at most half of it.
SETTLE_SECONDS: Final = 1.0
TIMEOUT_SECONDS: Final = 0.5
#: What Airflow's supervisor waits between SIGTERM and SIGKILL.
ESCALATION_SECONDS: Final = 0.3
#: Beyond this a step of a run is given up and the next one done; a case that needs it fails.
STEP_SECONDS: Final = 10.0
FEED: Final = "chaos"


@dataclass(frozen=True, kw_only=True)
class Order:
    """One actor's work: a run of the feed (`run_id`), then rounds of reconcile, or one of the two."""

    environment: Mapping[str, str]
    #: where the feed file and its query are
    folder: str
    #: None: reconcile alone
    run_id: str | None
    try_number: int = 1
    #: slices of the run's plan, if an earlier try planned it
    slices: list[dict[str, Any]] | None = None
    #: how often a step that fails is tried
    attempts: int = 1
    reconcile: bool = False
    #: `point:nth:how`, and the point at whose first passing it is armed
    armed: str = ""
    arm_after: str = ""
    mutant: str = ""
    verify_seconds: float = STEP_SECONDS
