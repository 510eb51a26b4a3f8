"""Find the API's base URL in what people type as a host."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from leadsquared.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Address:
    """Where the API is: `base_url` without path, such as `https://api-in21.leadsquared.com`, and its bare host."""

    base_url: str
    host: str


def read_address(host: str | None, port: int | None, schema: str | None, *, allow_http: bool) -> Address:
    """Return the address in a connection's host (bare, or a URL with or without `/v2`), port and schema.

    The scheme is the URL's, else the schema field's, else https; http for a loopback host, such as a sandbox's.

    :raises ConfigurationError: no host, more than a host in it, or plain HTTP to another machine.
    """
    text = (host or "").strip()
    if not text:
        raise ConfigurationError("Host is empty: give the API host of your region, such as api-in21.leadsquared.com.")
    parts = _split(text if "://" in text else f"//{text}")
    name = (parts.hostname or "").lower()
    if not name or any(letter.isspace() for letter in name):
        raise ConfigurationError("Host holds no host name: give the API host, such as api-in21.leadsquared.com.")
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigurationError(
            "Host holds more than a host: the keys belong in the fields for access and secret key."
        )
    if parts.path.rstrip("/").lower() not in ("", "/v2"):
        raise ConfigurationError("Host holds a path: give the host alone, or with /v2.")
    scheme = (parts.scheme or (schema or "").strip() or ("http" if is_loopback(name) else "https")).lower()
    _check_scheme(scheme, name, allow_http=allow_http)
    return Address(f"{scheme}://{_authority(name, _port(parts) or port)}", name)


def is_loopback(host: str) -> bool:
    """Say whether `host` is this machine by name or address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _check_scheme(scheme: str, host: str, *, allow_http: bool) -> None:
    if scheme not in ("http", "https"):
        raise ConfigurationError("Host or schema names a scheme other than https: leave the schema empty.")
    if scheme == "http" and not allow_http and not is_loopback(host):
        raise ConfigurationError(
            "Host asks for plain HTTP, which would send the keys readable over the network: use https, "
            "or set allow_http to true in the extra for a sandbox on another machine."
        )


def _split(text: str) -> SplitResult:
    try:
        return urlsplit(text)
    except ValueError:
        raise ConfigurationError("Host cannot be read: give the API host, such as api-in21.leadsquared.com.") from None


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        raise ConfigurationError("Host holds a port that is not a number from 1 to 65535.") from None


def _authority(host: str, port: int | None) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port is None else f"{name}:{port}"
