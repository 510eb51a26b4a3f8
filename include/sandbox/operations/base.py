"""What an operation is, and what its handler is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sandbox.calls import Call
from sandbox.people import is_guid
from sandbox.reading import Fields
from sandbox.replies import RefusedError
from sandbox.situations import Situation
from sandbox.state import Sandbox


@dataclass(frozen=True, slots=True)
class Request:
    """An authenticated call that fits the rate limits. `body` is empty for GET."""

    sandbox: Sandbox
    call: Call
    body: Fields
    query: Mapping[str, str]

    def mandatory_query(self, name: str) -> str:
        """A query parameter, without regard to the case of its name. Raises RefusedError when missing or empty."""
        value = self.query.get(name.lower(), "").strip()
        if not value:
            raise RefusedError(Situation.MANDATORY, name)
        return value

    def mandatory_id(self, name: str) -> str:
        """A query parameter that is a GUID. Raises RefusedError."""
        value = self.mandatory_query(name)
        if not is_guid(value):
            raise RefusedError(Situation.INPUT, name)
        return value.lower()


Handler = Callable[[Request], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API; `page` is the vendor's description, `query` and `body` are for the OpenAPI document."""

    method: Literal["GET", "POST"]
    name: str
    handler: Handler
    page: str
    query: tuple[str, ...] = ()
    body: dict[str, Any] = field(default_factory=dict)
    body_optional: bool = False

    @property
    def path(self) -> str:
        """The URL's path."""
        return f"/v2/{self.name}"


def object_schema(required: tuple[str, ...] = (), **properties: dict[str, Any]) -> dict[str, Any]:
    """A JSON schema of an object."""
    return {"type": "object", "properties": properties, **({"required": list(required)} if required else {})}


TEXT: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "integer"}
TEXTS: dict[str, Any] = {"type": "array", "items": TEXT}
