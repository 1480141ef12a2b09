"""Pages that poll and listen while the control plane dies: they go on where they were, and are never told nonsense."""

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.serving import Gateway, serving
from tests.workers.clients import WAIT_S, call, kept

PASSWORD = "correct horse battery"
POLL_S = 0.02


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with serving(workers=1) as gateway:
        with gateway.admin() as admin:
            assert admin.post("accounts", json={"name": "o", "password": PASSWORD, "role": "owner"}).status_code == 200
        yield gateway


@dataclass
class Heard:
    """What a page was told: answers by status, and the ids of the events, stream by stream."""

    statuses: "Counter[int]" = field(default_factory=Counter)
    without_retry_after: int = 0
    streams: list[list[int]] = field(default_factory=list)

    def note(self, answer: httpx.Response) -> None:
        self.statuses[answer.status_code] += 1
        self.without_retry_after += answer.status_code == 503 and "retry-after" not in answer.headers


@asynccontextmanager
async def visitor(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=gateway.url, timeout=20) as client:
        token = (await client.get("/console/login")).text.partition('name="csrf" value="')[2].partition('"')[0]
        fields = {"csrf": token, "name": "o", "password": PASSWORD}
        assert (await client.post("/console/login", data=fields, headers={"origin": gateway.url})).status_code == 303
        yield client


async def poll(client: httpx.AsyncClient, heard: Heard) -> None:
    """As `live.js` asks, only more often."""
    tag = ""
    while True:
        answer = await client.get("/console/live?since=24h", headers={"if-none-match": tag, "hx-request": "true"})
        heard.note(answer)
        tag = answer.headers.get("etag", tag)
        await asyncio.sleep(POLL_S)


async def listen(client: httpx.AsyncClient, heard: Heard) -> None:
    """As an EventSource does: comes again with the last id, whatever ended the stream."""
    last = ""
    while True:
        ids: list[int] = []
        headers = {"accept": "text/event-stream"} | ({"last-event-id": last} if last else {})
        try:
            async with client.stream("GET", "/console/live/events?since=24h", headers=headers) as answer:
                heard.note(answer)
                if answer.status_code == 200:
                    heard.streams.append(ids)
                    async for line in answer.aiter_lines():
                        if line.startswith("id: "):
                            last = line[4:]
                            ids.append(int(last))
        except httpx.TransportError:
            pass
        await asyncio.sleep(POLL_S)


async def until(holds: Callable[[], object], what: str) -> None:
    async with asyncio.timeout(WAIT_S):
        while not holds():  # noqa: ASYNC110 (what it waits for are processes)
            await asyncio.sleep(POLL_S)


async def live(client: httpx.AsyncClient, key: str, cursor: str, count: int) -> Any:
    """What is live, once so many requests stand behind the cursor; a gateway whose control plane is away is asked again."""
    async with asyncio.timeout(WAIT_S):
        while True:
            answer = await client.get("/admin/v1/live", params={"since": "24h", "cursor": cursor}, headers={"x-api-key": key})
            assert answer.status_code in (200, 503), answer.text
            if answer.status_code == 200 and len(answer.json()["requests"]) >= count:
                return answer.json()
            await asyncio.sleep(POLL_S)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_pages_go_on_after_the_control_plane_has_gone(gateway: Gateway, end: signal.Signals) -> None:
    [key] = gateway.mint()

    admin_key = json.loads(gateway.cli("admin-keys", "mint", "--name", "v", "--role", "viewer", "--json"))["key"]

    async def scenario() -> tuple[Heard, Heard]:
        polled, listened = Heard(), Heard()
        async with visitor(gateway) as client, visitor(gateway) as other:
            tasks = [asyncio.create_task(poll(client, polled)), asyncio.create_task(listen(other, listened))]
            await until(lambda: polled.statuses[304] and listened.streams, "pages that are open")
            cursor = (await live(client, admin_key, "0", 0))["cursor"]
            assert await call(gateway.port, key) == 200
            cursor = (await live(client, admin_key, cursor, 1))["cursor"]
            pid = kept(gateway.data_dir, "control")
            os.kill(pid, end)
            assert [await call(gateway.port, key) for _ in range(5)] == [200] * 5  # callers notice nothing
            await until(lambda: kept(gateway.data_dir, "control") not in (0, pid), "another control plane")
            new = (await live(client, admin_key, cursor, 5))["requests"]
            assert len({one["id"] for one in new}) == len(new) == 5
            seen = polled.statuses[200] + polled.statuses[304]
            await until(lambda: polled.statuses[200] + polled.statuses[304] > seen + 3, "answers again")
            await until(lambda: len(listened.streams) > 1 and listened.streams[-1][-1:] >= [int(cursor) + 5], "events again")
            for task in tasks:
                assert not task.done(), task
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return polled, listened

    for heard in asyncio.run(scenario()):
        assert heard.statuses.keys() <= {200, 304, 503}, heard.statuses
        assert heard.without_retry_after == 0
        ids = [one for stream in heard.streams for one in stream]
        assert ids == sorted(ids), "a stream went back behind what was seen"
