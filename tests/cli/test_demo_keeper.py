"""The keeper of `gateway demo`: what it runs ends with the demo, and not before."""

import os
import subprocess
import sys
from pathlib import Path

from gateway.cli import demo_keeper

WAIT_S = 30.0


def kept(folder: Path, code: str) -> "subprocess.Popen[bytes]":
    folder.mkdir()
    (folder / "data").write_bytes(b"sample")
    command = [sys.executable, "-I", demo_keeper.__file__, str(folder), str(folder / "log"), sys.executable, "-c", code]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


def test_it_ends_as_the_gateway_did_and_leaves_the_log_to_the_demo(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with kept(folder, "print('cannot start'); raise SystemExit(3)") as keeper:
        assert keeper.wait(WAIT_S) == 3
    assert (folder / "log").read_text() == "cannot start\n"
    assert (folder / "data").exists()


def test_everything_ends_with_the_demo(tmp_path: Path) -> None:
    folder, ends = tmp_path / "demo", tmp_path / "ends"
    os.mkfifo(ends)
    # A pipe that the child holds open tells when it runs and when it is gone.
    with kept(
        folder, f"pipe = open({str(ends)!r}, 'w'); print('.', file=pipe, flush=True); import time; time.sleep(60)"
    ) as keeper:
        assert keeper.stdin is not None
        with ends.open() as pipe:
            assert pipe.readline() == ".\n"
            assert folder.exists()
            keeper.stdin.close()
            assert pipe.read() == ""
        assert keeper.wait(WAIT_S) != 0
    assert not folder.exists()
