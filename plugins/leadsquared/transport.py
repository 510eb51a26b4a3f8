"""Send one request exactly once and classify what comes back. No Airflow, no throttle, no retry."""

from __future__ import annotations

import io
import ssl
import time
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from followups.crash_points import reach
from leadsquared.connection import ConnectionSettings
from leadsquared.wire.operations import Operation
from leadsquared.wire.replies import Reply, classify, no_reply, not_sent

CONNECT_TIMEOUT_SECONDS: Final = 10.0
MAX_REPLY_BYTES: Final = 64_000_000
_CHUNK_BYTES: Final = 65_536
_BEFORE_SENDING: Final = (
    ConnectTimeoutError,
    NewConnectionError,
    NameResolutionError,
    requests.exceptions.ConnectTimeout,
    requests.exceptions.InvalidURL,
    ssl.SSLCertVerificationError,
    urllib3.exceptions.LocationValueError,
)


class Transport:
    """One warm pool of connections to one account, for up to `pool_size` threads.

    No redirects (a redirected create would be sent twice), no cookies, no `.netrc`, no retries in the adapter. Proxies
    and certificate bundles come from the environment, as `requests` has it. The keys are in headers, never in the URL.
    """

    def __init__(self, settings: ConnectionSettings, pool_size: int) -> None:
        self._timeout_seconds = settings.timeout_seconds
        self._base_url = f"{settings.base_url}/v2/"
        self._headers = {
            "x-LSQ-AccessKey": settings.access_key,
            "x-LSQ-SecretKey": settings.secret_key,
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": "leadsquared-airflow",
        }
        self._session = requests.Session()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=pool_size, max_retries=0))
        self._environment: Mapping[str, Any] = self._session.merge_environment_settings(
            self._base_url, {}, None, None, None
        )

    def send(
        self, operation: Operation, *, params: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Reply:
        """Send `operation` once; return the reply, classified. Never raises for what network or server do."""
        content = None if body is None else _Body(body)
        request = requests.Request(
            operation.method,
            self._base_url + operation.path,
            params=dict(params or {}),
            headers=self._headers,
            data=content,
        )
        try:
            status, headers, received = self._exchange(request.prepare())
        except _ReplyTooLargeError:
            return no_reply(f"the reply was larger than {MAX_REPLY_BYTES} bytes")
        except Exception as failure:
            return _describe(failure, content)
        reach("after reply")
        return classify(status, headers, received, expect=operation.expect)

    def close(self) -> None:
        """Close the pool's connections."""
        self._session.close()

    def _exchange(self, request: requests.PreparedRequest) -> tuple[int, Mapping[str, str], bytes]:
        deadline = time.monotonic() + CONNECT_TIMEOUT_SECONDS + self._timeout_seconds
        settings = {**self._environment, "stream": True}
        timeout = (min(CONNECT_TIMEOUT_SECONDS, self._timeout_seconds), self._timeout_seconds)
        with self._session.send(request, allow_redirects=False, timeout=timeout, **settings) as response:
            return response.status_code, response.headers, _read(response.raw, deadline)


class _ReplyTooLargeError(Exception):
    """The reply does not end."""


class _Body(io.BytesIO):
    """A body that knows whether any of it was handed to the network.

    A server that got no byte of the body cannot have acted on the request, whatever broke the connection.
    """

    left = False

    def read(self, size: int | None = -1, /) -> bytes:
        """Hand over the next part."""
        if not self.left:
            reach("headers sent")
        self.left = True
        part = super().read(size)
        if not part:
            reach("body sent")
        return part


def _read(raw: Any, deadline: float) -> bytes:
    """Read the whole reply, however slowly it drips, but not beyond the deadline."""
    parts: list[bytes] = []
    size = 0
    while part := raw.read1(_CHUNK_BYTES, decode_content=True):
        if not parts:
            reach("reply half read")
        parts.append(part)
        size += len(part)
        if size > MAX_REPLY_BYTES:
            raise _ReplyTooLargeError
        if time.monotonic() > deadline:
            raise TimeoutError
    return b"".join(parts)


def _describe(failure: Exception, content: _Body | None) -> Reply:
    why = _words(failure)
    before = any(isinstance(cause, _BEFORE_SENDING) for cause in _causes(failure))
    if before or (content is not None and not content.left):
        return not_sent(f"no connection: {why}")
    return no_reply(f"no usable reply: {why}")


def _words(failure: Exception) -> str:
    """Name what happened by the innermost cause's type: texts of network errors hold URLs."""
    if any(
        isinstance(cause, TimeoutError | requests.Timeout | urllib3.exceptions.TimeoutError)
        for cause in _causes(failure)
    ):
        return "timed out"
    return type(_causes(failure)[-1]).__name__


def _causes(failure: BaseException) -> list[BaseException]:
    """Return the failure and everything that it wraps, outermost first."""
    found: list[BaseException] = []
    queue: list[Any] = [failure]
    while queue:
        cause = queue.pop(0)
        if isinstance(cause, BaseException) and cause not in found:
            found.append(cause)
            queue += [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]
    return found
