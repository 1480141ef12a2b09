"""A shared file with several workers on it, in one process and on a virtual clock."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.catalog.providers import Origin, Provider, Secret
from gateway.state.credentials import begin_leases
from gateway.state.layout import Layout
from gateway.state.pepper import Pepper
from gateway.state.shared import SharedFile
from gateway.state.workers import WorkerSlot
from gateway.upstream.pool import affinity
from gateway.upstream.pool.choice import considered
from gateway.upstream.pool.lease import Lease
from gateway.upstream.pool.names import Namer
from gateway.upstream.pool.pool import Pool, Wait
from gateway.upstream.pool.reading import FINE, Told
from gateway.upstream.pool.standing import Ending

SMALL = Layout(keys_capacity=16, slots=4, rows_per_slot=2, ring_capacity=2, limits_capacity=16, credentials_capacity=32)
BOOT = 7
NAMER = Namer(Pepper(b"p" * 32))
MODEL = "claude-opus-5"


def provider(keys: int = 3, name: str = "main", concurrency_max: int = 0) -> Provider:
    secrets = tuple(Secret(f"sk-{name}-{number}") for number in range(keys))
    return Provider(name, "anthropic", Origin("http", "h.test", 80), secrets, concurrency_max=concurrency_max)


class Town:
    """Workers that share a file, and the time that is told to all of them."""

    def __init__(self, directory: Path) -> None:
        self.run_dir = directory / "run"
        self.run_dir.mkdir()
        self.shared = SharedFile.create(directory / "shared.map", SMALL)
        self.slots: list[WorkerSlot] = []
        self.now_ms = 1_000_000

    def worker(self, upstream: Provider) -> Pool:
        """A pool in a worker of its own, which lives."""
        slot = WorkerSlot.claim(self.shared, self.run_dir)
        begin_leases(slot)
        self.slots.append(slot)
        pool = Pool(self.shared, slot, NAMER, upstream, self.now_ms, BOOT)
        self.beat()
        return pool

    def beat(self) -> None:
        for slot in self.slots:
            slot.beat(self.now_ms * 1_000_000)

    def advance(self, ms: int) -> None:
        self.now_ms += ms
        self.beat()

    def pick(self, pool: Pool, key: int = 0, model: str = MODEL, **more: int) -> Lease | None:
        return pool.pick(model, key, self.now_ms, **more)

    def call(self, pool: Pool, told: Told | Ending = FINE, key: int = 0, model: str = MODEL, **more: int) -> int:
        """A call from pick to end, in no time. The place that carried it, -1 when there was none."""
        lease = self.pick(pool, key, model, **more)
        if lease is None:
            return -1
        lease.end(Told(told) if isinstance(told, Ending) else told, self.now_ms)
        return lease.credential

    def close(self) -> None:
        for slot in self.slots:
            slot.release()
        self.shared.close()


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    town = Town(tmp_path)
    yield town
    town.close()


Settle = Callable[[Pool], None]


def settle(town: Town, *pools: Pool, model: str = MODEL) -> None:
    """Lets every credential answer once, so that the model has lanes of its own."""
    for pool in pools:
        for place in range(len(pool)):
            town.call(pool, model=model, tried=~(1 << place) & (1 << len(pool)) - 1)


def key(number: int) -> int:
    return affinity.key_of(1, b"session %d" % number, {})


def preferring(pool: Pool, place: int) -> int:
    """The key of a conversation that prefers a place."""
    return next(key(number) for number in range(1000) if affinity.order(key(number), pool._names)[0] == place)


def stood(wait: Wait) -> dict[int, str]:
    """How each credential stood, by its place."""
    return {one.place: one.standing for one in considered(wait.note)}
