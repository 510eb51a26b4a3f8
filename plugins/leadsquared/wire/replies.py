"""Read every reply of LeadSquared into one of six kinds: one pure function over (status, headers, body).

Basis: `/error-handling/`, `/rate-limits/` and what integrators met: rate errors inside HTTP 200, validation errors as
HTTP 500 with an `MX…` envelope, HTML 500 after the work was done. A create counts as accepted only if the reply has the
documented success shape with an id; whatever is not understood is `unknown`, never success.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from leadsquared import errors
from leadsquared.wire import refusals
from leadsquared.wire.redaction import redact
from leadsquared.wire.values import to_flag


class Kind(StrEnum):
    """What a reply means for the caller."""

    #: Success in the expected shape. For a bulk create: taken over for processing, not proof that a CRM task exists.
    ACCEPTED = "accepted"
    #: Over the rate limit; not processed; safe to send again later.
    REFUSED = "refused"
    #: The request is wrong; nothing was made; the same request will fail again.
    REJECTED = "rejected"
    #: The keys do not work here; nothing was made.
    UNAUTHORISED = "unauthorised"
    #: Sent, and no telling whether it was done.
    UNKNOWN = "unknown"
    #: Never left; safe to send again.
    NOT_SENT = "not_sent"


class Expect(StrEnum):
    """The shape that counts as success."""

    #: `{"Status":"Success","Message":{"Id":"<number>"}}`, see `/create-tasks-in-bulk/`.
    REQUEST_ID = "request_id"
    #: `{"Status":"Success","Message":{"Id":"<task id>"}}`, see `/create-task-appointment/`.
    TASK_ID = "task_id"
    #: `{"Status":"Success", …}`, see `/update-task/`.
    SUCCESS = "success"
    #: Any JSON object or array that is not an error.
    DATA = "data"


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, understood.

    `message` is LeadSquared's own text, without e-mail addresses, telephone numbers and quoted values, at most 300
    characters. `data` is the parsed body of an accepted reply; it may hold personal data and is kept out of the repr.
    """

    kind: Kind
    status: int | None = None
    exception_type: str | None = None
    message: str = ""
    request_id: str | None = None
    task_id: str | None = None
    data: Any = field(default=None, repr=False)
    limit: tuple[int, float] | None = None
    retry_after: float | None = None
    daily: bool = False

    @property
    def reason(self) -> str:
        """LeadSquared's name and text for what happened, fit for people and for the ledger."""
        return ": ".join(part for part in (self.exception_type, self.message) if part) or str(self.kind)


_ID: Final = re.compile(r"(?=.*[1-9A-Fa-f])[0-9A-Za-z][0-9A-Za-z_-]{0,63}\Z")
_TYPE_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,99}\Z")
#: Names of errors that blame the server, not the request: the work may have been done before.
_SERVER_FAILED: Final = re.compile(r"timed?_?out|internal|unavailable|deadlock|database|sql|connection", re.IGNORECASE)
#: Names that only keys cause; those of a missing permission concern one request.
_KEYS_REFUSED: Final = re.compile(r"MX(InvalidAccessDetails|AuthenticationFailed)", re.IGNORECASE)
_UNREADABLE: Final = object()


def not_sent(why: str) -> Reply:
    """Return the reply of a request that never left: no connection, no TLS, no address."""
    return Reply(Kind.NOT_SENT, message=redact(why))


def no_reply(why: str) -> Reply:
    """Return the reply of a request that left, or may have, and was never answered: time-out, reset, cut."""
    return Reply(Kind.UNKNOWN, message=redact(why))


def classify(
    status: int, headers: Mapping[str, str], body: bytes, *, expect: Expect, now: datetime | None = None
) -> Reply:
    """Say what a reply means. Never raises.

    :param expect: the shape that counts as success.
    :param now: used with a Retry-After date when the reply has no Date header; the current time by default.
    """
    data = _parse(body)
    exception_type, message = _error_of(data)
    # What tells of success and of an error as well may have been done.
    says_success = status == 200 and _has_status(data, "success")
    refusal = None if says_success else refusals.find(status, exception_type, message, _plain_text(data, body))
    if refusal is not None:
        return Reply(
            Kind.REFUSED,
            status,
            exception_type,
            redact(refusal.message),
            limit=refusal.limit,
            retry_after=refusals.retry_after(headers, now),
            daily=refusal.daily,
        )
    if status == 401 or (not says_success and _blames_keys(status, exception_type)):
        return Reply(Kind.UNAUTHORISED, status, exception_type, redact(message))
    if not says_success and _is_rejection(status, exception_type):
        return Reply(Kind.REJECTED, status, exception_type, redact(message))
    if status == 200 and exception_type is None and not _has_status(data, "error"):
        accepted = _read_success(data, expect)
        if accepted is not None:
            return accepted
    return Reply(Kind.UNKNOWN, status, exception_type, redact(message) or _describe(status, data))


def error_of(reply: Reply, endpoint: str, *, changes: bool) -> errors.LeadSquaredError | None:
    """Return the error that a reply amounts to, None if it was accepted.

    :param changes: the request makes or changes something, so that an unknown outcome must not be repeated.
    """
    where: dict[str, Any] = {"endpoint": endpoint, "status": reply.status}
    if reply.kind is Kind.ACCEPTED:
        return None
    if reply.kind is Kind.REFUSED:
        return errors.RateLimited(
            _explain(errors.RateLimited, reply),
            limit=reply.limit,
            retry_after=reply.retry_after,
            daily=reply.daily,
            **where,
        )
    if reply.kind is Kind.REJECTED:
        return errors.RequestRejected(
            _explain(errors.RequestRejected, reply), exception_type=reply.exception_type, **where
        )
    plain: dict[Kind, type[errors.LeadSquaredError]] = {
        Kind.UNAUTHORISED: errors.AuthenticationFailed,
        Kind.NOT_SENT: errors.NotSent,
        Kind.UNKNOWN: errors.OutcomeUnknown if changes else errors.ServiceUnavailable,
    }
    kind = plain[reply.kind]
    return kind(_explain(kind, reply), **where)


def _explain(kind: type[errors.LeadSquaredError], reply: Reply) -> str:
    told = ": ".join(part for part in (reply.exception_type, reply.message) if part)
    return f"{kind.default_message()} It said: {told}" if told else kind.default_message()


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return _UNREADABLE


def _value(data: Any, name: str) -> Any:
    """Return the value of `name` in any casing, None if there is none."""
    if not isinstance(data, dict):
        return None
    if name in data:
        return data[name]
    return next((value for key, value in data.items() if key.casefold() == name.casefold()), None)


def _error_of(data: Any) -> tuple[str | None, str]:
    """Return type and text of the error envelope `{"Status":"Error","ExceptionType":…,"ExceptionMessage":…}`."""
    named, text = _value(data, "ExceptionType"), _value(data, "ExceptionMessage")
    if text is None and not _has_status(data, "success"):
        text = _value(data, "Message")
    exception_type = named if isinstance(named, str) and _TYPE_NAME.match(named) else None
    return exception_type, text if isinstance(text, str) else ""


def _has_status(data: Any, word: str) -> bool:
    status = _value(data, "Status")
    return isinstance(status, str) and status.strip().casefold() == word


def _blames_keys(status: int, exception_type: str | None) -> bool:
    """Tell whether keys were refused in another status than 401, as other errors are: no row is at fault then."""
    return status in (200, 403, 500) and exception_type is not None and _KEYS_REFUSED.match(exception_type) is not None


def _is_rejection(status: int, exception_type: str | None) -> bool:
    if status in (400, 404):
        return True
    if exception_type is None or not exception_type.startswith("MX") or _SERVER_FAILED.search(exception_type):
        return False
    return status in (200, 500) or 400 <= status < 500


def _read_success(data: Any, expect: Expect) -> Reply | None:
    if expect is Expect.DATA:
        first = data[0] if isinstance(data, list) and data else data
        told = _value(first, "ExceptionType") or _value(first, "ExceptionMessage")
        return Reply(Kind.ACCEPTED, 200, data=data) if isinstance(data, dict | list) and not told else None
    if not _is_success(data):
        return None
    identity = _read_id(_value(data, "Message"))
    if identity is None and expect is not Expect.SUCCESS:
        return None
    if expect is Expect.TASK_ID:
        return Reply(Kind.ACCEPTED, 200, data=data, task_id=identity)
    return Reply(Kind.ACCEPTED, 200, data=data, request_id=identity)


def _is_success(data: Any) -> bool:
    contradicted = (
        _value(data, "ExceptionType")
        or _value(data, "ExceptionMessage")
        or to_flag(_value(_value(data, "Message"), "IsSuccessful")) is False
    )
    return _has_status(data, "success") and not contradicted


def _read_id(message: Any) -> str | None:
    identity = _value(message, "Id")
    if isinstance(identity, bool) or not isinstance(identity, str | int):
        return None
    text = str(identity).strip()
    return text if _ID.match(text) else None


def _plain_text(data: Any, body: bytes) -> str:
    """Return the start of a body that is text rather than an object; a short one may be a refusal."""
    if isinstance(data, str):
        return data[:1000]
    return body[:1000].decode("utf-8", "replace") if data is _UNREADABLE else ""


def _describe(status: int, data: Any) -> str:
    if data is _UNREADABLE:
        return f"HTTP {status} with a body that is not JSON"
    return f"HTTP {status} with a body of an unexpected shape"
