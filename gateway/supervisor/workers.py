"""Workers: Granian's server with our rules for dying and replaced workers.

Owns the data plane's processes. Each is started again when it dies, however often, and nobody else is stopped for it. At a reload
each new worker must turn before the old one is told to finish; a new one that never does changes nothing for its place.

Granian's watchers tell the index of a dead worker, not which of its generations died: a place whose present worker lives is left
alone.
"""

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing import connection
from typing import Any, Protocol

import structlog
from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from gateway.settings import Settings, SettingsError, taken_over, waiting
from gateway.state.shared import SharedFile
from gateway.supervisor.child import POLL_S, READY_WAIT_S, Restarts, parent_lives

# Granian counts idle connections too when it decides to take no more.
BACKLOG = 4096
# Longer than any honest client needs for a head, short enough that slow ones cannot pile up.
HEADER_READ_TIMEOUT_MS = 20_000
START_TRIES = 3
# How often a worker that should stop is told so; a draining one hears it more than once and goes on draining.
REPEAT_S = 1.0

_log = structlog.get_logger()


class Process(Protocol):
    """What is used of Granian's worker processes, whose own code has no annotations."""

    birth: float
    inner: Any

    def start(self) -> None: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...

    def join(self, timeout: float | None = None) -> None: ...

    def is_alive(self) -> bool: ...


class Workers(MPServer):
    """`reload` reads the settings anew, `on_reload` is told them before the first worker is replaced, `on_ready` is called once,
    when every worker's loop turns."""

    def __init__(
        self,
        settings: Settings,
        shared: SharedFile,
        reload: Callable[[], Settings],
        on_reload: Callable[[Settings], None],
        on_ready: Callable[[], None],
    ) -> None:
        super().__init__(
            "sluice",
            address=settings.host,
            port=settings.port,
            interface=Interfaces.ASGI,
            workers=settings.workers,
            loop=Loops.uvloop,
            runtime_mode=RuntimeModes.mt,
            http=HTTPModes.http1,
            websockets=False,
            backlog=BACKLOG,
            backpressure=BACKLOG,
            http1_settings=HTTP1Settings(header_read_timeout=HEADER_READ_TIMEOUT_MS),
            workers_kill_timeout=_kill_timeout_s(settings),
            log_level=LogLevels.warning,
        )
        self._settings = settings
        self._shared = shared
        self._read_settings = reload
        self._on_settings = on_reload
        self._on_ready = on_ready
        self._restarts: dict[int, Restarts] = {}
        self._due: list[int] = []
        self._retiring: list[threading.Thread] = []
        self.on_startup(self._announce)

    @property
    def told_to_stop(self) -> bool:
        """Whether SIGTERM or SIGINT has come."""
        return bool(self.interrupt_signal)

    def run(self) -> None:
        """Serves until SIGTERM or SIGINT; no worker is left when this returns."""
        try:
            # Granian exits when a worker ended by itself while all were stopping, as they do when a terminal or a service manager
            # signals the whole group.
            with suppress(SystemExit):
                self.serve(target_loader=partial(load_worker, self._settings), wrap_loader=False)
        finally:
            if self.wrks:
                self._stop_workers()
            for thread in self._retiring:
                thread.join()

    def _serve_loop(self, spawn_target: Any, target_loader: Any) -> None:
        while True:
            self.main_loop_interrupt.wait()
            self.main_loop_interrupt.clear()
            if self.told_to_stop:
                self._shared.draining = True
                return
            while self.interrupt_children:
                self._schedule(self.interrupt_children.pop())
            while self._due:
                index = self._due.pop()
                if has_died(self._at(index)):
                    self.wrks[index] = self._start(index, spawn_target, target_loader)
            if self.reload_signal:
                self.reload_signal = False
                target_loader = self._replace_all(spawn_target, target_loader)

    def _stop_workers(self) -> None:
        """Granian's own, which says it once; a signal that comes while a worker's loop is being set up can be lost."""
        crew: list[Process] = list(self.wrks)
        stopped = threading.Event()
        threading.Thread(target=_insist, args=(crew, stopped), daemon=True).start()
        try:
            super()._stop_workers()  # type: ignore[no-untyped-call] # Granian's own code has no annotations here
        finally:
            stopped.set()

    def _at(self, index: int) -> Process:
        process: Process = self.wrks[index]
        return process

    def _schedule(self, index: int) -> None:
        """Notes a dead worker; it is due at once, or later when it keeps dying."""
        worker = self._at(index)
        if not has_died(worker):
            return
        wait_s = self._restarts.setdefault(index, Restarts()).next_wait_s(time.monotonic() - worker.birth)
        _log.warning("restarting", process=f"worker-{index + 1}", exit_code=worker.inner.exitcode, wait_s=wait_s)
        timer = threading.Timer(wait_s, self._make_due, (index,))
        timer.daemon = True
        timer.start()

    def _make_due(self, index: int) -> None:
        self._due.append(index)
        self.main_loop_interrupt.set()

    def _spawn_worker(self, idx: int, target: Any, callback_loader: Any) -> Any:  # type: ignore[override] # its own has one less
        """Granian's own, with the core that the worker keeps to."""
        core = core_of(self._settings, idx, sorted(os.sched_getaffinity(0)))
        return super()._spawn_worker(idx, target, partial(callback_loader, core=core))

    def _start(self, index: int, spawn_target: Any, target_loader: Any) -> Any:
        worker: Process = self._spawn_worker(index, spawn_target, target_loader)
        worker.start()
        return worker

    def _replace_all(self, spawn_target: Any, target_loader: Any) -> Any:
        """A reload. Returns the loader for every worker from now on."""
        try:
            read = self._read_settings()
        except SettingsError as error:
            _log.error("reload refused, nothing changed", problems=list(error.problems))
            return target_loader
        _log.info("reloading", needs_restart=[str(one) for one in waiting(self._settings, read)])
        settings = self._settings = taken_over(self._settings, read)
        self.workers_kill_timeout = _kill_timeout_s(settings)
        self._on_settings(settings)
        loader = partial(load_worker, settings)
        for index in range(self.workers):
            if not self._replace(index, spawn_target, loader) and not self.told_to_stop:
                _log.error("a new worker does not start, the old one goes on with the old settings", worker=index + 1)
        return loader

    def _replace(self, index: int, spawn_target: Any, loader: Any) -> bool:
        for _ in range(START_TRIES):
            new = self._start(index, spawn_target, loader)
            if self._wait_until_beating(new):
                old, self.wrks[index] = self._at(index), new
                self._retiring = [thread for thread in self._retiring if thread.is_alive()]
                self._retiring.append(threading.Thread(target=self._retire, args=(old,), daemon=True))
                self._retiring[-1].start()
                return True
            new.kill()
            if self.told_to_stop:
                break
        return False

    def _retire(self, worker: Process) -> None:
        worker.terminate()
        worker.join(self.workers_kill_timeout)
        if worker.is_alive():
            worker.kill()

    def _wait_until_beating(self, worker: Process) -> bool:
        """Until the new worker's loop turns. False when it died, when READY_WAIT_S has passed or the end has come."""
        deadline_s = time.monotonic() + READY_WAIT_S
        while time.monotonic() < deadline_s and worker.is_alive() and not self.told_to_stop:
            if self._beats(worker):
                return True
            time.sleep(POLL_S)
        return False

    def _beats(self, worker: Process) -> bool:
        table = self._shared.workers
        slots = range(self._shared.layout.slots)
        return any(table.pid(slot) == worker.inner.pid and table.heartbeat_ns(slot) for slot in slots)

    def _announce(self) -> None:
        threading.Thread(target=self._await_ready, daemon=True).start()

    def _await_ready(self) -> None:
        while len(self.wrks) < self.workers or not all(self._beats(self._at(index)) for index in range(self.workers)):
            if self.told_to_stop:
                return
            time.sleep(POLL_S)
        self._on_ready()


def has_died(worker: Process) -> bool:
    """Whether a process has ended, by its sentinel. Its exit code is told to one thread only, and every start of a process asks
    for the exit codes of all: whoever comes second would take the dead one for alive, and nobody would start it again."""
    return bool(connection.wait([worker.inner.sentinel], 0))


def _insist(crew: list[Process], stopped: threading.Event) -> None:
    while not stopped.wait(REPEAT_S):
        for worker in crew:
            if worker.is_alive():
                worker.terminate()


def core_of(settings: Settings, index: int, cores: Sequence[int]) -> int | None:
    """The core that the worker at a place keeps to; None when it may use all. The first core is the last to be given away:
    the control plane and the system have some use for it.
    """
    if settings.worker_cores != "own" or settings.workers > len(cores):
        return None
    return cores[(index + 1) % len(cores)]


def load_worker(settings: Settings, core: int | None = None) -> Any:
    """The application of a worker, made in its process; threads that are started from here on keep to the core too."""
    # One whose supervisor was killed while it started would be seen by nobody.
    if not parent_lives():
        raise SystemExit(0)
    if core is not None:
        with suppress(OSError):  # the core may have been taken away meanwhile
            os.sched_setaffinity(0, {core})
    from gateway.dataplane.app import build

    return build(settings)


def _kill_timeout_s(settings: Settings) -> int:
    return max(1, round(settings.drain_timeout_s))
