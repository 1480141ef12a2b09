"""The OpenAPI page, written from the very rows that the interface is made of.

Every endpoint of the tables is in it, with the structs that its query, body and answer are read and written with. Nothing is
written by hand, so nothing can be forgotten or out of date.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from gateway.control.admin.endpoint import Call, Endpoint, Nothing
from gateway.control.admin.front import FrontDesk
from gateway.control.permissions import PERMISSIONS

TEMPLATE = "#/components/schemas/{name}"
IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Sent again with the same body, the request is answered as it was the first time and nothing is made twice.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


class ErrorFacts(Struct, frozen=True):
    """What went wrong: Anthropic's word for its kind, a sentence for people, and `code`, a stable word for this very refusal, as
    `limit.window`. There is none where no operation was reached, as at a path that is not there."""

    type: str
    message: str
    code: str = ""


class Error(Struct, frozen=True):
    """Every refusal."""

    type: str
    error: ErrorFacts
    request_id: str


def page(endpoints: Iterable[Endpoint[Any, Any]], version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these endpoints."""
    rows = list(endpoints)
    shapes = [shape for row in rows for shape in (row.body, row.answer) if shape is not Nothing]
    schemas, components = msgspec.json.schema_components([*shapes, Error], ref_template=TEMPLATE)
    named = iter(schemas)
    paths: dict[str, dict[str, Any]] = {}
    for row in rows:
        body = next(named) if row.body is not Nothing else None
        answer = next(named)
        paths.setdefault(row.path, {})[row.method.lower()] = operation(row, body, answer, next(reversed(schemas)))
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sluice admin interface", "version": version},
        "security": [{"x-api-key": []}, {"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def operation(row: Endpoint[Any, Any], body: Any, answer: Any, error: Any) -> dict[str, Any]:
    """One operation. `body`, `answer` and `error` are their schemas; no body when None."""
    access = PERMISSIONS[row.key]
    described: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{row.method.lower()}_{row.path.lstrip('/')}").strip("_"),
        "summary": row.summary,
        "description": f"For {access.value}.",
        "tags": [_tag(row.path)],
        "parameters": [*_path_parameters(row.path), *_query_parameters(row.query), *([IDEMPOTENCY] if row.makes else [])],
        "responses": {
            str(row.status): {"description": "Done.", "content": {row.streams or "application/json": {"schema": answer}}},
            "default": {"description": "Refused.", "content": {"application/json": {"schema": error}}},
        },
    }
    if body is not None:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return described


def endpoint(others: Iterable[Endpoint[Any, Any]], version: str) -> Endpoint[Nothing, Nothing]:
    """The operation that shows the page of `others` and itself."""
    written: list[dict[str, Any]] = []

    async def show(front: FrontDesk, call: Call[Nothing, Nothing]) -> dict[str, Any]:
        if not written:
            written.append(page([*others, own], version))
        return written[0]

    own: Endpoint[Nothing, Nothing] = Endpoint("GET", "/admin/openapi.json", "This page", show, dict[str, Any])
    return own


def _tag(path: str) -> str:
    steps = [step for step in path.split("/") if step not in ("", "admin", "v1") and not step.startswith("{")]
    return steps[0] if steps[0] != "organizations" else f"organizations/{steps[1]}"


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = re.findall(r"\{(\w+)\}", path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _query_parameters(query: type[Struct]) -> list[dict[str, Any]]:
    (shape,), components = msgspec.json.schema_components([query], ref_template=TEMPLATE)
    described = components[shape["$ref"].rpartition("/")[2]]
    required = described.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in described["properties"].items()
    ]
