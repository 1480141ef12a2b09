"""Children: processes that are kept alive until they are stopped.

Owns one process each, the wait before it is started again, and the lock by which a later supervisor finds it. Knows nothing of
what the process does.

Each has a keeper, a thread that alone waits for the process: the kernel tells a process's end only once, and whoever asked second
would take it for alive. Everybody else waits for the keeper.
"""

import fcntl
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import structlog

from gateway.settings import Paths, Settings

READY_WAIT_S = 30.0
STOP_WAIT_S = 10.0
POLL_S = 0.02
# A process that dies again and again is started less and less often, up to this.
RESTART_WAIT_S_MIN = 0.1
RESTART_WAIT_S_MAX = 5.0
# A life as long as the longest wait was a steady one: who is killed every six seconds is back at once each time.
STEADY_S = RESTART_WAIT_S_MAX
# What a child exits with when it has said why it cannot start.
REFUSED = 1

_log = structlog.get_logger()
Target = Callable[[Settings], None]


class Restarts:
    """How long to wait before a process is started again: doubling while it dies soon after each start."""

    def __init__(self) -> None:
        self._wait_s = 0.0

    def next_wait_s(self, lived_s: float) -> float:
        """Seconds to wait after a life of `lived_s`; nothing after a steady one."""
        self._wait_s = 0.0 if lived_s >= STEADY_S else min(max(self._wait_s * 2, RESTART_WAIT_S_MIN), RESTART_WAIT_S_MAX)
        return self._wait_s


class Child:
    """A process that is kept alive until it is stopped. It holds an flock on its lock file, where its pid stands, so that a
    later supervisor finds it when this one was killed."""

    def __init__(self, name: str, target: Target, settings: Settings, ready_sock: Path) -> None:
        self.name = name
        self._target = target
        self._settings = settings
        self._ready_sock = ready_sock
        self._lock_path = lock_of(settings.paths, name)
        self._restarts = Restarts()
        self._starting = threading.Lock()  # no process is started once `_stopping` is set
        self._stopping = threading.Event()
        self._refused = threading.Event()
        self._replacing = False  # its next end is wanted
        self._process: BaseProcess | None = None
        self._keeper: threading.Thread | None = None

    def start(self) -> None:
        """Starts it and returns when its socket answers. Raises RuntimeError when it does not, OSError."""
        self._spawn()
        self._keeper = threading.Thread(target=self._keep, name=f"keep-{self.name}", daemon=True)
        self._keeper.start()
        deadline_s = time.monotonic() + READY_WAIT_S
        while not answers(self._ready_sock):
            if self._refused.is_set() or time.monotonic() > deadline_s:
                raise RuntimeError(f"the {self.name} process did not start")
            time.sleep(POLL_S)

    def replace(self, settings: Settings) -> None:
        """Stops it and starts it with other settings."""
        self._settings = settings
        self._replacing = True
        if self._process is not None:
            self._process.terminate()  # the keeper starts it again

    def stop(self, wait_s: float = STOP_WAIT_S) -> None:
        """SIGTERM, then SIGKILL when it does not end in time. Nothing of it runs any more when this returns."""
        with self._starting:
            self._stopping.set()
        if self._process is None or self._keeper is None:
            return
        self._process.terminate()
        self._keeper.join(wait_s)
        if self._keeper.is_alive():
            _log.warning("killed", process=self.name)
            self._process.kill()
            self._keeper.join()

    def __repr__(self) -> str:
        return f"<Child {self.name} {'stopped' if self._stopping.is_set() else 'kept'}>"

    def _spawn(self) -> None:
        with self._starting:
            if self._stopping.is_set():
                return
            process = multiprocessing.get_context("spawn").Process(
                name=f"sluice-{self.name}", target=_run, args=(self._lock_path, self._target, self._settings), daemon=False
            )
            process.start()
            self._process = process

    def _keep(self) -> None:
        while not self._stopping.is_set():
            process = self._process
            assert process is not None
            born_s = time.monotonic()
            process.join()
            if self._stopping.is_set():
                return
            if process.exitcode == REFUSED:
                self._refused.set()
            wait_s = 0.0 if self._replacing else self._restarts.next_wait_s(time.monotonic() - born_s)
            self._replacing = False
            _log.warning("restarting", process=self.name, exit_code=process.exitcode, wait_s=wait_s)
            self._respawn(wait_s)

    def _respawn(self, wait_s: float) -> None:
        while not self._stopping.wait(wait_s):
            try:
                self._spawn()
            except OSError as error:  # no memory or no process to be had; later there may be
                _log.error("cannot start a process", process=self.name, error=str(error))
                wait_s = self._restarts.next_wait_s(0.0)
            else:
                return


def lock_of(paths: Paths, name: str) -> Path:
    """The lock file of a child; its pid stands in it."""
    return paths.run_dir / f"process-{name}.lock"


def answers(sock: Path) -> bool:
    """Whether something listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(sock))
        except OSError:
            return False
        return True


def parent_lives() -> bool:
    """Whether the process that started this one still runs. True for one that nobody of ours started."""
    parent = multiprocessing.parent_process()
    return parent is None or parent.is_alive()


def stop_holder(lock_path: Path, wait_s: float = STOP_WAIT_S) -> None:
    """Ends whoever holds a child's lock: SIGTERM, and SIGKILL after `wait_s`. Returns when the lock is free."""
    deadline_s = time.monotonic() + wait_s
    told = 0
    while pid := holder(lock_path):
        late = time.monotonic() > deadline_s
        if pid != told or late:
            _log.warning("stopping a process left by a killed supervisor", pid=pid)
            tell(pid, signal.SIGKILL if late else signal.SIGTERM)
            told = pid
        time.sleep(POLL_S)


def holder(lock_path: Path) -> int:
    """The pid of the process that holds a child's lock, 0 when none does."""
    while True:
        try:
            descriptor = os.open(lock_path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return 0
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = int(os.pread(descriptor, 20, 0) or b"0")
        else:
            return 0
        finally:
            os.close(descriptor)
        if pid:
            return pid
        time.sleep(POLL_S)  # it has the lock and is about to write its name


def tell(pid: int, word: signal.Signals) -> None:
    """Sends a signal to a process that may be gone already."""
    try:
        os.kill(pid, word)
    except ProcessLookupError:
        return


def _run(lock_path: Path, target: Target, settings: Settings) -> None:
    # Ctrl-C reaches the whole group; the supervisor decides who stops when.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    # A supervisor killed in this moment could not be seen by the next one, which has started a child of its own.
    if parent_lives():
        target(settings)
