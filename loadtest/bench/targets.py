"""What the load can be pointed at: the upstream itself, nginx before it, the gateway before it, or any other command.

Owns: the commands and configuration that make one. Refuses to know: what is measured.
Strategy: a target is a name, a port, a key and the process to account for; every kind of target is a context manager that
yields one.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtest.processes import START_TIMEOUT_S, StartError, accepts, free_port, healthy, running, wait_until

PLACEHOLDER_KEY = "sk-ant-api03-" + "x" * 95  # as long as a real one, for targets that do not look at it


@dataclass(frozen=True, slots=True)
class Target:
    """Where the load goes. `pid` is the root of the processes whose CPU is counted; None for the upstream itself."""

    name: str
    port: int
    key: str
    pid: int | None


@contextmanager
def upstream(program: Path) -> Iterator[int]:
    """The bench's own upstream; yields its port."""
    process = subprocess.Popen([str(program)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        word, _, port = process.stdout.readline().partition(" ")
        if word != "port":
            raise StartError("the upstream did not start")
        yield int(port)
    finally:
        process.kill()
        process.communicate()


NGINX_CONFIG = """\
{user}daemon off;
worker_processes {workers};
worker_rlimit_nofile 16384;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log error;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 100000000;
    client_max_body_size 64m;
    client_body_buffer_size 1m;
    upstream origin {{
        server 127.0.0.1:{upstream_port};
        keepalive 1024;
        keepalive_requests 100000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
"""


def nginx_config(folder: Path, port: int, upstream_port: int, workers: int) -> str:
    """nginx at its best for this work: connections kept on both sides, no log, bodies in memory, events passed on at once."""
    user = "user root;\n" if os.geteuid() == 0 else ""  # else its worker could not enter the run's private directory
    return NGINX_CONFIG.format(user=user, folder=folder, port=port, upstream_port=upstream_port, workers=workers)


def nginx_program() -> str | None:
    """Path of nginx, None when it is not installed."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def nginx(program: str, folder: Path, upstream_port: int, workers: int) -> Iterator[Target]:
    """nginx proxy_pass."""
    folder.mkdir()
    port, log, config = free_port(), folder / "output.log", folder / "nginx.conf"
    config.write_text(nginx_config(folder, port, upstream_port, workers))
    with running([program, "-e", str(folder / "nginx.log"), "-p", str(folder), "-c", str(config)], log) as process:
        wait_until(lambda: accepts(port), process, log, "nginx")
        yield Target("nginx", port, PLACEHOLDER_KEY, process.pid)


def gateway_command() -> list[str]:
    """The gateway installed beside the Python that runs this, else the one in the tree."""
    installed = Path(sys.executable).with_name("gateway")
    return [str(installed)] if installed.exists() else [sys.executable, "-m", "gateway"]


def gateway_environment(upstream_port: int) -> dict[str, str]:
    """The bench's own environment without anybody's credentials or settings, and with the bench's upstream."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ANTHROPIC_", "OPENAI_", "GATEWAY_"))}
    return inherited | {"ANTHROPIC_API_KEY": "sk-bench", "ANTHROPIC_UPSTREAM_URL": f"http://127.0.0.1:{upstream_port}"}


# Every kind of limit, so that each call is held against them and settled, and none ever refuses.
BENCH_LIMITS = {
    "--rpm": 10**9,
    "--itpm": 10**12,
    "--otpm": 10**12,
    "--budget-tokens": 10**14,
    "--budget-usd": 900_000,
    "--concurrency": 10**6,
}


def mint_key(data_dir: Path) -> str:
    """A fresh key, with limits, of the gateway that serves `data_dir`. Raises StartError when the command fails."""
    command = [*gateway_command(), "keys", "mint", "--name", "bench", "--data-dir", str(data_dir), "--json"]
    command += [str(word) for limit in BENCH_LIMITS.items() for word in limit]
    done = subprocess.run(command, capture_output=True, text=True, timeout=START_TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise StartError(f"gateway keys mint failed:\n{done.stderr[-2000:]}")
    key: str = json.loads(done.stdout.splitlines()[0])["key"]
    return key


@contextmanager
def gateway(folder: Path, upstream_port: int, workers: int) -> Iterator[Target]:
    """The gateway as an operator starts it, with a key of its own; all its processes are accounted for."""
    folder.mkdir()
    port, log, data_dir = free_port(), folder / "output.log", folder / "data"
    options = {"--host": "127.0.0.1", "--port": port, "--workers": workers, "--data-dir": data_dir}
    command = [*gateway_command(), "serve", *(str(word) for option in options.items() for word in option)]
    with running(command, log, gateway_environment(upstream_port)) as process:
        wait_until(lambda: healthy(port), process, log, "the gateway")
        yield Target("gateway", port, mint_key(data_dir), process.pid)


@contextmanager
def watched(folder: Path, upstream_port: int, workers: int) -> Iterator[Target]:
    """The gateway while somebody has its console open and live. Raises StartError when that went wrong on the way."""
    with gateway(folder, upstream_port, workers) as target:
        log = folder / "console.log"
        command = [
            sys.executable,
            "-m",
            "loadtest.console.watching",
            "--port",
            str(target.port),
            "--data-dir",
            str(folder / "data"),
        ]
        with running(command, log) as process:
            wait_until(lambda: "open" in log.read_text("utf-8").split(), process, log, "the console")
            yield target
            if process.poll() is not None:
                raise StartError(f"the console did not stay open:\n{log.read_text('utf-8')[-2000:]}")


@contextmanager
def simulator(folder: Path) -> Iterator[Target]:
    """The gateway's own simulator, an upstream with scripted speed."""
    folder.mkdir()
    port, log = free_port(), folder / "output.log"
    with running([*gateway_command(), "simulate", "--port", str(port)], log) as process:
        wait_until(lambda: accepts(port), process, log, "the simulator")
        yield Target("simulator", port, PLACEHOLDER_KEY, process.pid)


@contextmanager
def peer(name: str, command: str, folder: Path, upstream_port: int) -> Iterator[Target]:
    """Any other proxy: `command` is split at blanks, {port} and {upstream} in it are replaced by port numbers."""
    folder.mkdir()
    port, log = free_port(), folder / "output.log"
    words = [word.format(port=port, upstream=upstream_port) for word in command.split()]
    with running(words, log) as process:
        wait_until(lambda: accepts(port), process, log, name)
        yield Target(name, port, PLACEHOLDER_KEY, process.pid)
