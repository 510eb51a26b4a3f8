"""Registers the web parts with Airflow, in the API server alone.

Airflow imports this file in every task's process: FastAPI at the top would cost each of them a second.
"""

from __future__ import annotations

import sys
from typing import Any, ClassVar
from urllib.parse import urlsplit

from airflow.plugins_manager import AirflowPlugin


def _is_api_server() -> bool:
    named = any(argument.endswith(("api-server", "api_server")) for argument in sys.argv[:2])
    return named or "airflow.api_fastapi.app" in sys.modules


class LeadSquaredPlugin(AirflowPlugin):
    """The status webhook's receiver, and a page for people."""

    name = "leadsquared"
    fastapi_apps: ClassVar[list[Any]] = []
    external_views: ClassVar[list[Any]] = []

    @classmethod
    def on_load(cls, *_: Any, **__: Any) -> None:
        """Import the web parts where they are served."""
        if _is_api_server():
            from airflow.configuration import conf  # noqa: PLC0415

            from leadsquared.names import PAGE_PATH, WEB_PREFIX  # noqa: PLC0415
            from leadsquared.web.site import site  # noqa: PLC0415 - heavy

            cls.fastapi_apps = [{"app": site, "url_prefix": WEB_PREFIX, "name": "LeadSquared"}]
            below = urlsplit(str(conf.get("api", "base_url", fallback="") or "")).path.rstrip("/")
            cls.external_views = [
                {
                    "name": "Follow-ups",
                    "href": f"{below}{WEB_PREFIX}{PAGE_PATH}",
                    "destination": "nav",
                    "url_route": "followups",
                    "category": "browse",
                }
            ]
