"""What can go wrong when talking to LeadSquared, grouped by what the caller must do next.

    LeadSquaredError              keeps endpoint, status, detail
    ├─ ConfigurationError         fail now: the connection is incomplete or wrong
    ├─ RetryableError             back off: nothing was done, or nothing could be done wrong by asking again
    │  ├─ RateLimited             refused before processing; keeps limit, retry_after, daily
    │  ├─ ServiceUnavailable      a read got no usable answer
    │  ├─ NotSent                 the request never left
    │  └─ NotConfirmed            a change was taken and look-ups do not show it yet
    ├─ RejectedError              fail now: the same request would fail again
    │  ├─ AuthenticationFailed
    │  └─ RequestRejected         keeps exception_type
    └─ OutcomeUnknown             never resend: LeadSquared may have done it

The class docstring is the default message. No message holds a body, a key or personal data. All errors pickle.
"""

# ruff: noqa: N818  # the names say what happened; the base classes carry the suffix

from __future__ import annotations

import inspect
from typing import Any, Self

from followups.errors import PermanentError, TransientError


class LeadSquaredError(Exception):
    """A call to LeadSquared failed.

    :param detail: what happened and what to do, in a sentence or two; None for the class's own.
    :param endpoint: the operation's path, such as `Task.svc/Bulk/Create`, without host and query.
    :param status: the HTTP status, None if no reply came.
    """

    def __init__(self, detail: str | None = None, *, endpoint: str | None = None, status: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.endpoint = endpoint
        self.status = status

    def __str__(self) -> str:
        what = self.default_message() if self.detail is None else self.detail
        status = None if self.status is None else f"HTTP {self.status}"
        where = ", ".join(part for part in (self.endpoint, status) if part)
        return f"{what} ({where})" if where else what

    @classmethod
    def default_message(cls) -> str:
        """Return the first paragraph of the class docstring on one line."""
        return " ".join(inspect.cleandoc(cls.__doc__ or cls.__name__).split("\n\n")[0].split())

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), dict(self.__dict__))

    @classmethod
    def _from_state(cls, state: dict[str, Any]) -> Self:
        error = cls.__new__(cls)
        Exception.__init__(error, state.get("detail"))
        error.__dict__.update(state)
        return error


def _rebuild(kind: type[LeadSquaredError], state: dict[str, Any]) -> LeadSquaredError:
    return kind._from_state(state)


class ConfigurationError(LeadSquaredError, PermanentError):
    """The LeadSquared connection is incomplete or wrong: correct the field named and start again."""


class RetryableError(LeadSquaredError, TransientError):
    """LeadSquared did not do it this time: wait and try again."""


class RateLimited(RetryableError):
    """LeadSquared refused the call because of the account's rate limit and did not process it: wait, then send again.

    :param limit: calls and seconds of the limit if the refusal named them.
    :param retry_after: seconds to wait if the refusal named them.
    :param daily: the refusal speaks of the day's allowance, so waiting seconds will not help.
    """

    def __init__(
        self,
        detail: str | None = None,
        *,
        endpoint: str | None = None,
        status: int | None = None,
        limit: tuple[int, float] | None = None,
        retry_after: float | None = None,
        daily: bool = False,
    ) -> None:
        super().__init__(detail, endpoint=endpoint, status=status)
        self.limit = limit
        self.retry_after = retry_after
        self.daily = daily


class ServiceUnavailable(RetryableError):
    """LeadSquared gave no usable answer to a request that only reads: ask again later."""


class NotSent(RetryableError):
    """The request never reached LeadSquared: check host, network and proxy; sending again is safe."""


class NotConfirmed(RetryableError):
    """LeadSquared took a change and look-ups do not show it yet: look again later."""


class RejectedError(LeadSquaredError, PermanentError):
    """LeadSquared refused the request for good: sending it again unchanged will fail again."""


class AuthenticationFailed(RejectedError):
    """LeadSquared does not accept the keys: check keys, regional API host and that the user is active."""


class RequestRejected(RejectedError):
    """LeadSquared found the request wrong: correct the data it names.

    :param exception_type: LeadSquared's own name for the mistake, such as `MXInvalidInputException`.
    """

    def __init__(
        self,
        detail: str | None = None,
        *,
        endpoint: str | None = None,
        status: int | None = None,
        exception_type: str | None = None,
    ) -> None:
        super().__init__(detail, endpoint=endpoint, status=status)
        self.exception_type = exception_type


class OutcomeUnknown(LeadSquaredError, PermanentError):
    """The request was sent and no usable answer came: LeadSquared may have done it, so it must not be sent again
    before a look-up has settled it.
    """
