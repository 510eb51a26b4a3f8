"""What goes wrong on purpose, and when: the rules as people write them."""

from __future__ import annotations

import re
import shlex
from fnmatch import fnmatchcase
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

FaultKind = Literal[
    "drop_reply_after_commit",
    "drop_reply_before_commit",
    "html500_after_commit",
    "html500_before_commit",
    "mysql500",
    "slow",
    "hang",
    "truncated_json",
    "cut_body",
    "garbage200",
    "502",
    "503",
    "504",
    "reset",
    "rate_error_in_200",
    "unauthorised",
    "poison_row",
    "drop_rows",
]

#: Kinds that change which rows are created; all others change the reply.
ROW_KINDS: frozenset[FaultKind] = frozenset({"poison_row", "drop_rows"})
_COMMIT_BY_KIND: dict[FaultKind, bool] = {
    "drop_reply_after_commit": True,
    "drop_reply_before_commit": False,
    "html500_after_commit": True,
    "html500_before_commit": False,
    "truncated_json": True,
    "cut_body": True,
    "rate_error_in_200": False,
    "unauthorised": False,
}
_COMMIT_BY_DEFAULT: frozenset[FaultKind] = frozenset({"garbage200"})


class FaultRule(BaseModel):
    """One thing that goes wrong. Without any condition it goes wrong at every call of its operation.

    Conditions are combined with "and": `calls` (1 is the first call of the operation since the rule was set),
    `from_call`, `first`, `every`, `probability` (drawn from `seed` and the call's number, so that a run can be
    repeated), `max_times`.
    As text: the kind, then `key=value` pairs, such as `drop_reply_after_commit probability=0.03 seed=7`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FaultKind
    operation: str = "Bulk/Create"
    calls: tuple[int, ...] = ()
    from_call: int | None = Field(default=None, ge=1)
    first: int | None = Field(default=None, ge=1)
    every: int | None = Field(default=None, ge=1)
    probability: float | None = Field(default=None, ge=0, le=1)
    max_times: int | None = Field(default=None, ge=1)
    seed: int | None = None
    #: `slow`: how long.
    ms: int = Field(default=1000, ge=0)
    #: Whether the request takes effect, for the kinds that leave it open: `slow` (true: the work is done, then
    #: the reply is late), `hang`, `reset`, `mysql500`, 502, 503, 504, `garbage200` (true by default).
    after_commit: bool | None = None
    #: `poison_row`: a regular expression; a batch is refused whole when it matches in any row's JSON text.
    match: str | None = None
    #: `drop_rows`: which rows of the batch, by index; or each row with `row_probability`.
    indexes: tuple[int, ...] = ()
    row_probability: float = Field(default=0, ge=0, le=1)
    #: What `drop_rows` and `poison_row` give as the reason.
    reason: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_text(cls, value: Any) -> Any:
        return parse_rule(value) if isinstance(value, str) else value

    @field_validator("kind", mode="before")
    @classmethod
    def _kind_as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) else value

    @field_validator("calls", "indexes", mode="before")
    @classmethod
    def _numbers(cls, value: Any) -> Any:
        if isinstance(value, str):
            return [part for part in value.split(",") if part.strip()]
        return [value] if isinstance(value, int) else value

    @model_validator(mode="after")
    def _fits_its_kind(self) -> FaultRule:
        if self.kind == "poison_row":
            try:
                re.compile(self.match or "")
            except re.error as error:
                raise ValueError(f"match is not a regular expression: {error}") from error
            if not self.match:
                raise ValueError("poison_row needs match, a regular expression")
        if self.kind == "drop_rows" and not self.indexes and not self.row_probability:
            raise ValueError("drop_rows needs indexes or row_probability")
        fixed = _COMMIT_BY_KIND.get(self.kind)
        if fixed is not None and self.after_commit not in (None, fixed):
            raise ValueError(f"after_commit cannot be {self.after_commit} for {self.kind}")
        return self

    @property
    def commits(self) -> bool:
        """Whether a request that meets this fault takes effect."""
        if self.kind in _COMMIT_BY_KIND:
            return _COMMIT_BY_KIND[self.kind]
        return self.kind in _COMMIT_BY_DEFAULT if self.after_commit is None else self.after_commit

    def concerns(self, operation: str) -> bool:
        """Whether the rule is about an operation, named in full, by its part after `.svc/`, or by wildcards."""
        return fnmatchcase(operation, self.operation) or fnmatchcase(operation.partition(".svc/")[2], self.operation)


def parse_rule(text: str) -> dict[str, Any]:
    """Read `kind key=value …`. Raises ValueError when a part is not `key=value`."""
    kind, *pairs = shlex.split(text) or [""]
    rule: dict[str, Any] = {"kind": kind}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign:
            raise ValueError(f"expected key=value after the kind, found {pair!r}")
        rule[key] = value if key in ("match", "reason", "operation", "calls", "indexes") else yaml.safe_load(value)
    return rule
