"""What every call of the hook has in common: connection, throttle, one exchange, bounded retries of reads."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self
from urllib.parse import quote, quote_plus

import tenacity
from airflow.sdk import BaseHook
from airflow.sdk.log import mask_secret

from followups.crash_points import reach
from leadsquared.connection import ConnectionSettings
from leadsquared.errors import RateLimited, RetryableError, ServiceUnavailable
from leadsquared.transport import Transport
from leadsquared.wire import reading
from leadsquared.wire.encoding import PayloadError
from leadsquared.wire.operations import Operation
from leadsquared.wire.records import Page
from leadsquared.wire.replies import Kind, Reply, error_of, not_sent

log = logging.getLogger(__name__)

READ_ATTEMPTS = 5
LONGEST_PAUSE_SECONDS = 15.0
#: A call that was ready for so long is not made: others may know of it, and take it for lost.
FROZEN_SECONDS = 30.0
_UNKNOWN_SHAPE = "LeadSquared answered a look-up with a body of an unexpected shape: ask again later."

#: A body, or what makes one once the slot is certain; None from it means: do not send.
Body = bytes | Callable[[], bytes | None] | None

_warned: set[str] = set()


class Throttle(Protocol):
    """What the hook asks of a throttle; see `followups.throttle.Throttle`."""

    def wait(self, bucket: str = "normal", *, prepare: Callable[[], None] | None = None) -> object:
        """Return when the call may be made, which must then be made at once; run `prepare` shortly before."""

    def refused(
        self,
        bucket: str = "normal",
        *,
        limit: tuple[int, float] | None = None,
        retry_after: float | None = None,
        daily: bool = False,
    ) -> None:
        """Take in that LeadSquared refused a call."""

    def status(self) -> Sequence[Any]:
        """Return how the buckets stand; see `followups.throttle.BucketStatus`."""


class BaseCalls(BaseHook):
    """A connection, its pool and its throttle, each made at first use; use one instance from any number of threads.

    No HttpHook: its retries, redirects and extras as headers would all have to be switched off, and with it every
    task would load aiohttp, which takes longer than all of this project.
    """

    conn_name_attr = "leadsquared_conn_id"
    default_conn_name = "leadsquared_default"
    conn_type = "leadsquared"
    hook_name = "LeadSquared"

    def __init__(
        self,
        leadsquared_conn_id: str = default_conn_name,
        *,
        throttle: Throttle | None = None,
        ledger_conn_id: str = "followups_ledger",
        pool_size: int | None = None,
        priority: int = 0,
    ) -> None:
        super().__init__()
        self.leadsquared_conn_id = leadsquared_conn_id
        self.ledger_conn_id = ledger_conn_id
        self._throttle = throttle
        self._priority = priority
        self._pool_size = pool_size
        self._places: threading.BoundedSemaphore | None = None
        self._lock = threading.Lock()
        self._settings: ConnectionSettings | None = None
        self._transport: Transport | None = None
        #: look-ups that gave fewer items than they announced: what they did not show is not absent
        self.looks_cut_short = 0
        #: calls sent that only read, each of which cost a slot
        self.reads_made = 0
        self._sleep: Callable[[float], None] = time.sleep

    @property
    def settings(self) -> ConnectionSettings:
        """The connection's settings.

        :raises ConfigurationError: naming the field that is wrong.
        """
        with self._lock:
            if self._settings is None:
                self._settings = self._read_settings()
            return self._settings

    @property
    def pool_size(self) -> int:
        """How many calls may be under way at once."""
        return self._pool_size or self.settings.in_flight

    def _count(self, operation: Operation) -> None:
        if not operation.changes:
            with self._lock:
                self.reads_made += 1

    def _note_short_look(self) -> None:
        with self._lock:
            self.looks_cut_short += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the pool's connections; the next call opens new ones. A `with` statement does it at its end."""
        with self._lock:
            transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def _call(
        self, operation: Operation, *, params: Mapping[str, str] | None = None, body: Body = None
    ) -> Reply | None:
        """Wait for a place and a slot, make the body just before, send once, classify, tell the throttle of a refusal.

        Returns None if `body()` did; an empty one makes a request without a body. Once `body()` was called nothing but
        its own errors is raised: what goes wrong after it is in the reply.

        :raises followups.throttle.ThrottleError: no slot was given; nothing was sent.
        """
        transport, throttle = self._get_transport(), self._get_throttle()
        with self._get_places():
            reach("before slot")
            try:
                content, held = self._wait(throttle, operation.bucket, body)
            except PayloadError as unsendable:
                return Reply(Kind.REJECTED, message=str(unsendable))
            if content is None and body is not None:
                return None
            if held > FROZEN_SECONDS:
                return not_sent(f"not sent: it was ready for {held:.0f} s, as if this process had been frozen")
            self._count(operation)
            started = time.monotonic()
            reply = transport.send(operation, params=params, body=content or None)
        log.debug("%s: %s in %.3f s", operation.path, reply.kind, time.monotonic() - started)
        if reply.kind is Kind.REFUSED:
            self._report_refusal(throttle, operation.bucket, reply)
        return reply

    def _wait(self, throttle: Throttle, bucket: str, body: Body) -> tuple[bytes | None, float]:
        """Return the body once the slot is due, and for how long it was made by then."""
        if not callable(body):
            throttle.wait(bucket)
            reach("after slot")
            return body, 0.0
        make, made = body, list[tuple[bytes | None, float]]()

        def prepare() -> None:
            reach("after slot")
            made.append((make(), time.monotonic()))

        throttle.wait(bucket, prepare=prepare)
        content, since = made[0]
        return content, time.monotonic() - since

    def _change(self, operation: Operation, *, params: Mapping[str, str] | None = None, body: Body = None) -> Reply:
        """Make one call that changes something, exactly once; return its reply if accepted, else raise."""
        reply = self._call(operation, params=params, body=body)
        assert reply is not None
        error = error_of(reply, operation.path, changes=True)
        if error is not None:
            raise error
        return reply

    def _read_page(
        self, operation: Operation, *, params: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Page:
        return reading.read_page(self._read(operation, params=params, body=body, is_known=reading.is_page))

    def _read_one(
        self, operation: Operation, params: Mapping[str, str], *, is_known: Callable[[Any], bool] = reading.is_one
    ) -> dict[str, Any] | None:
        return reading.read_one(self._read(operation, params=params, is_known=is_known))

    def _read(
        self,
        operation: Operation,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        is_known: Callable[[Any], bool] = lambda _: True,
    ) -> Any:
        """Return the parsed reply of a call that only reads; what may heal is tried 5 times, each with its own slot.

        :param is_known: whether a reply has a shape that can be read: one that has not never counts as "nothing there".
        """

        def attempt() -> Any:
            reply = self._call(operation, params=params, body=body)
            assert reply is not None
            error = error_of(reply, operation.path, changes=False)
            if _ends_the_day(error):
                self._get_throttle().wait(operation.bucket)  # raises what says until when
            if error is None and not is_known(reply.data):
                error = ServiceUnavailable(_UNKNOWN_SHAPE, endpoint=operation.path, status=reply.status)
            if error is not None:
                raise error
            return reply.data

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_may_heal),
            stop=tenacity.stop_after_attempt(READ_ATTEMPTS),
            wait=_pause,
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(attempt)

    def _read_settings(self) -> ConnectionSettings:
        connection = self.get_connection(self.leadsquared_conn_id)
        for secret in filter(None, (connection.login, connection.password)):
            for form in {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}:
                mask_secret(form)
        settings = ConnectionSettings.from_values(
            host=connection.host,
            login=connection.login,
            password=connection.password,
            port=connection.port,
            schema=connection.schema,
            extra=connection.extra_dejson,
        )
        if settings.doubts and self.leadsquared_conn_id not in _warned:
            _warned.add(self.leadsquared_conn_id)
            log.warning("Connection %s: %s", self.leadsquared_conn_id, settings.doubts)
        return settings

    def _get_transport(self) -> Transport:
        settings, pool_size = self.settings, self.pool_size
        with self._lock:
            if self._transport is None:
                self._transport = Transport(settings, pool_size)
            return self._transport

    def _get_places(self) -> threading.BoundedSemaphore:
        pool_size = self.pool_size
        with self._lock:
            if self._places is None:
                self._places = threading.BoundedSemaphore(pool_size)
            return self._places

    def _get_throttle(self) -> Throttle:
        settings = self.settings
        with self._lock:
            if self._throttle is None:
                from leadsquared.rate import open_throttle  # noqa: PLC0415 - loads SQLAlchemy

                self._throttle = open_throttle(settings, self.ledger_conn_id, self._priority)
            return self._throttle

    def _report_refusal(self, throttle: Throttle, bucket: str, reply: Reply) -> None:
        try:
            throttle.refused(bucket, limit=reply.limit, retry_after=reply.retry_after, daily=reply.daily)
        except Exception as failure:
            log.warning("The throttle could not take in a refusal: %s", type(failure).__name__)


def _may_heal(error: BaseException) -> bool:
    return isinstance(error, RetryableError) and not _ends_the_day(error)


def _ends_the_day(error: BaseException | None) -> bool:
    return isinstance(error, RateLimited) and error.daily


def _pause(state: tenacity.RetryCallState) -> float:
    """Return the seconds before the next attempt: none after a refusal, whose pause the throttle keeps."""
    error = state.outcome.exception() if state.outcome else None
    return 0.0 if isinstance(error, RateLimited) else min(2.0 ** (state.attempt_number - 1), LONGEST_PAUSE_SECONDS)
