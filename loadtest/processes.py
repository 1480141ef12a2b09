"""Processes that a run starts and ends: proxies, simulators, gateways.

Owns: their sessions, their output files, waiting until they answer, free ports and the limit of open files.
Refuses to know: what they are. Strategy: each runs in a session of its own, so that whatever it has started ends with it.
"""

import http.client
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0


class StartError(Exception):
    """A process could not be started; the message holds the end of its output."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(command: Sequence[str], log: Path, environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a command in a session of its own, output to `log`; at the end asks it to stop, then ends its whole session."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment, start_new_session=True
        )
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_S)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, name: str) -> None:
    """Returns once `ready` says so. Raises StartError when the process ends or START_TIMEOUT_S passes first."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline_s:
            tail = log.read_text(errors="replace")[-2000:]
            raise StartError(f"{name} did not start ({'ended' if process.poll() is not None else 'no answer'}):\n{tail}")
        time.sleep(0.02)


def accepts(port: int) -> bool:
    """Whether something listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def healthy(port: int) -> bool:
    """Whether GET /healthz answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def raise_file_limit() -> None:
    """As many open files as allowed: 1000 streams are 2000 sockets in a proxy. Children inherit the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
