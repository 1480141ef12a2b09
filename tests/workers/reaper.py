"""The reaper: kill -9 of what serves, and how long it takes until nobody can tell any more."""

import asyncio
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from gateway.settings import Paths
from gateway.state.journal import Settlement
from gateway.state.layout import RECORD_BYTES
from gateway.state.limits import LimitState, rows
from gateway.state.shared import SharedFile
from native_fastpath import ROW_HEADER
from tests.serving import serving
from tests.workers.clients import kept

RECEIPT_S = 30.0
WAIT_S = 120.0  # for what has to happen, where nothing is said about how soon
_COPY = 24  # in a row in flight: which of its two records counts


class Waiting:
    """How much longer everything takes here because others want the processors too: bounds in seconds are meant for a machine
    that has nothing else to do. By what the kernel has counted for this process, which shares them with what it watches."""

    def __init__(self) -> None:
        self._since = self._counted()

    @staticmethod
    def _counted() -> tuple[int, int]:
        """Nanoseconds that this thread has run, and that it has waited for a processor."""
        try:
            ran, waited, _ = map(int, Path("/proc/thread-self/schedstat").read_text().split())
        except FileNotFoundError:
            return 0, 0
        return ran, waited

    def factor(self) -> float:
        """1 for a thread that never waited since this was made, 2 for one that waited as long as it ran."""
        ran, waited = (now - then for now, then in zip(self._counted(), self._since, strict=True))
        return 1 + waited / ran if ran else 1.0


class Ground:
    """The gateway of the moment, and what can be seen of it from outside. `stack` ends all gateways that were started on it."""

    def __init__(self, stack: ExitStack, variables: dict[str, str], workers: int) -> None:
        self._stack = stack
        self._variables = variables
        self._workers = workers
        self.gateway = stack.enter_context(serving(variables, workers=workers))
        self.paths = Paths(self.gateway.data_dir)
        self.shared = stack.enter_context(closing(SharedFile.open(self.paths.shared_map)))

    def restart(self) -> None:
        """Another gateway on what the last one has left. Returns when it takes calls."""
        home, port = self.gateway.data_dir, self.gateway.port
        again = serving(self._variables, workers=self._workers, data_dir=home, port=port)
        self.gateway = self._stack.enter_context(again)

    def alive(self) -> dict[int, int]:
        """Pid by slot of the workers whose loop turns."""
        table = self.shared.workers
        return {slot: table.pid(slot) for slot in table.alive(self.paths.run_dir) if table.heartbeat_ns(slot)}

    def in_flight(self, slot: int) -> set[bytes]:
        """Request ids in the rows of a slot whose owner is dead."""
        region, layout = self.shared.region, self.shared.layout
        found = set()
        for number in range(layout.rows_per_slot):
            row = layout.row_at(slot, number)
            if region.load(row):
                record = row + ROW_HEADER + (region.load(row + _COPY) & 1) * RECORD_BYTES
                found.add(Settlement.unpack(region.read(record, RECORD_BYTES)).request_id)
        return found

    def is_quiet(self) -> bool:
        """Whether nothing is in flight and everything is in the books."""
        slots = [slot for slot in range(self.shared.layout.slots) if self.shared.workers.epoch(slot)]
        # In the order in which a request moves on: one that is settled between two looks must be seen by the second.
        if any(self.shared.inflight.count(slot) for slot in slots):
            return False
        return not any(reader.depth for reader in self.shared.journal.readers)

    def limits(self) -> list[LimitState]:
        """Every limit in the shared file."""
        region, layout = self.shared.region, self.shared.layout
        states = (rows.state_of(region, layout, index) for index in range(1, layout.limits_capacity))
        return [state for state in states if state is not None]

    def query(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Rows of the books."""
        with closing(sqlite3.connect(f"file:{self.paths.gateway_db}?mode=ro", uri=True, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql, values)]

    def lacks(self, wanted: set[bytes]) -> bool:
        """Whether some of these requests are not in the books."""
        places = ", ".join("?" * len(wanted))
        found = self.query(f"SELECT count(*) AS count FROM requests WHERE request_id IN ({places})", *wanted)
        return bool(found[0]["count"] < len(wanted))

    def admin(self) -> httpx.AsyncClient:
        socket = httpx.AsyncHTTPTransport(uds=str(self.paths.admin_sock))
        return httpx.AsyncClient(transport=socket, base_url="http://gateway/admin/v1/", timeout=10)


@dataclass
class Reaper:
    """Kills in an order of its own; nothing of it is left to chance but the moment."""

    ground: Ground
    every_s: float  # between two deaths; the same slot's turn comes after three of these
    kills: "Counter[str]" = field(default_factory=Counter)
    admitted: set[bytes] = field(default_factory=set)  # what was in flight in places whose worker died
    ready_s: "dict[str, list[float]]" = field(default_factory=dict)  # from a death until somebody works there again
    receipts_s: list[float] = field(default_factory=list)  # from a death until every admitted request has its receipt
    _killed_s: dict[int, float] = field(default_factory=dict)
    _watching: "list[asyncio.Task[None]]" = field(default_factory=list)

    async def reap(self, worker_kills: int, slots: int) -> None:
        """Workers in turn, then the control plane, then everything at once; returns when all is up again."""
        for number in range(worker_kills):
            await self._kill_worker(number % slots)
            await asyncio.sleep(self.every_s)
        await self._kill_control()
        await asyncio.sleep(self.every_s)
        await self._kill_everything(slots)

    async def all_entered(self) -> None:
        """Returns when every death has its receipts."""
        await asyncio.gather(*self._watching)

    async def _kill_worker(self, slot: int) -> None:
        await until(lambda: slot in self.ground.alive(), "a worker to be killed")
        await asyncio.sleep(self._killed_s.get(slot, 0.0) + 3 * self.every_s - time.monotonic())
        pid = self.ground.alive()[slot]
        os.kill(pid, signal.SIGKILL)
        died_s = self._killed_s[slot] = time.monotonic()
        await until(lambda: self.ground.alive().get(slot) != pid, "its death")
        self._bury("worker", self.ground.in_flight(slot), died_s)
        asyncio.get_running_loop().create_task(self._time_ready("worker", died_s, lambda: slot in self.ground.alive()))

    async def _kill_control(self) -> None:
        os.kill(kept(self.ground.gateway.data_dir, "control"), signal.SIGKILL)
        died_s = time.monotonic()
        async with self.ground.admin() as client, asyncio.timeout(WAIT_S):
            await _answering(client)
        self.kills["control plane"] += 1
        self.ready_s.setdefault("control plane", []).append(time.monotonic() - died_s)

    async def _kill_everything(self, slots: int) -> None:
        os.killpg(self.ground.gateway.pid, signal.SIGKILL)
        await until(lambda: not self.ground.alive(), "the end of everything")
        left: set[bytes] = set().union(*(self.ground.in_flight(slot) for slot in range(slots)))
        died_s = time.monotonic()
        await asyncio.to_thread(self.ground.restart)
        self.ready_s.setdefault("everything", []).append(time.monotonic() - died_s)
        self._bury("everything", left, died_s)
        await until(lambda: len(self.ground.alive()) == slots, "all workers")
        self._killed_s.clear()

    def _bury(self, what: str, left: set[bytes], died_s: float) -> None:
        self.kills[what] += 1
        self.admitted |= left
        self._watching.append(asyncio.get_running_loop().create_task(self._watch(left, died_s)))

    async def _watch(self, left: set[bytes], died_s: float) -> None:
        while await asyncio.to_thread(self.ground.lacks, left):
            assert time.monotonic() - died_s < WAIT_S, "an admitted request has no receipt"
            await asyncio.sleep(0.2)
        self.receipts_s.append(time.monotonic() - died_s)

    async def _time_ready(self, what: str, died_s: float, ready: Callable[[], bool]) -> None:
        await until(ready, "another worker in its place")
        self.ready_s.setdefault(what, []).append(time.monotonic() - died_s)


async def _answering(client: httpx.AsyncClient) -> None:
    while True:
        with suppress(httpx.HTTPError):
            if (await client.get("status")).status_code == 200:
                return
        await asyncio.sleep(0.01)


async def until(holds: Callable[[], bool], what: str, wait_s: float = WAIT_S) -> None:
    """Returns once `holds()`. Raises AssertionError."""
    deadline_s = time.monotonic() + wait_s
    while not holds():
        assert time.monotonic() < deadline_s, f"waited in vain for {what}"
        await asyncio.sleep(0.01)
