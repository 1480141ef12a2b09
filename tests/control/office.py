"""A small office for tests: real database, real shared file, a worker's slot to write from, and a log to read."""

import io
import json
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from gateway import settings
from gateway.catalog.plans import Plans
from gateway.catalog.prices import PriceList
from gateway.control.books.drain import Drain
from gateway.control.books.entry import Pricing
from gateway.control.books.lines import LineWriter, RequestLog
from gateway.control.books.orphans import Orphans
from gateway.control.desk import Desk
from gateway.control.metrics import Tally
from gateway.control.store import KeyRecord, NewKey, Store, StoreError
from gateway.control.store import keys as key_rows
from gateway.core import ids
from gateway.core.clock import Clock, ManualClock
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from gateway.settings import Paths, Settings
from gateway.state.inflight import InflightRows
from gateway.state.journal import RingWriter, Settlement
from gateway.state.layout import Layout
from gateway.state.pepper import Pepper
from gateway.state.record import Flags, Surface
from gateway.state.shared import SharedFile
from gateway.state.workers import WorkerSlot

LAYOUT = Layout(keys_capacity=1024, slots=4, rows_per_slot=16, ring_capacity=64, limits_capacity=256)
MODEL = "claude-sonnet-4-5"
STARTED_NS = 1_795_000_000_000_000_000


@cache
def shipped() -> Settings:
    """The settings that come with the gateway."""
    return settings.load(None, {})


def shipped_prices() -> PriceList:
    return shipped().prices


def shipped_plans() -> Plans:
    return shipped().plans


PEPPER = Pepper(b"\1" * 32)


def settlement(**changes: Any) -> Settlement:
    """A finished streamed call of 1000 input and 200 output tokens, priced as a worker does."""
    facts: dict[str, Any] = {
        "request_id": ids.timed_id(changes.get("started_ns", STARTED_NS)),
        "started_ns": STARTED_NS,
        "outcome": Outcome.FINISHED,
        "surface": Surface.MESSAGES,
        "duration_us": 2_000_000,
        "ttft_us": 300_000,
        "key_id": 1,
        "status": 200,
        "flags": Flags.STREAM,
        "attempts": 1,
        "usage": Usage(1000, 0, 0, 0, 200),
        "model_asked": MODEL,
        "model_served": MODEL,
        "path": "/v1/messages",
        "method": "POST",
        "provider": "anthropic",
    }
    made = Settlement(**{"workspace_id": 1} | facts | changes)
    if "cost_nanodollars" not in changes:
        rate = shipped_prices().rate(made.model_served or made.model_asked, made.started_ns)
        made.cost_nanodollars = 0 if rate is None else rate.cost(made.usage)
    return made


def enter_keys(store: Store, *keys: NewKey) -> list[KeyRecord]:
    """Keys as rows of the default workspace, without all that minting does."""
    with store.transaction() as connection:
        return key_rows.insert(connection, 1, keys, 10)


class Office:
    """Everything the drain needs, in one directory."""

    def __init__(self, data_dir: Path) -> None:
        self.paths = Paths(data_dir)
        self.paths.run_dir.mkdir(exist_ok=True)
        fresh = not self.paths.shared_map.exists()
        self.shared = SharedFile.create(self.paths.shared_map, LAYOUT) if fresh else SharedFile.open(self.paths.shared_map)
        self.store = Store.open(self.paths.gateway_db)
        self.tally = Tally()
        self.stream = io.BytesIO()
        self.log = RequestLog(self.stream, self.tally.drop)
        self.prices = shipped_prices()
        self.plans = shipped_plans()
        self.pepper = PEPPER

    def drain(self, desk: Desk | None = None) -> Drain:
        """As the control plane makes it at its start."""
        desk = desk or self.desk()
        pricing = Pricing(self.prices, self.store.price_list_id(self.prices.version))
        lines = LineWriter(self.store.key_public_id)
        run_dir, weight = self.paths.run_dir, shipped().weight
        orphans = Orphans(self.store, self.shared, run_dir, pricing, desk.limits, weight, ManualClock())
        return Drain(self.store, self.shared, pricing, desk.ledger, desk.limits, orphans, lines, self.log, self.tally)

    def desk(self, pepper: Pepper = PEPPER, clock: Clock | None = None) -> Desk:
        """Everything that orders can be given to."""
        return Desk(self.store, pepper, shipped_plans(), clock or ManualClock(wall_ns=STARTED_NS), self.shared)

    def reopen(self) -> None:
        """The database and the shared file, as another process finds them."""
        self.shared.close()
        self.shared = SharedFile.open(self.paths.shared_map)
        self.store = Store.open(self.paths.gateway_db)

    def renewed(self, clock: Clock | None = None) -> Desk:
        """A new shared file, as after the loss of the old one, made to agree with the database."""
        self.shared.close()
        self.shared = SharedFile.create(self.paths.shared_map, LAYOUT)
        desk = self.desk(clock=clock)
        desk.rebuild()
        return desk

    def rows(self) -> list[dict[str, Any]]:
        """The request rows, oldest first."""
        cursor = self.store.connection.execute("SELECT * FROM requests ORDER BY rowid")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def lines(self) -> list[dict[str, Any]]:
        """What the request log has been given, after closing it."""
        self.log.close()
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def close(self) -> None:
        self.log.close()
        self.store.close()
        self.shared.close()


class Worker:
    """A living worker, as far as the shared file can tell."""

    def __init__(self, office: Office) -> None:
        self.slot = WorkerSlot.claim(office.shared, office.paths.run_dir)
        self.ring = RingWriter(self.slot)
        self.inflight = InflightRows(self.slot)

    def settle(self, *settlements: Settlement) -> None:
        for one in settlements:
            assert self.ring.append(one.pack())

    def die(self) -> None:
        """Leaves everything as it is; the kernel takes the lock back."""
        self.slot.release()


def breaking_off(store: Store, act: Callable[[], object], steps: int) -> bool:
    """Does something in which SQLite breaks off once, after so many steps of its machine. True when it was over before."""
    left = [steps]

    def step() -> int:
        left[0] -= 1
        return left[0] == -1  # once: what follows must be able to clean up

    store.connection.set_progress_handler(step, 1)
    try:
        act()
    except StoreError:
        return False
    finally:
        store.connection.set_progress_handler(None, 1)
    return True


def wait_for(condition: Any, timeout_s: float = 10.0) -> Any:
    """The first true value of `condition`, asked again and again. Fails after `timeout_s`."""
    deadline_s = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.005)
    return value
