"""The list of models: what is written down and what upstreams have, in the caller's dialect, without a call to any upstream."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.core.outcome import Outcome
from gateway.dataplane import model_list
from gateway.simulator.server import Simulator
from gateway.state.keys import KeyRow, KeyState
from gateway.state.limits import LimitTable
from gateway.state.record import Surface
from tests.dataplane.house import KEY, KEY_ID, Client, House, house

MODELS = """
[aliases]
"fast" = "claude-haiku-5-5"

[[model]]
id = "claude-haiku-5-5"
display_name = "Claude Haiku 5.5"
family = "v5"
max_input_tokens = 1000000
max_tokens = 128000
line = "haiku"
"""
LISTS: dict[str, list[list[Any]]] = {
    "anthropic": [
        ["claude-haiku-5-5", "Haiku", 1_780_000_000, {"line": "haiku", "id": "x"}],
        ["claude-other", "Claude Other", 0, {}],
        ["a/b", "", 0, {}],
    ]
}
BEARER: dict[str, Any] = {"x_api_key": None, "authorization": f"Bearer {KEY}", "anthropic_version": None}


@asynccontextmanager
async def control(worker: House, body: bytes, *, status: bytes = b"200 OK", silent: bool = False) -> AsyncIterator[list[bytes]]:
    """A control plane that gives this answer on the internal socket; what it was asked."""
    asked: list[bytes] = []
    serving: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.append(task)
        async for line in reader:  # until the worker closes
            if line == b"\r\n" and not silent:
                writer.write(b"HTTP/1.1 %b\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body))
            elif line.startswith(b"GET "):
                asked.append(line)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_unix_server(serve, worker.worker.settings.paths.internal_sock)
    try:
        yield asked
    finally:
        server.close()
        worker.worker.internal.close()
        await asyncio.gather(*serving)


def run(test: Callable[[House], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Simulator() as sim, house(sim.url, models=MODELS) as worker:
            await test(worker)
            assert not sim.truth  # no upstream is asked by a worker

    asyncio.run(main())


async def get(worker: House, path: str = "/v1/models", **more: Any) -> tuple[Client, Any]:
    answer = await worker.ask(Client(b""), path=path, method=more.pop("method", "GET"), content_length="0", **more)
    return answer, json.loads(answer.body) if answer.body else None


def test_the_list_in_either_dialect() -> None:
    async def told(worker: House) -> None:
        async with control(worker, json.dumps(LISTS).encode()) as asked:
            answer, document = await get(worker)
            assert [row["id"] for row in document["data"]] == ["fast", "claude-haiku-5-5", "claude-other", "a/b"]
            shown = document["data"][1]
            assert (shown["type"], shown["display_name"], shown["line"]) == ("model", "Claude Haiku 5.5", "haiku")
            assert (shown["max_input_tokens"], shown["created_at"]) == (1_000_000, "2026-05-28T20:26:40Z")
            assert answer.headers["request-id"].startswith("req_")
            assert answer.headers["content-type"] == "application/json"
            settled = worker.one_settled()
            assert (settled.outcome, settled.surface, settled.status) == (Outcome.FINISHED, Surface.MODELS, 200)
            answer, document = await get(worker, **BEARER)
            assert [row["id"] for row in document["data"]] == ["fast", "claude-haiku-5-5", "claude-other", "a/b"]
            assert (document["object"], document["data"][0]["object"]) == ("list", "model")
            assert answer.headers["x-request-id"].startswith("req_")
        assert all(one.startswith(b"GET /internal/models ") for one in asked)

    run(told)


def test_pages_and_what_is_wrong_with_a_query() -> None:
    async def told(worker: House) -> None:
        async with control(worker, b"{}"):
            _, document = await get(worker, query="limit=1&beta=true")
            assert ([row["id"] for row in document["data"]], document["has_more"]) == (["fast"], True)
            answer, document = await get(worker, query="limit=0")
            assert (answer.status, document["error"]["type"]) == (400, "invalid_request_error")
            worker.settled()
            worker.assert_nothing_held()

    run(told)


def test_one_model() -> None:
    async def told(worker: House) -> None:
        async with control(worker, json.dumps(LISTS).encode()):
            for path, found in (
                ("/v1/models/claude-other", "claude-other"),
                ("/v1/models/claude-haiku-latest", "claude-haiku-5-5"),
                ("/v1/models/a%2Fb", "a/b"),
                ("/v1/models/a/b", "a/b"),
            ):
                answer, document = await get(worker, path)
                assert (answer.status, document["id"]) == (200, found), path
            answer, document = await get(worker, "/v1/models/claude-nobody")
            assert (answer.status, document["error"]["message"]) == (404, "model: claude-nobody")
            answer, document = await get(worker, "/v1/models/claude-nobody", **BEARER)
            assert (answer.status, document["error"]["code"]) == (404, "model_not_found")
            answer, document = await get(worker, "/v1/models/claude-other", method="HEAD")
            assert (answer.status, document) == (200, None)
            assert int(answer.headers["content-length"]) > 100

    run(told)


@pytest.mark.parametrize("silent", [True, False])
def test_without_the_control_plane_there_is_what_is_written_down(silent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_list, "WAIT_S", 0.05)

    async def told(worker: House) -> None:
        async with control(worker, b"no", status=b"503 x", silent=silent):
            _, document = await get(worker)
            assert [row["id"] for row in document["data"]] == ["fast", "claude-haiku-5-5"]
            answer, _ = await get(worker, "/v1/models/claude-haiku-5-5")
            assert answer.status == 200
            answer, document = await get(worker, "/v1/models/claude-other")
            assert (answer.status, answer.headers["retry-after"]) == (503, "2")
            worker.settled()
            worker.assert_nothing_held()

    run(told)


def test_a_key_sees_what_it_may_use() -> None:
    async def told(worker: House) -> None:
        bit = LimitTable(worker.shared).pattern_bit("*other")
        row = KeyRow(KEY_ID, 1, KeyState.ACTIVE, 0, 0, 1 << bit)
        worker.shared.keys.put(worker.worker.pepper.digest(KEY), row)
        async with control(worker, json.dumps(LISTS).encode()):
            _, document = await get(worker)
            assert [one["id"] for one in document["data"]] == ["claude-other"]
            assert (await get(worker, "/v1/models/claude-other"))[0].status == 200
            assert (await get(worker, "/v1/models/claude-haiku-5-5"))[0].status == 404
        async with control(worker, b"no", status=b"503 x"):
            assert (await get(worker, "/v1/models/claude-other"))[0].status == 503
            assert (await get(worker, "/v1/models/claude-nobody"))[0].status == 404

    run(told)


def test_it_takes_a_key() -> None:
    async def refused(worker: House) -> None:
        answer, _ = await get(worker, x_api_key="sk-wrong")
        assert answer.status == 401

    run(refused)
