"""A worker's calls in this process: real shared file, real journal, real upstream sockets; only the server in front is left out.

A test plays the client by the same two functions that the server hands to an application: what it sends and what it is told.
"""

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway import settings
from gateway.core.clock import Clock
from gateway.dataplane.calls import Calls
from gateway.dataplane.worker import Worker
from gateway.state.journal import Settlement
from gateway.state.keys import KeyRow, KeyState
from gateway.state.layout import Layout
from gateway.state.pepper import load_pepper
from gateway.state.shared import SharedFile
from gateway.upstream.course import Budget

LAYOUT = Layout(keys_capacity=64, slots=2, rows_per_slot=64, ring_capacity=4096, limits_capacity=4096)
KEY = "sk-test-caller"
SECRET = "sk-ant-upstream-secret"
KEY_ID = 7
PROVIDER = """
[[provider]]
name = "other"
dialect = "{}"
also_speaks = {}
base_url = "{}/v1"
keys_env = "ANTHROPIC_API_KEY"
[provider.profile]
reasoning_field = "reasoning_content"
"""


class Handed:
    """What the server's `send` returns when a frame was taken at once: nothing to wait for."""

    def __await__(self) -> Any:
        return
        yield


class Client:
    """The client's side of one call.

    `frames` is what it was handed. While `stalled` it takes nothing, like a reader whose socket is full; `room` is how many
    frames it takes before that. After `leave` the server says that it is gone.
    """

    def __init__(self, body: bytes = b"", *, pieces: list[bytes] | None = None, room: int | None = None) -> None:
        self.frames: list[dict[str, Any]] = []
        self.pieces = pieces if pieces is not None else [body]
        self.room = room
        self._gone: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._stalled: list[asyncio.Future[None]] = []
        self.on_frame: Callable[[], None] = lambda: None
        self.stalled = asyncio.Event()  # set once a frame was not taken

    def receive(self) -> Awaitable[dict[str, Any]]:
        loop = asyncio.get_running_loop()
        if not self.pieces:
            return asyncio.shield(self._gone)
        arrived: asyncio.Future[dict[str, Any]] = loop.create_future()
        piece = self.pieces.pop(0)
        arrived.set_result({"type": "http.request", "body": piece, "more_body": bool(self.pieces)})
        return arrived

    def send(self, message: dict[str, Any]) -> Any:
        self.frames.append(message)
        self.on_frame()
        if self.room is None or len(self.frames) <= self.room:
            return Handed()
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stalled.append(taken)
        self.stalled.set()
        return taken

    def read_on(self) -> None:
        """Takes what waits, and everything from now on."""
        self.room = None
        for taken in self._stalled:
            if not taken.done():
                taken.set_result(None)
        self._stalled.clear()

    def leave(self) -> None:
        if not self._gone.done():
            self._gone.set_result({"type": "http.disconnect"})

    @property
    def status(self) -> int:
        return int(self.frames[0]["status"]) if self.frames else 0

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode("latin-1") for name, value in self.frames[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(frame["body"] for frame in self.frames[1:])

    @property
    def is_whole(self) -> bool:
        """Whether the answer was ended, and not broken off."""
        return bool(self.frames) and self.frames[-1].get("more_body") is False

    @property
    def error(self) -> dict[str, Any]:
        """The error of an envelope."""
        answer = json.loads(self.body)
        assert answer["type"] == "error"
        assert answer["request_id"] == self.headers["request-id"]
        return dict(answer["error"])


class House:
    """One worker and what a test asks it."""

    def __init__(self, worker: Worker, shared: SharedFile, upstream_url: str, *, forgives: bool) -> None:
        self.worker = worker
        self.forgives = forgives
        self.shared = shared
        self.upstream_url = upstream_url
        self.calls = Calls(worker, _no_probes)

    @property
    def connections(self) -> Any:
        (upstream,) = self.worker.upstreams.values()
        return upstream.connections

    async def chatted(self, script: str, *, stream: bool = True, path: str = "/v1/chat/completions", **more: Any) -> Client:
        """One call in one of OpenAI's dialects under a script of the simulator. `more` goes into the body."""
        said = question(stream=stream, **more) if "chat" in path else question(messages=None, input=ASKED, stream=stream, **more)
        return await self.ask(Client(said), path=path, x_simulate=script)

    def scope(
        self, body_bytes: int | None, *, method: str = "POST", path: str = "/v1/messages", query: str = "", **headers: str | None
    ) -> dict[str, Any]:
        """What the server tells of a request; a header that is None is left out."""
        lines = {
            "host": "gateway.test",
            "x-api-key": KEY,
            "anthropic-version": "2023-06-01",
            "content-type": "application/json",
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        if body_bytes is not None:
            lines.setdefault("content-length", str(body_bytes))
        else:
            lines.setdefault("transfer-encoding", "chunked")
        return {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "http_version": "1.1",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in lines.items() if value is not None],
        }

    async def ask(self, client: Client, *, timeout_s: float = 10.0, **more: Any) -> Client:
        """Answers one call of `client`, whose pieces are the body."""
        if self.forgives:
            self.forgive()
        scope = self.scope(sum(map(len, client.pieces)), **more)
        async with asyncio.timeout(timeout_s):
            await self.calls(scope, client.receive, client.send)
        return client

    async def simulated(self, script: str, *, stream: bool = True, **more: Any) -> Client:
        """One Messages call under a script of the simulator."""
        return await self.ask(Client(conversation(stream=stream)), x_simulate=script, **more)

    def forgive(self) -> None:
        """Forgets what upstreams did: whatever is out is well again."""
        for pool in self.worker.pools.values():
            lanes = list(pool._lanes.values())
            places = [pool._provider_state_at, *(credential.state_at for credential in pool._credentials)]
            places += [lane.provider_state_at for lane in lanes]
            places += [seat.state_at for lane in lanes for seat in lane.seats]
            for place in places:
                pool.region.store(place, 0)

    def settled(self) -> list[Settlement]:
        """The journal's records since the last look."""
        reader = self.shared.journal.readers[self.worker.slot.index]
        records = [Settlement.unpack(record) for record in reader.read(4096)]
        reader.release(len(records))
        return records

    def one_settled(self) -> Settlement:
        """The one record since the last look; nothing is held any more."""
        records = self.settled()
        assert len(records) == 1, records
        self.assert_nothing_held()
        return records[0]

    def assert_nothing_held(self) -> None:
        assert self.worker.rows.count == 0
        assert all(upstream.connections.out == 0 for upstream in self.worker.upstreams.values())
        assert all(one.in_flight == 0 for pool in self.worker.pools.values() for one in pool._credentials)
        assert self.worker.watch.live == 0


def conversation(text: str = "hello there", **more: Any) -> bytes:
    """The body of a Messages request."""
    return json.dumps(
        {"model": "claude-sonnet-4-5", "max_tokens": 4096, "messages": [{"role": "user", "content": text}], **more}
    ).encode()


ASKED = "hello there"


def question(text: str = ASKED, **more: Any) -> bytes:
    """The body of a chat request; what is None is left out."""
    said = {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": text}], **more}
    return json.dumps({name: value for name, value in said.items() if value is not None}).encode()


@asynccontextmanager
async def house(
    upstream_url: str,
    *,
    config: str = "",
    models: str = "",
    providers: str = "",
    dialects: tuple[str, ...] = (),
    clock: Clock | None = None,
    pooled: bool = False,
    **variables: str,
) -> AsyncIterator[House]:
    """A worker whose one upstream is at `upstream_url`: Anthropic's, or one that speaks `dialects` of OpenAI's.

    `config`, `models` and `providers` are texts of the operator's files, `variables` more of the environment. Unless `pooled`,
    every call is tried once and no call is held against a later one, for tests of what becomes of an answer.
    """
    with tempfile.TemporaryDirectory(prefix="house-", dir="/tmp") as folder:
        files = Path(folder, "config")
        if dialects:
            providers = PROVIDER.format(dialects[0], list(dialects[1:]), upstream_url)
        _write(files, {"gateway.toml": config, "models.toml": models, "providers.toml": providers})
        environ = {"ANTHROPIC_UPSTREAM_URL": upstream_url, "ANTHROPIC_API_KEY": SECRET} | variables
        choices = settings.load(files, environ, data_dir=Path(folder, "d"))
        os.makedirs(choices.paths.run_dir)
        shared = SharedFile.create(choices.paths.shared_map, LAYOUT)
        pepper = load_pepper(choices.paths.pepper)
        shared.keys.put(pepper.digest(KEY), KeyRow(KEY_ID, 1, KeyState.ACTIVE, 0))
        worker = Worker.open(choices, clock)
        if not pooled:
            worker.budget = Budget(0.0)
        worker.watch.start()
        try:
            yield House(worker, shared, upstream_url, forgives=not pooled)
        finally:
            worker.close()
            shared.close()


def _write(folder: Path, texts: dict[str, str]) -> None:
    folder.mkdir()
    for name, text in texts.items():
        if text:
            (folder / name).write_text(text)


async def _no_probes(scope: dict[str, Any], receive: Any, send: Any) -> None:
    raise AssertionError(f"{scope['path']} is not a call")
