import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from loadtest.bench import accounting

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

BURN = "import time\nwhile time.process_time() < 0.2: pass\n"


@contextmanager
def script(source: str) -> Iterator[int]:
    """Runs Python code that prints one line when it is ready and ends when its input closes; yields its pid."""
    process = subprocess.Popen([sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
    finally:
        process.communicate(timeout=10)


def test_a_name_with_brackets_and_blanks_does_not_shift_the_fields() -> None:
    ticks = accounting.TICKS_PER_S
    line = f"42 (we) (ird) S 7 42 42 0 -1 4194560 1 2 3 4 {ticks} {2 * ticks} {3 * ticks} {4 * ticks} 20 0 1 0 9 9 9\n"
    assert accounting.parse_stat(line) == accounting.ProcessTimes(pid=42, parent=7, own_s=3.0, reaped_children_s=7.0)


def test_memory_is_in_bytes() -> None:
    text = "5560-7ffe ---p 00000000 00:00 0 [rollup]\nRss:    1024 kB\nPss:     512 kB\nPss_Anon:  9 kB\n"
    assert accounting.parse_memory(text) == accounting.Memory(1024 * 1024, 512 * 1024)


def test_cpu_of_a_process_is_counted() -> None:
    with script(BURN + "print('ready', flush=True); input()") as pid:
        assert 0.19 < accounting.cpu_s(pid) < 2


def test_cpu_of_living_children_is_counted() -> None:
    child = BURN + "print('ready', flush=True); input()"
    with script(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])") as pid:
        assert len(accounting.tree(pid)) == 2
        assert 0.19 < accounting.cpu_s(pid) < 2


def test_cpu_of_ended_children_is_counted() -> None:
    source = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}]); print('ready', flush=True); input()"
    with script(source) as pid:
        assert len(accounting.tree(pid)) == 1
        assert 0.19 < accounting.cpu_s(pid) < 2


def test_a_tree_that_is_gone_is_empty() -> None:
    with script("print('ready', flush=True); input()") as pid:
        assert [process.pid for process in accounting.tree(pid)] == [pid]
    assert accounting.tree(pid) == []


def test_the_worker_is_the_process_that_listens_and_has_no_listening_child() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        listener.set_inheritable(True)
        child = "print('ready', flush=True); input()"
        parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], close_fds=False)"
        process = subprocess.Popen(
            [sys.executable, "-c", parent], close_fds=False, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            found = accounting.workers(process.pid, port)
            assert found == [one.pid for one in accounting.tree(process.pid) if one.pid != process.pid]
        finally:
            process.communicate(timeout=10)
