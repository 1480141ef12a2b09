"""What a reload may change, and whose beat counts. The rest of the workers' rules is shown on real ones, in tests/workers."""

import os
import time
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import cast

from gateway import settings
from gateway.settings import FIXED, taken_over, waiting
from gateway.state.layout import Layout
from gateway.state.workers import WorkerSlot
from gateway.supervisor.workers import Process, core_of, has_died
from native_fastpath import Region


def test_only_what_the_running_processes_hold_needs_a_restart() -> None:
    old = settings.load(None, {}, workers=2)
    assert waiting(old, old) == []
    assert waiting(old, replace(old, drain_timeout_s=1.0, body_max_bytes=5000, providers=())) == []
    changed = replace(old, host="::1", port=1, workers=3, worker_cores="any", data_dir=Path("/d"))
    assert [one.name for one in waiting(old, changed)] == list(FIXED)
    assert taken_over(old, replace(changed, drain_timeout_s=1.0)) == replace(old, drain_timeout_s=1.0)
    [port] = waiting(old, replace(old, port=9))
    assert str(port) == "port was 8080 at start and is now 9: that needs a restart"


def test_each_worker_has_a_core_of_its_own_while_there_are_enough() -> None:
    two = settings.load(None, {}, workers=2)
    assert [core_of(two, index, (0, 1)) for index in range(2)] == [1, 0]
    assert [core_of(two, index, (2, 5, 7)) for index in range(2)] == [5, 7]
    assert core_of(two, 0, (0,)) is None
    assert core_of(replace(two, worker_cores="any"), 0, (0, 1)) is None


class Worker:
    """As Granian keeps a process."""

    def __init__(self, process: SpawnProcess) -> None:
        self.inner = process


def test_a_worker_has_died_whoever_was_told_its_exit_code() -> None:
    """R4: otherwise a worker that is killed while another one is started would never be started again."""
    process = get_context("spawn").Process(target=time.sleep, args=(60,))
    process.start()
    worker = cast(Process, Worker(process))
    assert not has_died(worker)
    process.kill()
    assert process.pid is not None
    os.waitpid(process.pid, 0)  # as another thread does that is quicker
    assert process.is_alive()
    assert has_died(worker)


class Recorded:
    """A region that shows which words were stored, in order."""

    def __init__(self) -> None:
        self.stored: list[int] = []

    def store(self, at: int, value: int) -> None:
        self.stored.append(value)

    def add(self, at: int, value: int) -> int:
        return value


def test_a_new_worker_is_never_credited_with_the_last_owners_beat() -> None:
    """R18: a reload waits for pid and beat; the old beat must be gone before the new pid stands there."""
    region = Recorded()
    WorkerSlot(cast(Region, region), Layout(), 0, -1)
    assert region.stored == [0, os.getpid()]
