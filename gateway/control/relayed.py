"""What the world may ask of the control plane: metrics and status. Holds nothing about any single key or request."""

import hmac
import time
from collections.abc import Callable
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.control.metrics import CONTENT_TYPE, Exposition
from gateway.core.faults import Fault, FaultKind


class Relayed:
    """The public endpoints. `metrics_token` is None when anybody may scrape."""

    def __init__(self, exposition: Exposition, health: Callable[[], dict[str, Any]], metrics_token: str | None) -> None:
        self._exposition = exposition
        self._health = health
        self._authorization = None if metrics_token is None else f"Bearer {metrics_token}".encode()

    def routes(self) -> list[Route]:
        return [Route("/metrics", self.metrics), Route("/status", self.status)]

    async def metrics(self, request: Request) -> Response:
        """All figures in Prometheus' text form."""
        if self._authorization is not None:
            given = request.headers.get("authorization", "").encode("latin-1")
            if not hmac.compare_digest(given, self._authorization):
                raise Fault(FaultKind.UNAUTHENTICATED, "metrics need the metrics token as a bearer token")
        return Response(await run_in_threadpool(self._exposition.text), media_type=CONTENT_TYPE)

    async def status(self, request: Request) -> Response:
        """Whether everything works, for people and for status pages."""
        health = await run_in_threadpool(self._health)
        return Response(orjson.dumps(health), media_type="application/json", headers={"cache-control": "no-store"})


def uptime_s() -> Callable[[], int]:
    """Whole seconds since this call."""
    started_ns = time.monotonic_ns()
    return lambda: (time.monotonic_ns() - started_ns) // 1_000_000_000
