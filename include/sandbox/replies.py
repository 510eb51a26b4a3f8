"""The service's reply forms: the success wrapper and the error envelope (`/error-handling/`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sandbox.settings import Settings
from sandbox.situations import DEFAULT_TEXTS, Situation

JSON_TYPE = b"application/json; charset=utf-8"


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class RefusedError(Exception):
    """A request or a row that the service does not accept. `status` None means the switch `validation_status`."""

    def __init__(
        self,
        situation: Situation,
        field: str = "",
        value: object = "",
        *,
        limit: object = "",
        status: int | None = None,
    ) -> None:
        super().__init__(situation, field)
        self.situation, self.field, self.value, self.limit, self.status = situation, field, value, limit, status


class MalformedError(RefusedError):
    """A body that is not as specified: 400."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(Situation.MALFORMED, value=detail, status=400)


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply ready to be sent."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ((b"content-type", JSON_TYPE),)


def to_json(value: Any) -> bytes:
    """Compact UTF-8 JSON."""
    return _encode(value).encode()


def ok(value: Any) -> Reply:
    """A 200 with a JSON body."""
    return Reply(200, to_json(value))


def success(message: dict[str, Any]) -> dict[str, Any]:
    """The wrapper of the operations that change something."""
    return {"Status": "Success", "Message": message}


def explain(error: RefusedError, settings: Settings) -> tuple[str, str]:
    """Exception type and message for a refusal, with the texts that the switch `errors` replaces."""
    text = settings.errors.get(error.situation, DEFAULT_TEXTS[error.situation])
    message = text.message
    for name, value in (("{field}", error.field), ("{value}", error.value), ("{limit}", error.limit)):
        message = message.replace(name, str(value))
    return text.type, message.strip()


def envelope(exception_type: str, message: str) -> dict[str, str]:
    """The error body."""
    return {"Status": "Error", "ExceptionType": exception_type, "ExceptionMessage": message}


def refused(error: RefusedError, settings: Settings) -> Reply:
    """The reply to a refused request."""
    status = settings.validation_status if error.status is None else error.status
    return Reply(status, to_json(envelope(*explain(error, settings))))
