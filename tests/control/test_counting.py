import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from gateway.control import counting
from gateway.control.app import build
from gateway.control.counting import Counting
from gateway.control.permissions import Access
from gateway.control.process import listening
from tests.control.served import ControlPlane, short_dir


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 (the state of another thread)
            await asyncio.sleep(0.002)


def test_a_full_queue_refuses_at_once_and_recovers() -> None:
    gate = threading.Event()
    begun = threading.Semaphore(0)

    def slow(body: bytes, model: str) -> int:
        begun.release()
        assert gate.wait(10)
        return len(body)

    async def main() -> None:
        counter = Counting(1000, slow)
        with short_dir() as directory:
            socket = Path(directory) / "internal.sock"
            async with listening({socket: build(counter.routes(), frozenset({Access.WORKER}))}):
                transport = httpx.AsyncHTTPTransport(uds=str(socket), limits=httpx.Limits(max_connections=None))
                async with httpx.AsyncClient(transport=transport, base_url="http://gateway", timeout=20) as client:
                    waiting = [
                        asyncio.create_task(client.post("/internal/count_tokens", content=b"{}"))
                        for _ in range(counting.WAITING_MAX)
                    ]
                    await until(lambda: counter.waiting == counting.WAITING_MAX)
                    refused = await client.post("/internal/count_tokens", content=b"{}")
                    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
                    gate.set()
                    answers = await asyncio.gather(*waiting)
                    assert {(answer.status_code, answer.content) for answer in answers} == {(200, b'{"input_tokens":2}')}
                    assert (await client.post("/internal/count_tokens", content=b"{}  ")).json() == {"input_tokens": 4}
                    assert (await client.post("/internal/count_tokens", content=b"x" * 1001)).status_code == 413
                    assert counter.waiting == 0
        counter.close()

    asyncio.run(main())


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"{", b"[" * 100_000, b'{"a": NaN}', b'{"a": "\xff"}', b'{"a": "\\ud800"}'])
def test_hostile_bodies_are_400(served: ControlPlane, body: bytes) -> None:
    """R9: never a 5xx."""
    with served.internal as client:
        assert client.post("/internal/count_tokens", content=body, headers={"x-model": "claude-sonnet-4-5"}).status_code == 400


def test_a_request_is_counted(served: ControlPlane) -> None:
    body = {"messages": [{"role": "user", "content": "How many tokens are in this sentence?"}]}
    with served.internal as client:
        response = client.post("/internal/count_tokens", json=body, headers={"x-model": "claude-sonnet-4-5"}, timeout=30)
    assert response.status_code == 200
    assert 8 < response.json()["input_tokens"] < 40
