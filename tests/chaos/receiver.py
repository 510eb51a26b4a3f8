"""The status webhook receiver in a process of its own, as Airflow's API server would run it."""

from __future__ import annotations

import logging
import os
import socket

import uvicorn
from fastapi import FastAPI

from leadsquared.names import WEB_PREFIX
from leadsquared.web.app import app
from tests.chaos import scale
from tests.chaos.actors import Tell, arm
from tests.chaos.orders import Order


def serve(order: Order, tell: Tell) -> None:
    """Serve on a free port until killed; tells `port`."""
    logging.disable(logging.CRITICAL)
    os.environ.update(order.environment)
    scale.shorten(order.folder)
    arm(order.armed)
    api_server = FastAPI()
    api_server.mount(WEB_PREFIX, app)
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", int(order.environment.get("CHAOS_PORT", "0"))))
        listening.listen(64)
        tell("port", listening.getsockname()[1])
        uvicorn.Server(uvicorn.Config(api_server, log_level="critical", lifespan="off")).run(sockets=[listening])
