"""The ASGI application of one worker, in this process: probes, the lifespan, and what a draining worker says."""

import asyncio
import gc
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway import settings
from gateway.dataplane.app import SWITCH_INTERVAL_S, Application, build
from gateway.state.layout import Layout
from gateway.state.pepper import load_pepper
from gateway.state.shared import SharedFile
from tests.dataplane.house import Handed


@asynccontextmanager
async def running(tmp_path: Path) -> AsyncIterator[tuple[Application, SharedFile]]:
    """An application between its start and its end; its upstream is never asked."""
    environ = {"ANTHROPIC_UPSTREAM_URL": "http://127.0.0.1:9", "ANTHROPIC_API_KEY": "sk-ant-unused"}
    choices = settings.load(None, environ, data_dir=tmp_path / "d")
    choices.paths.run_dir.mkdir(parents=True)
    load_pepper(choices.paths.pepper)
    shared = SharedFile.create(choices.paths.shared_map, Layout(keys_capacity=64, slots=2, rows_per_slot=4, ring_capacity=8))
    app = build(choices)
    said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    task = asyncio.ensure_future(app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, said.get, told.put))
    await said.put({"type": "lifespan.startup"})
    assert (await told.get())["type"] == "lifespan.startup.complete"
    try:
        yield app, shared
    finally:
        await said.put({"type": "lifespan.shutdown"})
        assert (await told.get())["type"] == "lifespan.shutdown.complete"
        await task
        shared.close()


async def ask(app: Application, path: str, method: str = "GET") -> tuple[int, dict[bytes, bytes], bytes]:
    frames: list[dict[str, Any]] = []

    def send(frame: dict[str, Any]) -> Any:
        frames.append(frame)
        return Handed()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "http_version": "1.1",
        "headers": [(b"host", b"gateway")],
    }
    await app(scope, receive, send)
    return frames[0]["status"], dict(frames[0]["headers"]), b"".join(frame.get("body", b"") for frame in frames[1:])


@pytest.fixture(autouse=True)
def pace() -> Iterator[None]:
    """The application changes the pace of its process, of the interpreter and the collector; not to last beyond a test."""
    interval, thresholds, policy = sys.getswitchinterval(), gc.get_threshold(), os.sched_getscheduler(0)
    yield
    os.sched_setscheduler(0, policy, os.sched_param(0))
    sys.setswitchinterval(interval)
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_probes(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as (app, _):
            assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL_S)
            for path in ("/healthz", "/health", "/healthz/"):
                status, _, body = await ask(app, path)
                assert (status, json.loads(body)) == (200, {"status": "ok"})
            status, _, body = await ask(app, "/readyz")
            assert (status, json.loads(body)) == (200, {"status": "ready"})
            for path in ("/", "/api/hello"):
                status, _, body = await ask(app, path, "HEAD")
                assert (status, body) == (200, b"")

    asyncio.run(run())


def test_a_gateway_that_drains_is_not_ready(tmp_path: Path) -> None:
    """It still lives and answers, but a balancer is told to ask others."""

    async def run() -> None:
        async with running(tmp_path) as (app, shared):
            shared.draining = True
            status, headers, body = await ask(app, "/readyz")
            assert (status, headers[b"retry-after"], json.loads(body)) == (503, b"1", {"status": "draining"})
            assert (await ask(app, "/healthz"))[0] == 200
            shared.draining = False
            assert (await ask(app, "/readyz"))[0] == 200

    asyncio.run(run())


def test_a_worker_whose_journal_is_full_is_not_ready(tmp_path: Path) -> None:
    """Nobody drains it here: refused requests fill it, and then it says that the books are down."""

    async def run() -> None:
        async with running(tmp_path) as (app, _):
            for _ in range(8):
                status, _, _ = await ask(app, "/v1/models")
                assert status == 401
            status, headers, body = await ask(app, "/readyz")
            assert (status, headers[b"retry-after"], json.loads(body)) == (503, b"1", {"status": "books down"})

    asyncio.run(run())


def test_the_control_plane_may_be_away(tmp_path: Path) -> None:
    """What is relayed to it is a 503 then, and the probes and refusals of the worker itself go on."""

    async def run() -> None:
        async with running(tmp_path) as (app, _):
            status, headers, body = await ask(app, "/status")
            assert (status, headers[b"retry-after"]) == (503, b"2")
            assert json.loads(body)["error"]["type"] == "overloaded_error"
            assert (await ask(app, "/v1/models"))[0] == 401
            assert (await ask(app, "/v1/messages"))[0] == 405

    asyncio.run(run())


def test_the_slot_is_given_up_at_the_end(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as (_, shared):
            assert len(shared.workers.alive(tmp_path / "d" / "run")) == 1
        left = SharedFile.open(tmp_path / "d" / "shared.map")
        assert len(left.workers.alive(tmp_path / "d" / "run")) == 0
        left.close()

    asyncio.run(run())
