"""Servers: the simulator listening on a TCP port or a Unix socket.

Owns the listener and the life of its connections, in an asyncio loop of the caller's (`Simulator`) or in its own (`serve`).
"""

import asyncio
import os
import signal
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from types import TracebackType

import uvloop

from gateway.simulator.connection import Connection, Connections
from gateway.simulator.script import Script, read_header
from gateway.simulator.surfaces import Surfaces
from gateway.simulator.truth import Truth, TruthLog

BACKLOG = 4096
# Recorded streams of this checkout; an installed package has none unless it is told a folder.
FIXTURES_DIR = Path(__file__).resolve().parents[2] / "tests" / "golden" / "anthropic"


class Simulator:
    """An upstream of its own: `async with Simulator() as sim:` and point a client at `sim.url`.

    `keys`: accepted credentials, none given = any. `script`: the server's own instructions in header spelling. `uds`: listen on
    that path instead of host and port. `truth_path`: append records to that file; `keep_truth` keeps them in `truth`.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        uds: Path | str | None = None,
        keys: Iterable[str] = (),
        script: str = "",
        truth_path: Path | None = None,
        keep_truth: bool = True,
        fixtures_dir: Path | None = FIXTURES_DIR,
    ) -> None:
        self._host = host
        self._port = port
        self._uds = None if uds is None else str(uds)
        self._connections = Connections()
        self._log = TruthLog(truth_path, keep=keep_truth)
        self._surfaces = Surfaces(
            keys=frozenset(keys), script=read_header(script, Script()), truth=self._log, fixtures_dir=fixtures_dir
        )
        self._server: asyncio.Server | None = None

    def __repr__(self) -> str:
        return f"<Simulator {self._uds or self._host} {len(self._connections)} connections, {self._log!r}>"

    @property
    def url(self) -> str:
        """`http://host:port`, or `http+unix:` and the path of the socket."""
        if self._uds is not None:
            return f"http+unix:{self._uds}"
        return f"http://{self._host}:{self.port}"

    @property
    def port(self) -> int:
        """The port that is listened on."""
        if self._server is None or self._uds is not None:
            return self._port
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def truth(self) -> list[Truth]:
        """The records of finished requests, in the order they ended."""
        return self._log.records

    @property
    def connections_open(self) -> int:
        """Sockets that clients hold open."""
        return len(self._connections)

    def set_script(self, script: str, *, key: str = "") -> None:
        """Replaces the server's own instructions, or those for the calls that come with one key. Raises ScriptError."""
        if key:
            self._surfaces.scripts[key] = read_header(script, Script())
        else:
            self._surfaces.script = read_header(script, Script())

    async def wait_truth(self, holds: int | Callable[[list[Truth]], bool], timeout_s: float = 5.0) -> list[Truth]:
        """The records once there are that many, or once `holds(records)`. Raises TimeoutError."""
        condition = holds if callable(holds) else lambda records: len(records) >= holds
        await self._log.wait(condition, timeout_s)
        return self._log.records

    async def open(self) -> None:
        """Starts to listen. Raises OSError."""
        loop = asyncio.get_running_loop()
        make = partial(Connection, self._surfaces, self._connections, loop)
        if self._uds is not None:
            # A socket file left by a killed process would make the bind fail.
            _remove(self._uds)
            self._server = await loop.create_unix_server(make, self._uds, backlog=BACKLOG)
            os.chmod(self._uds, 0o600)
        else:
            self._server = await loop.create_server(make, self._host, self._port, backlog=BACKLOG)

    async def close(self) -> None:
        """Stops listening and breaks what is open. Records of broken exchanges end as stopped."""
        if self._server is not None:
            self._server.close()
            await self._connections.close()
            await self._server.wait_closed()
            self._server = None
        if self._uds is not None:
            _remove(self._uds)
        self._log.close()

    async def __aenter__(self) -> "Simulator":
        await self.open()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()


def _remove(path: str) -> None:
    Path(path).unlink(missing_ok=True)


async def _until_stopped(simulator: Simulator, ready: Callable[[str], None] | None) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with simulator:
        if ready is not None:
            ready(simulator.url)
        await stopped.wait()


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    uds: Path | str | None = None,
    keys: Iterable[str] = (),
    script: str = "",
    truth_path: Path | None = None,
    fixtures_dir: Path | None = FIXTURES_DIR,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT, then returns. `ready` is called with the url once calls are taken. Main thread only."""
    simulator = Simulator(
        host=host,
        port=port,
        uds=uds,
        keys=keys,
        script=script,
        truth_path=truth_path,
        keep_truth=False,
        fixtures_dir=fixtures_dir,
    )
    uvloop.run(_until_stopped(simulator, ready))
