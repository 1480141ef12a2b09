"""A control plane in a process of its own, for tests: started, asked over its sockets, killed."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx

from gateway.settings import Paths
from tests.control.office import wait_for

START = """
import os, sys
from gateway import settings
from gateway.control.process import run
run(settings.load(None, os.environ, data_dir=sys.argv[1]))
"""
WITH_CONSOLE = """
import os, sys
from gateway import settings
from gateway.console.console import Console
from gateway.control.process import run
run(settings.load(None, os.environ, data_dir=sys.argv[1], **dict(word.split("=", 1) for word in sys.argv[2:])), Console)
"""


def short_dir() -> tempfile.TemporaryDirectory[str]:
    """A directory whose sockets have short names: pytest's own are too long for them."""
    return tempfile.TemporaryDirectory(prefix="gw-", dir="/tmp")


class ControlPlane:
    """`python -c` of `process.run`. Standard output (the request log) and error go to files."""

    def __init__(self, data_dir: Path, *, start: str = START, options: tuple[str, ...] = (), **environ: str) -> None:
        self.paths = Paths(data_dir)
        self.out = data_dir / "out.log"
        self.err = data_dir / "err.log"
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("ANTHROPIC_", "OPENAI_", "GATEWAY_"))
        }
        with self.out.open("ab") as out, self.err.open("ab") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-c", start, str(data_dir), *options],
                stdout=out,
                stderr=err,
                env=inherited | environ,
                cwd=Path(__file__).parents[2],
            )

    def __enter__(self) -> "ControlPlane":
        try:
            self.wait_ready()
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def wait_ready(self) -> None:
        def ready() -> bool:
            assert self.process.poll() is None, self.err.read_text()
            return f'"pid": {self.process.pid}, ' in self.err.read_text()

        wait_for(ready, 20)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def client(self, socket: Path) -> httpx.Client:
        return httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://gateway")

    @property
    def admin(self) -> httpx.Client:
        return self.client(self.paths.admin_sock)

    @property
    def public(self) -> httpx.Client:
        return self.client(self.paths.control_sock)

    @property
    def internal(self) -> httpx.Client:
        return self.client(self.paths.internal_sock)

    def lines(self) -> list[dict[str, Any]]:
        """The request log so far."""
        return [json.loads(line) for line in self.out.read_bytes().splitlines()]

    def events(self) -> list[dict[str, Any]]:
        """The process log so far."""
        return [json.loads(line) for line in self.err.read_bytes().splitlines()]
