"""A whole gateway for tests: `gateway serve` in a process of its own, with a data directory, keys and an upstream."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from gateway.settings import Paths
from gateway.state.credentials import LANE_STATE_AT, LANES_AT, STATE_AT
from gateway.state.layout import LANE_BYTES, LANES_MAX
from gateway.state.shared import SharedFile
from loadtest.processes import free_port, healthy, running, wait_until

GATEWAY = [sys.executable, "-m", "gateway"]
RUNNING: list["Gateway"] = []
ROWS_LOOKED_AT = 16  # more credentials than any test has


@dataclass(frozen=True, slots=True)
class Gateway:
    """One that serves. `pid` is the supervisor's; request lines and process logs go to `log`."""

    port: int
    data_dir: Path
    log: Path
    pid: int
    environment: Mapping[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def mint(self, count: int = 1, *options: str) -> list[str]:
        """New keys."""
        lines = self.cli("keys", "mint", "--name", "test", "--count", str(count), "--json", *options)
        return [json.loads(line)["key"] for line in lines.splitlines()]

    def cli(self, *words: str) -> str:
        """Standard output of a command on this gateway's data directory. Raises AssertionError with what it said on failure."""
        done = subprocess.run(
            [*GATEWAY, *words, "--data-dir", str(self.data_dir)],
            env=dict(self.environment),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def admin(self) -> httpx.Client:
        """The trusted admin interface."""
        socket = httpx.HTTPTransport(uds=str(Paths(self.data_dir).admin_sock))
        return httpx.Client(transport=socket, base_url="http://gateway/admin/v1/", timeout=30)

    def forgive(self) -> None:
        """Forgets what upstreams did: whatever is out is well again, so that one test's failures are not the next one's."""
        with closing(SharedFile.open(Paths(self.data_dir).shared_map)) as shared:
            for row in range(ROWS_LOOKED_AT):
                first = shared.layout.credential_at(row)
                for at in (STATE_AT, *(LANES_AT + lane * LANE_BYTES + LANE_STATE_AT for lane in range(LANES_MAX))):
                    if shared.region.load(first + at):
                        shared.region.store(first + at, 0)

    def children(self) -> list[int]:
        """Pids of the processes that the supervisor started: workers, control plane, simulator and Python's own tracker."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without anybody's credentials or settings, and with `variables`."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("ANTHROPIC_", "OPENAI_", "GATEWAY_"))}
    return own | variables


def upstream(url: str, *keys: str) -> dict[str, str]:
    """The variables that point a gateway at an upstream."""
    return {"ANTHROPIC_UPSTREAM_URL": url, "ANTHROPIC_API_KEY": ",".join(keys or ("sk-ant-upstream-secret",))}


@contextmanager
def serving(
    variables: Mapping[str, str] | None = None,
    *,
    workers: int = 2,
    config: str = "",
    data_dir: Path | None = None,
    port: int | None = None,
) -> Iterator[Gateway]:
    """Starts a gateway and ends all of it. `config` is the text of a gateway.toml; `data_dir` goes on with an earlier one.

    Sockets have short names, so the directory is not pytest's own, whose path is too long for them.
    """
    with tempfile.TemporaryDirectory(prefix="gw-", dir="/tmp") as folder:
        home = data_dir or Path(folder) / "d"
        log = Path(folder) / "log"
        port = port or free_port()
        words = ["serve", "--port", str(port), "--workers", str(workers), "--data-dir", str(home)]
        if config:
            (Path(folder) / "config").mkdir()
            (Path(folder) / "config" / "gateway.toml").write_text(config)
            words += ["--config", str(Path(folder) / "config")]
        environ = environment(**(variables or {}))
        with running([*GATEWAY, *words], log, environ) as process:
            wait_until(lambda: healthy(port), process, log, "the gateway")
            gateway = Gateway(port, home, log, process.pid, environ)
            RUNNING.append(gateway)
            try:
                yield gateway
            finally:
                RUNNING.remove(gateway)


def forgive_all() -> None:
    """Forgives the upstreams of all gateways that run."""
    for gateway in RUNNING:
        gateway.forgive()
