"""The FastAPI application: the API's operations behind the gate, the sandbox's own endpoints, and the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse
from starlette.requests import ClientDisconnect

from sandbox import control
from sandbox.calls import Call
from sandbox.gate import CALL, QUERY, Gate
from sandbox.operations import OPERATIONS
from sandbox.operations import base as operations
from sandbox.reading import Fields, parse_object
from sandbox.replies import RefusedError, Reply, explain, ok, refused
from sandbox.state import Sandbox

_PAGE = Path(__file__).with_name("page") / "index.html"


def create_app(sandbox: Sandbox) -> FastAPI:
    """The server's application over one sandbox."""
    app = FastAPI(
        title="LeadSquared sandbox",
        description="A look-alike of the LeadSquared API v2 for demos, tests and continuous integration.",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    for operation in OPERATIONS:
        app.add_api_route(
            operation.path,
            _endpoint(sandbox, operation),
            methods=[operation.method],
            name=operation.name,
            tags=[operation.name.partition(".svc")[0]],
            description=f"{operation.handler.__doc__ or operation.name}\n\nVendor's page: `{operation.page}`.",
            openapi_extra=_documentation(operation),
        )
    app.include_router(control.router(sandbox), prefix="/_sandbox", tags=["sandbox"])
    app.add_api_route("/", lambda: FileResponse(_PAGE, headers={"Cache-Control": "no-store"}), include_in_schema=False)
    app.add_middleware(
        Gate, sandbox=sandbox, operations={(operation.method, operation.path): operation for operation in OPERATIONS}
    )
    return app


def _endpoint(sandbox: Sandbox, operation: operations.Operation) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        call: Call = request.scope[CALL]
        try:
            body = await _body(sandbox, operation, request)
            reply = ok(await operation.handler(operations.Request(sandbox, call, body, request.scope[QUERY])))
        except RefusedError as error:
            call.outcome = "rejected"
            call.error = ": ".join(explain(error, sandbox.settings))
            reply = refused(error, sandbox.settings)
        except ClientDisconnect:
            call.outcome, call.error = "rejected", "The client left before its request was complete"
            reply = Reply(400, b"")
        return _response(reply)

    return endpoint


async def _body(sandbox: Sandbox, operation: operations.Operation, request: Request) -> Fields:
    any_case = sandbox.settings.key_case == "any"
    if operation.method == "GET":
        return Fields({}, any_case=any_case)
    body = await request.body()
    if not body and operation.body_optional:
        return Fields({}, any_case=any_case)
    return Fields(parse_object(body, request.headers.get("content-type", "")), any_case=any_case)


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, headers={name.decode(): value.decode() for name, value in reply.headers})


def _documentation(operation: operations.Operation) -> dict[str, Any]:
    """The parts of the OpenAPI document that do not follow from the endpoint's signature."""
    envelope = {
        "type": "object",
        "required": ["Status", "ExceptionType", "ExceptionMessage"],
        "properties": {name: {"type": "string"} for name in ("Status", "ExceptionType", "ExceptionMessage")},
    }
    errors = {400: "Malformed", 401: "Unauthorised", 404: "No such operation", 429: "Too many calls", 500: "Refused"}
    content = {"application/json": {"schema": envelope}}
    keys = ("x-LSQ-AccessKey", "x-LSQ-SecretKey")
    extra: dict[str, Any] = {
        "parameters": [
            *({"name": key, "in": "header", "schema": {"type": "string"}} for key in keys),
            *({"name": name, "in": "query", "schema": {"type": "string"}} for name in operation.query),
        ],
        "responses": {str(status): {"description": text, "content": content} for status, text in errors.items()},
    }
    if operation.body:
        schema = {"application/json": {"schema": operation.body}}
        extra["requestBody"] = {"required": not operation.body_optional, "content": schema}
    return extra
