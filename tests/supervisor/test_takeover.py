"""What must be true before anything is started."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.settings import Paths
from gateway.state.shared import SharedFile
from gateway.supervisor.takeover import AlreadyServingError, ListenError, Orphans, check_port, open_shared, take_lock
from tests.workers.clients import lives

# A worker in little: it claims a slot and, told to ignore SIGTERM, goes on.
WORKER = """
import signal, sys
from pathlib import Path
from gateway.settings import Paths
from gateway.state.shared import SharedFile
from gateway.state.workers import WorkerSlot
paths = Paths(Path(sys.argv[1]))
slot = WorkerSlot.claim(SharedFile.open(paths.shared_map), paths.run_dir)
if sys.argv[2] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
signal.pause()
signal.pause()
"""


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path / "d")
    paths.run_dir.mkdir(parents=True)
    return paths


@contextmanager
def listening(*, shared: bool) -> Iterator[int]:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize("orphans", [False, True])
def test_a_free_port_may_be_used(orphans: bool) -> None:
    with listening(shared=False) as port:
        pass
    check_port("127.0.0.1", port, orphans=orphans)


@pytest.mark.parametrize(("shared", "orphans"), [(False, False), (True, False), (False, True)])
def test_anothers_port_may_not_be_used(shared: bool, orphans: bool) -> None:
    """Also not when the other would share it, which is how a second gateway listens."""
    with listening(shared=shared) as port, pytest.raises(ListenError, match=f"^port {port} on 127.0.0.1 is used by another"):
        check_port("127.0.0.1", port, orphans=orphans)


def test_orphans_may_hold_the_port() -> None:
    with listening(shared=True) as port:
        check_port("127.0.0.1", port, orphans=True)


def test_an_address_that_is_not_ours() -> None:
    with pytest.raises(ListenError, match=r"^cannot listen on port 1234 of 192.0.2.1: "):
        check_port("192.0.2.1", 1234, orphans=False)


def test_one_supervisor_for_a_directory(paths: Paths) -> None:
    with take_lock(paths), pytest.raises(AlreadyServingError, match="already serves from"):
        take_lock(paths)
    take_lock(paths).release()


def test_the_shared_file_is_made_kept_or_put_aside(paths: Paths) -> None:
    made = open_shared(paths)
    kept = open_shared(paths)
    assert kept.identity == made.identity
    made.close()
    kept.close()
    paths.shared_map.write_bytes(b"of another version")
    new = open_shared(paths)
    assert new.identity != made.identity
    new.close()
    [aside] = paths.data_dir.glob("shared.map.unreadable-*")
    assert aside.read_bytes() == b"of another version"


@pytest.mark.parametrize(
    ("manner", "drain_timeout_s", "ending"), [("mild", 20.0, signal.SIGTERM), ("stubborn", 0.0, signal.SIGKILL)]
)
def test_old_workers_are_told_and_then_killed(paths: Paths, manner: str, drain_timeout_s: float, ending: int) -> None:
    shared = SharedFile.create(paths.shared_map)
    command = [sys.executable, "-c", WORKER, str(paths.data_dir), manner]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n"
        orphans = Orphans(paths, shared)
        assert orphans.workers == {worker.pid}
        orphans.retire_workers(drain_timeout_s)
        assert orphans.workers == set()
        assert worker.wait(5) == -ending
    shared.close()


def test_a_number_that_another_program_has_got_is_left_alone(paths: Paths) -> None:
    """The slot of a dead worker still shows its pid, which may be anybody's by now."""
    shared = SharedFile.create(paths.shared_map)
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as stranger:
        shared.region.store(shared.layout.worker_at(0) + 8, stranger.pid)
        assert shared.workers.pid(0) == stranger.pid
        (paths.run_dir / "worker-0.lock").touch()
        orphans = Orphans(paths, shared)
        assert orphans.workers == set()
        orphans.retire_workers(0.0)
        assert lives(stranger.pid)
        os.kill(stranger.pid, signal.SIGKILL)
    shared.close()
