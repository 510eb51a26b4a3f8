"""Whose keys are these, and where does the account live?"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from sandbox.operations.base import Operation, Request


async def user_by_access_key(request: Request) -> dict[str, Any]:
    """The keys' user and the account's hosts. Works on every regional host, unlike all other operations."""
    sandbox = request.sandbox
    caller, directory = sandbox.people.caller, sandbox.people.directory
    api = sandbox.settings.api_host
    app_host = (urlsplit(api).hostname or "").replace("api-", "", 1)
    return {
        "Id": caller.id,
        "Name": caller.name,
        "PassPhrase": caller.email,
        # An administrator sees tasks of every type.
        "Role": "Sales_User" if sandbox.settings.hide_types else caller.role,
        "EmailAddress": None,
        "TimeZone": directory.time_zone,
        "OrgId": directory.organisation_id,
        "OrgShortCode": directory.organisation_id,
        "OrgDisplayName": directory.organisation,
        "LSQCommonServiceURLs": {"api": api, "app": f"https://{app_host}"},
        "MobileServiceURLs": {},
    }


OPERATIONS = (Operation("GET", "Authentication.svc/UserByAccessKey.Get", user_by_access_key, "/user-authentication/"),)
