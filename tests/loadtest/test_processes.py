import sys
import time
from pathlib import Path

import pytest

from loadtest.bench import accounting
from loadtest.processes import StartError, free_port, healthy, running, wait_until


def test_whatever_a_process_has_started_ends_with_it(tmp_path: Path) -> None:
    child = "import time; print('up', flush=True); time.sleep(600)"
    parent = (
        f"import signal, subprocess, sys; signal.signal(15, signal.SIG_DFL); subprocess.run([sys.executable, '-c', {child!r}])"
    )
    log = tmp_path / "log"
    with running([sys.executable, "-c", parent], log) as process:
        wait_until(lambda: log.read_text() == "up\n", process, log, "the child")
        pids = [one.pid for one in accounting.tree(process.pid)]
        assert len(pids) == 2
    deadline_s = time.monotonic() + 10
    while any(accounting.tree(pid) for pid in pids):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_a_process_that_ends_is_told_with_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        running([sys.executable, "-c", "print('no room'); raise SystemExit(3)"], log) as process,
        pytest.raises(StartError, match=r"(?s)the thing did not start \(ended\).*no room"),
    ):
        wait_until(lambda: False, process, log, "the thing")


def test_nobody_is_healthy_where_nobody_listens() -> None:
    assert not healthy(free_port())
