"""Keeper of `gateway demo`: runs the demo's gateway, and takes away everything when the demo is gone, however it ended.

A process of its own, run as a plain file: `python -I demo_keeper.py FOLDER LOG COMMAND...`. Its standard input is a pipe that
only the demo holds open: when that ends, the demo has ended, also if it was killed and could not say so. Uses the standard
library only.

It ends as the gateway did. The folder is removed after the gateway and only when the demo is gone: as long as it lives, it reads
the log there.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

STOP_WAIT_S = 20.0


def keep(folder: Path, log: Path, command: list[str]) -> int:
    """Runs the command until it ends or standard input does. Returns its exit code."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    gone = threading.Event()

    def stop() -> None:
        os.read(0, 1)  # nothing is ever written: this returns when the demo is gone
        gone.set()
        process.terminate()
        try:
            process.wait(STOP_WAIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)

    threading.Thread(target=stop, daemon=True).start()
    code = process.wait()
    if gone.is_set():
        shutil.rmtree(folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(abs(keep(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])))
