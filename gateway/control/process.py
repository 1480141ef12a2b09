"""The control plane's process: everything it owns is opened here, in order, and closed in the other order.

Lock, pepper, database, shared file, keys; then the books start and the three sockets open. Requests are served by Granian's
embedded server in this process' own loop; the database is written in one thread, the request log in another.
"""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import structlog
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
from starlette.applications import Starlette
from starlette.routing import Route

from gateway.control import first_owner
from gateway.control.accounts import Accounts
from gateway.control.admin.asking import Asking
from gateway.control.admin.endpoints import ENDPOINTS
from gateway.control.admin.front import FrontDesk
from gateway.control.admin.http import AdminSurface
from gateway.control.admin.repetition import Repetition
from gateway.control.admin_keys import AdminKeys
from gateway.control.app import build
from gateway.control.books.drain import Drain
from gateway.control.books.entry import Pricing
from gateway.control.books.keeper import Keeper
from gateway.control.books.lines import LineWriter, RequestLog
from gateway.control.books.orphans import Orphans
from gateway.control.books.verify import Verifier
from gateway.control.changes import Changes
from gateway.control.counting import Counting
from gateway.control.desk import Desk
from gateway.control.figures import worker_figures
from gateway.control.jobs import Job, Jobs
from gateway.control.keys import OrderError
from gateway.control.lock import ControlLock, LockTakenError
from gateway.control.metrics import Exposition, Tally
from gateway.control.model_lists import ModelLists
from gateway.control.permissions import INTERNAL, RELAYED, TRUSTED, Access
from gateway.control.pool_figures import pool_figures
from gateway.control.pool_health import pool_health
from gateway.control.pool_watch import PoolWatch
from gateway.control.relayed import Relayed, uptime_s
from gateway.control.release import version
from gateway.control.reload import reload, tell_supervisor
from gateway.control.sessions import Sessions
from gateway.control.store import Reader, Store, StoreError
from gateway.control.upstreams import Upstreams, upstreams_of
from gateway.core.clock import Clock, SystemClock
from gateway.settings import Paths, Settings
from gateway.state.counters import Counter
from gateway.state.credentials import CredentialTableFullError
from gateway.state.pepper import Pepper, PepperError, load_pepper
from gateway.state.shared import LayoutError, SharedFile

LOCK_WAIT_S = 10.0  # a command may hold the lock for the moment it takes to mint a key
LISTEN_WAIT_S = 10.0
STOP_WAIT_S = 5.0
BACKLOG = 1024
GC_THRESHOLDS = (50_000, 20, 50)


@dataclass(frozen=True, slots=True)
class Opened:
    """What the process holds while it lives."""

    paths: Paths
    pepper: Pepper
    store: Store
    shared: SharedFile
    desk: Desk
    upstreams: Upstreams
    tally: Tally
    keys_in_force: int
    clock: Clock


class Pages(Protocol):
    """What browsers are shown: routes for the relay's socket, and who may see which of them."""

    @property
    def permissions(self) -> Mapping[str, Access]: ...

    def routes(self) -> list[Route]: ...


class NoPages:
    """For a control plane that nobody looks at."""

    permissions: Mapping[str, Access] = {}

    def __init__(self, settings: Settings, front: FrontDesk, asking: Asking) -> None:
        pass

    def routes(self) -> list[Route]:
        return []


PagesMaker = Callable[[Settings, FrontDesk, Asking], Pages]


def run(settings: Settings, make_pages: PagesMaker = NoPages) -> None:
    """Serves until SIGTERM or SIGINT, then makes a last pass over the journals. Exits with 1, saying why, if it cannot start."""
    os.umask(0o077)
    configure_log(settings.log_format)
    paths = settings.paths
    try:
        with ControlLock.take(paths.control_lock, LOCK_WAIT_S):
            opened = open_all(settings, SystemClock())
            try:
                first_owner.make(settings, Accounts(opened.store, opened.pepper, opened.clock))
                asyncio.run(serve(settings, opened, make_pages))
            finally:
                opened.store.close()
                opened.shared.close()
    except (LockTakenError, PepperError, StoreError, OrderError, LayoutError, CredentialTableFullError, OSError) as error:
        structlog.get_logger().error("control plane cannot start", error=str(error))
        sys.exit(1)


def open_all(settings: Settings, clock: Clock) -> Opened:
    """Opens everything durable; the caller holds the control lock. The shared file is made if there is none."""
    paths = settings.paths
    pepper = load_pepper(paths.pepper)
    store = Store.open(paths.gateway_db)
    try:
        shared = SharedFile.open(paths.shared_map) if paths.shared_map.exists() else SharedFile.create(paths.shared_map)
    except BaseException:
        store.close()
        raise
    try:
        desk = Desk(store, pepper, settings.plans, clock, shared)
        in_force = desk.rebuild()
        tally = Tally()
        upstreams = upstreams_of(settings, store, pepper, clock, shared, tally.speeds)
        upstreams.pool.rebuild()
        shared.bump_generation()
    except BaseException:
        store.close()
        shared.close()
        raise
    return Opened(paths, pepper, store, shared, desk, upstreams, tally, in_force, clock)


async def serve(settings: Settings, opened: Opened, make_pages: PagesMaker = NoPages) -> None:
    """The process' life between opening and closing."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    paths, store, clock = opened.paths, opened.store, opened.clock
    books = ThreadPoolExecutor(1, thread_name_prefix="books")
    tally = opened.tally
    log = RequestLog(sys.stdout.buffer, tally.drop)
    pricing = Pricing(settings.prices, store.price_list_id(settings.prices.version))
    desk, lines = opened.desk, LineWriter(store.key_public_id, settings.log_format)
    orphans = Orphans(store, opened.shared, paths.run_dir, pricing, desk.limits, settings.weight, clock)
    drain = Drain(store, opened.shared, pricing, desk.ledger, desk.limits, orphans, lines, log, tally)
    jobs = (*desk.jobs(drain.catch_up), *drain.rollups.jobs(clock))
    accounts = Accounts(store, opened.pepper, clock)
    sessions = Sessions(store, opened.pepper, clock, accounts)
    keeper = Keeper(drain, Jobs(clock, *jobs, Job("tidy sessions", 60.0, sessions.tidy)), books, tally, clock)
    counting = Counting(settings.body_max_bytes)
    lists = ModelLists(settings.providers, clock)
    health = Health(opened, keeper, settings.simulated)
    upstreams = opened.upstreams
    figures = pool_figures(upstreams.pool, lambda: upstreams.models)
    exposition = Exposition(tally.families, worker_figures(opened.shared, paths.run_dir), figures)
    token = None if settings.metrics_token is None else settings.metrics_token.reveal()
    front = front_desk(settings, opened, accounts, sessions, drain, health, books)
    asking = Asking(front, books)
    network, trusted = AdminSurface(front, asking, trusted=False), AdminSurface(front, asking, trusted=True)
    pages = make_pages(settings, front, asking)
    relayed = [*Relayed(exposition, health, token).routes(), *network.routes(ENDPOINTS, RELAYED), *pages.routes()]
    apps = {
        paths.control_sock: build(relayed, RELAYED, pages.permissions, tally.strangers.stray(clock)),
        paths.admin_sock: build(trusted.routes(ENDPOINTS, TRUSTED), TRUSTED),
        paths.internal_sock: build([*counting.routes(), *lists.routes()], INTERNAL),
    }
    keeping = asyncio.create_task(keeper.run(stop))
    watching = asyncio.create_task(PoolWatch(upstreams.pool).run(stop))
    async with listening(apps):
        structlog.get_logger().info("control plane ready", pid=os.getpid(), keys_in_force=opened.keys_in_force)
        # What was made so far lives as long as the process, and rows are made by the thousand without a cycle among them.
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        await stop.wait()
    await watching
    await keeping
    counting.close()
    lists.close()
    books.shutdown()
    log.close()
    structlog.get_logger().info("control plane stopped")


def front_desk(
    settings: Settings,
    opened: Opened,
    accounts: Accounts,
    sessions: Sessions,
    drain: Drain,
    health: Callable[[], dict[str, Any]],
    books: Executor,
) -> FrontDesk:
    """What the admin interface works with; `books` has the one thread that writes."""
    store, pepper, clock = opened.store, opened.pepper, opened.clock
    reader = Reader(opened.paths.gateway_db)

    async def in_books(act: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(books, act)

    return FrontDesk(
        store=store,
        desk=opened.desk,
        admin_keys=AdminKeys(store, pepper, clock),
        accounts=accounts,
        sessions=sessions,
        changes=Changes(store, clock),
        repetition=Repetition(opened.desk.idempotency, pepper),
        reader=reader,
        prices=settings.prices,
        pepper=pepper,
        clock=clock,
        health=health,
        catch_up=drain.enter_all,
        verifier=Verifier(reader, pepper, opened.desk.limits, drain.enter_all),
        in_books=in_books,
        strangers=opened.tally.strangers,
        upstreams=lambda: opened.upstreams,
        reload=lambda: reload(settings, tell_supervisor),
    )


class Health:
    """The answer of `/status`."""

    def __init__(self, opened: Opened, keeper: Keeper, simulated: bool) -> None:
        self._opened = opened
        self._keeper = keeper
        self._simulated = simulated
        self._uptime_s = uptime_s()
        self._version = version()

    def __call__(self) -> dict[str, Any]:
        shared = self._opened.shared
        alive = shared.workers.alive(self._opened.paths.run_dir)
        failing = self._keeper.failing
        upstreams = self._opened.upstreams
        return {
            "status": "ok" if alive and not failing and not shared.draining else "degraded",
            "version": self._version,
            "uptime_s": self._uptime_s(),
            "workers": len(alive),
            "streams_open": shared.counters.totals(alive)[Counter.STREAMS_OPEN],
            "draining": shared.draining,
            "books": {"failing": failing, "age_s": round(self._keeper.age_s, 3)},
            "simulated": self._simulated,
            "pool": pool_health(upstreams.pool, upstreams.speeds),
        }


@asynccontextmanager
async def listening(apps: dict[Path, Starlette]) -> AsyncIterator[None]:
    """Serves each application on its socket, from entry to exit. Raises OSError when a socket does not come up."""
    servers = [
        Server(
            app,
            uds=path,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            websockets=False,
            backlog=BACKLOG,
            backpressure=BACKLOG,
            log_enabled=False,
        )
        for path, app in apps.items()
    ]
    for path in apps:
        path.unlink(missing_ok=True)  # left by a process that was killed; the lock says that it is gone
    tasks = [asyncio.create_task(server.serve()) for server in servers]
    try:
        async with asyncio.timeout(LISTEN_WAIT_S):
            for path in apps:
                await _accepting(path, tasks)
        yield
    finally:
        for server in servers:
            server.stop()  # type: ignore[no-untyped-call] # Granian's own code has no annotations here
        _, late = await asyncio.wait(tasks, timeout=STOP_WAIT_S)
        for task in late:
            task.cancel()


def configure_log(log_format: str) -> None:
    """Process logs: one line each on standard error, JSON unless the operator wants text."""
    renderer: Any = structlog.processors.JSONRenderer()
    if log_format == "text":
        renderer = structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )


async def _accepting(path: Path, tasks: list[asyncio.Task[None]]) -> None:
    while True:
        for task in tasks:
            if task.done():
                task.result()
                raise OSError(f"the server on {path} ended at once")
        with suppress(FileNotFoundError, ConnectionRefusedError):
            _, writer = await asyncio.open_unix_connection(path)
            writer.close()
            return
        await asyncio.sleep(0.01)
