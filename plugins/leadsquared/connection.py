"""Read the settings of an Airflow connection of type `leadsquared`. Pure: takes plain values, knows no Airflow."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from difflib import get_close_matches
from math import ceil
from typing import Annotated, Any, Final, Self, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from leadsquared.addresses import read_address
from leadsquared.errors import ConfigurationError


def _blank_is_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _strip(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


LONG_CALL_SECONDS: Final = 3.0
FEWEST_IN_FLIGHT: Final = 16
#: More threads than this cost one process more than they win.
MOST_IN_FLIGHT: Final = 64


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PydanticCustomError("zone", "no such time zone") from None
    return name


Calls = Annotated[int, Field(ge=1, le=1_000_000)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
#: A key travels in a header, so it must be visible ASCII.
Key = Annotated[str, BeforeValidator(_strip), Field(pattern=r"^[!-~]{1,500}$", repr=False)]
WebhookUrl = Annotated[str, BeforeValidator(_strip), Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")]


class RateSettings(BaseModel):
    """The extra of the connection; all values may come as numbers or as text, blank means the default."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    calls: Calls = Field(25, description="Calls that the account may make in period_seconds.")
    period_seconds: Seconds = Field(5.0, description="Length in seconds of the rate limit's window.")
    bulk_calls: Calls | None = Field(
        None, description="Bulk/Create calls in period_seconds, where the account counts them apart; none: not apart."
    )
    daily_calls: Calls | None = Field(None, description="Calls that the account may make in a day; none: no limit.")
    headroom: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = Field(
        0.0, description="Share of the limit left to other programs on the account, from 0 to below 1."
    )
    daily_zone: Annotated[str, Field(max_length=100), AfterValidator(_zone)] = Field(
        "UTC", description="Time zone at whose midnight the day's calls begin anew, such as Asia/Kolkata."
    )
    backfill_share: Share | None = Field(
        None, description="Share of daily_calls that backfills may use, above 0 to 1; none: all."
    )
    timeout_seconds: Seconds = Field(
        60.0, description="How long to wait for a reply. A create that takes longer has an unknown outcome."
    )
    settle_seconds: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = Field(
        60.0,
        description="How long an accepted or unknown batch may take to show up in look-ups; "
        "before that, not found proves nothing.",
    )
    directory_seconds: Annotated[float, Field(ge=0, le=7 * 86_400, allow_inf_nan=False)] = Field(
        900.0,
        description="How old users and task types in the ledger may be before a run asks for them again; "
        "a row that they would refuse makes it ask at once.",
    )
    account: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="Name under which calls are counted together; default: the host and a hash of the access key. "
        "Give connections with different keys of one account the same name: the limit is the account's.",
    )
    allow_http: bool = Field(False, description="Allow plain HTTP to other machines: for a sandbox only.")
    status_webhook_base_url: WebhookUrl | None = Field(
        None, description="Public base URL under which LeadSquared can reach the status webhook; none: no webhook."
    )

    @property
    def in_flight(self) -> int:
        """How many calls one process needs under way to use the whole rate, even if each takes LONG_CALL_SECONDS."""
        return min(max(FEWEST_IN_FLIGHT, ceil(self.calls / self.period_seconds * LONG_CALL_SECONDS)), MOST_IN_FLIGHT)


class ConnectionSettings(RateSettings):
    """Everything the hook needs: address, keys (not in the repr) and rate settings."""

    base_url: str
    host: str
    access_key: Key
    secret_key: Key
    account: str
    #: Names in the extra that mean nothing here.
    unknown_extras: tuple[str, ...] = ()

    @property
    def doubts(self) -> str | None:
        """Say which names in the extra mean nothing, and what may have been meant; None if all mean something."""
        if not self.unknown_extras:
            return None
        known = sorted(RateSettings.model_fields)
        near = {name: get_close_matches(name.lower(), known, n=1) for name in self.unknown_extras}
        told = ", ".join(
            f"{name!r} (did you mean {meant[0]!r}?)" if meant else repr(name) for name, meant in near.items()
        )
        rest = "" if all(near.values()) else f" Known are {', '.join(known)}."
        return f"Unknown in the connection's extra and ignored: {told}.{rest}"

    @classmethod
    def from_values(
        cls,
        *,
        host: str | None,
        login: str | None,
        password: str | None,
        port: int | None = None,
        schema: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Self:
        """Return the settings in a connection's fields.

        :param host: API host or URL. :param login: access key. :param password: secret key.
        :raises ConfigurationError: naming the field and the cure, never the value.
        """
        given = {name: value for name, value in (extra or {}).items() if _blank_is_none(value) is not None}
        rates = _validated(RateSettings, {name: _strip(value) for name, value in given.items()})
        address = read_address(host, port, schema, allow_http=rates.allow_http)
        access_key = (login or "").strip()
        values: dict[str, Any] = {
            **rates.model_dump(),
            "base_url": address.base_url,
            "host": address.host,
            "access_key": access_key,
            "secret_key": password or "",
            "account": rates.account or default_account(address.host, access_key),
            "unknown_extras": tuple(sorted(name for name in given if name not in RateSettings.model_fields)),
        }
        return _validated(cls, values)


def default_account(host: str, access_key: str) -> str:
    """Return the rate key of an access key on a host; it does not reveal the access key."""
    return f"{host}|{hashlib.sha256(access_key.encode()).hexdigest()[:12]}"


Settings = TypeVar("Settings", bound=BaseModel)

_LABELS: Final = {"access_key": "Access key (login)", "secret_key": "Secret key (password)"}


def _validated(model: type[Settings], values: Mapping[str, Any]) -> Settings:
    try:
        return model.model_validate(values)
    except ValidationError as invalid:
        raise ConfigurationError(" ".join(_explain(model, error) for error in invalid.errors())) from None


def _explain(model: type[BaseModel], error: Any) -> str:
    name = str(error["loc"][0])
    if name in _LABELS:
        return (
            f"{_LABELS[name]} is empty or holds blanks or characters that no key has: copy it again from LeadSquared."
        )
    about = model.model_fields[name].description or ""
    return f"{name} in the extra is wrong ({error['msg']}): {about}"
