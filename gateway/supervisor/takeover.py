"""Taking over: what must be true before anything is started, and what a killed supervisor left behind.

Owns the supervisor's lock, the port, the shared file's opening, and the orphans: the control plane ends first, because the books
have one writer; old workers finish their streams once new ones listen; the simulator answers them until then.
"""

import errno
import os
import signal
import socket
import time

import structlog

from gateway.control.lock import ControlLock, LockTakenError
from gateway.settings import Paths
from gateway.state.shared import LayoutError, SharedFile
from gateway.supervisor.child import POLL_S, lock_of, stop_holder, tell

_log = structlog.get_logger()


class AlreadyServingError(Exception):
    """Another supervisor serves from the same data directory."""


class ListenError(Exception):
    """The address cannot be listened on."""


def take_lock(paths: Paths) -> ControlLock:
    """The right to serve from this data directory, held until released or death. Raises AlreadyServingError, OSError."""
    try:
        return ControlLock.take(paths.supervisor_lock)
    except LockTakenError:
        raise AlreadyServingError(f"a gateway already serves from {paths.data_dir}") from None


def open_shared(paths: Paths) -> SharedFile:
    """The shared file of an earlier run with all that is still in it, or a new one. One that cannot be read is kept aside."""
    if not paths.shared_map.exists():
        return SharedFile.create(paths.shared_map)
    try:
        return SharedFile.open(paths.shared_map)
    except LayoutError as error:
        aside = paths.shared_map.with_name(f"shared.map.unreadable-{time.time_ns()}")
        _log.error("the shared file cannot be read and is kept aside", reason=str(error), kept_as=str(aside))
        paths.shared_map.rename(aside)
        return SharedFile.create(paths.shared_map)


def check_port(host: str, port: int, *, orphans: bool) -> None:
    """Raises ListenError when the address is not ours to listen on.

    Workers listen with SO_REUSEPORT, which would let two gateways share a port unnoticed: so it is asked for without. Only when
    orphans of ours may hold it is it asked for as they did; then a second gateway of another data directory is not noticed.
    """
    try:
        _bind(host, port, shared=False)
    except OSError as error:
        if error.errno == errno.EADDRINUSE and orphans:
            try:
                _bind(host, port, shared=True)
            except OSError:
                raise ListenError(f"port {port} on {host} is used by another program") from None
            return
        if error.errno == errno.EADDRINUSE:
            raise ListenError(f"port {port} on {host} is used by another program") from None
        raise ListenError(f"cannot listen on port {port} of {host}: {error.strerror}") from None


def _bind(host: str, port: int, *, shared: bool) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
        probe.bind((host, port))


class Orphans:
    """The processes that were there before this supervisor. `workers` are the pids of the old workers."""

    def __init__(self, paths: Paths, shared: SharedFile) -> None:
        self._paths = paths
        self._shared = shared
        self.workers = self._alive()

    def stop_control(self) -> None:
        """Ends the old control plane; returns when the books are free."""
        stop_holder(lock_of(self._paths, "control"))

    def retire_workers(self, drain_timeout_s: float) -> None:
        """Tells the old workers to finish; those that take longer than `drain_timeout_s` are killed."""
        deadline_s = time.monotonic() + max(1.0, drain_timeout_s)
        for pid in self.workers:
            _log.warning("a worker left by a killed supervisor finishes its calls", pid=pid)
            tell(pid, signal.SIGTERM)
        while left := self.workers & self._alive():
            if time.monotonic() > deadline_s:
                for pid in left:
                    tell(pid, signal.SIGKILL)
            time.sleep(POLL_S)
        self.workers = set()

    def stop_simulator(self) -> None:
        """Ends the old simulator, once no old worker needs it."""
        stop_holder(lock_of(self._paths, "simulator"))

    def _alive(self) -> set[int]:
        """Asked by their slots' locks, so that a number that another program has got meanwhile is never signalled."""
        table = self._shared.workers
        return {table.pid(slot) for slot in table.alive(self._paths.run_dir)} - {0, os.getpid()}
