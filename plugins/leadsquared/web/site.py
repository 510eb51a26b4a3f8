"""Everything that the plugin serves: the webhook's receiver, runs' notes, the page and what it asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi.staticfiles import StaticFiles
from starlette.responses import Response

from leadsquared.names import PAGE_PATH
from leadsquared.web import api, notes
from leadsquared.web.app import app as site

__all__ = ["site"]

PAGE = Path(__file__).with_name("page")
POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'self'; base-uri 'none'; form-action 'self'"


class Page(StaticFiles):
    """The page's files. They hold no data: what they show they ask for, as the user who looks."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Forbid whatever is not the page's own, and have browsers ask for news of it."""
        response = super().file_response(*args, **kwargs)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Cache-Control"] = "no-cache"
        return response


site.include_router(notes.router)
site.include_router(api.router)
site.mount(PAGE_PATH.rstrip("/"), Page(directory=PAGE, html=True), name="page")
