"""Tell Airflow about the connection type `leadsquared`: the form's fields, without importing the hook."""

from __future__ import annotations

from typing import Any

_DESCRIPTION = "CRM tasks in LeadSquared from warehouse rows, each exactly once."


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata; `package-name` must be the distribution's name."""
    return {
        "package-name": "leadsquared-airflow",
        "name": "LeadSquared",
        "description": _DESCRIPTION,
        "connection-types": [
            {
                "connection-type": "leadsquared",
                "hook-class-name": "leadsquared.hook.LeadSquaredHook",
                "hook-name": "LeadSquared",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema"],
                    "relabeling": {"host": "API host", "login": "Access key", "password": "Secret key"},
                    "placeholders": {
                        "host": "api-in21.leadsquared.com",
                        "login": "Settings > API and Webhooks > Access key",
                        "password": "Settings > API and Webhooks > Secret key",
                        "port": "none, unless a sandbox listens on one",
                    },
                },
                "conn-fields": {name: _field(*field) for name, field in _FIELDS.items()},
            }
        ],
    }


def _field(label: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": schema}


def _whole(default: int | None = None) -> dict[str, Any]:
    return {"type": ["integer", "null"], "default": default, "minimum": 1, "maximum": 1_000_000}


def _seconds(default: float, minimum: float) -> dict[str, Any]:
    return {"type": ["number", "null"], "default": default, "minimum": minimum, "maximum": 86_400}


def _share(default: float | None) -> dict[str, Any]:
    return {"type": ["number", "null"], "default": default, "minimum": 0, "maximum": 1}


_FIELDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "calls": ("Calls", "Calls that the account may make in a period, as its plan says.", _whole(25)),
    "period_seconds": ("Period (seconds)", "Length of the rate limit's window.", _seconds(5, 0.1)),
    "bulk_calls": (
        "Bulk calls",
        "Bulk creates in a period, where the account counts them apart. Empty: they count as any call.",
        _whole(),
    ),
    "daily_calls": (
        "Calls a day",
        "Calls that the account may make in a day; runs wait for the next. Empty: no limit.",
        _whole(),
    ),
    "headroom": (
        "Headroom (share)",
        "Share of the limit left to other programs on the account: 0.2 is a fifth.",
        _share(0),
    ),
    "daily_zone": (
        "Day's time zone",
        "Where the day of the daily limit begins at midnight, such as Asia/Kolkata.",
        {"type": ["string", "null"], "default": "UTC", "maxLength": 100},
    ),
    "backfill_share": (
        "Backfill (share)",
        "Share of the calls a day that backfills may use, so that they cannot starve other runs. Empty: all.",
        _share(None),
    ),
    "timeout_seconds": (
        "Time-out (seconds)",
        "How long to wait for a reply; after that a create's outcome is unknown.",
        _seconds(60, 1),
    ),
    "settle_seconds": (
        "Settle time (seconds)",
        "How long an accepted or unknown batch may take to show up in look-ups.",
        _seconds(60, 0),
    ),
    "directory_seconds": (
        "Age of users and task types (seconds)",
        "How old they may be in the ledger before a run asks for them again.",
        _seconds(900, 0) | {"maximum": 604_800},
    ),
    "account": (
        "Account",
        "Name under which calls are counted together; give it to all connections of one account. "
        "Empty: the host and a hash of the access key.",
        {"type": ["string", "null"], "maxLength": 200},
    ),
    "status_webhook_base_url": (
        "Status webhook base URL",
        "Public address at which LeadSquared reaches this Airflow. Empty: no webhook is asked for.",
        {"type": ["string", "null"]},
    ),
    "allow_http": (
        "Allow plain HTTP",
        "Send the keys unencrypted to another machine: for a sandbox only.",
        {"type": ["boolean", "null"], "default": False},
    ),
}
