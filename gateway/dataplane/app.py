"""The ASGI application of a worker: a Starlette application for the lifespan and the probes, and the calls beside it.

The hot path does not go through Starlette's router: a dictionary of paths answers the same question (`surfaces`), and the
router costs 10 us a request. This is the data plane's only importer of Starlette.
"""

import contextlib
import gc
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gateway.dataplane.calls import Calls
from gateway.dataplane.flow import Send
from gateway.dataplane.listener import give_up_stalled, leave_softly
from gateway.dataplane.passthrough import Receive
from gateway.dataplane.worker import Worker
from gateway.settings import Settings

# Granian's threads and the loop contend for the interpreter; a short interval lets the loop back in sooner than the usual 5 ms.
SWITCH_INTERVAL_S = 0.0005
# A call leaves no cycles behind, so the collector finds next to nothing; at its usual pace it took a tenth of the time.
GC_THRESHOLDS = (20_000, 20, 50)


class Application:
    """One worker's ASGI application."""

    def __init__(self, settings: Settings) -> None:
        _work_in_batches()
        self._worker = Worker.open(settings)
        routes = [
            Route("/healthz", self._alive),
            Route("/health", self._alive),
            Route("/readyz", self._ready),
            Route("/api/hello", self._hello),
            Route("/", self._hello, methods=["HEAD"]),
        ]
        self._starlette = Starlette(routes=routes, lifespan=self._lifespan)
        self._calls = Calls(self._worker, self._starlette)  # type: ignore[arg-type]  # Starlette says MutableMapping

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._calls(scope, receive, send)
        else:
            await self._starlette(scope, receive, send)  # type: ignore[arg-type]

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._worker.watch.start()
        leave_softly(self._worker.settings.port)
        give_up_stalled(self._worker.settings.port)
        # What was made so far lives as long as the worker; the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        try:
            yield
        finally:
            self._worker.close()

    async def _alive(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _ready(self, _: Request) -> Response:
        if self._worker.shared.draining:
            return JSONResponse({"status": "draining"}, status_code=503, headers={"retry-after": "1"})
        if self._worker.ring.free() <= self._worker.rows.count:
            return JSONResponse({"status": "books down"}, status_code=503, headers={"retry-after": "1"})
        return JSONResponse({"status": "ready"})

    async def _hello(self, _: Request) -> Response:
        return PlainTextResponse("")


def _work_in_batches() -> None:
    """Keeps threads of this process that wake up from interrupting the one that works: they are three, they hand every request
    to one another, and each interruption costs two switches. Measured in short runs on a noisy machine: 119 and 131 us of CPU a
    call instead of 137, added latency 0.21 to 0.23 ms instead of 0.27. Runs of the same code differ by as much, so measure again.

    Where the system does not know or allow it, nothing changes.
    """
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def build(settings: Settings) -> Application:
    """Called once in each worker process."""
    return Application(settings)
