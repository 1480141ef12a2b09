"""`gateway demo`: a gateway with sample data, in a directory of its own that is gone when it ends.

Sample data in a real installation would stand in its figures and its ledger; here nothing has to be told apart or taken out
again. The gateway is the ordinary one, without any upstream key of this machine: the simulator answers. It is run by a keeper
(`demo_keeper`), which outlives this process if need be and leaves nothing behind.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import webbrowser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from gateway import settings
from gateway.cli import demo_keeper
from gateway.cli.door import open_door
from gateway.cli.sample import Callers, furnish
from gateway.control.first_owner import NAME

READY_WAIT_S = 60.0
STOP_WAIT_S = demo_keeper.STOP_WAIT_S + 10.0
POLL_S = 0.05


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port to listen on; a free one unless said.")
@click.option("--open", "shows", is_flag=True, help="Open the console in a browser.")
def demo(port: int, shows: bool) -> None:
    """Run a gateway with sample data, to look at; everything is gone when it ends.

    Its calls are answered by the built-in simulator, whatever keys are set on this machine.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    password, port = secrets.token_urlsafe(12), _free_port(port)
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="sluice-demo-") as folder:
        data_dir, log = Path(folder) / "data", Path(folder) / "log"
        try:
            with _serving(port, data_dir, log, environment(os.environ, password)) as process:
                with open_door(data_dir) as door:
                    keys = furnish(door)
                callers = Callers(port, keys)
                callers.start()
                click.echo(f"Sluice shows sample data at {url}/console\nLog in as {NAME} with the password {password}")
                click.echo(
                    f"A key to call it with: {keys['notebook']}\nData in {data_dir}; Ctrl+C ends it and takes all of it away."
                )
                if shows:
                    webbrowser.open(f"{url}/console")
                try:
                    code = process.wait()
                finally:
                    callers.stop()
                raise click.ClickException(f"the gateway ended by itself with {code}")
        except KeyboardInterrupt:
            click.echo("Gone.", err=True)


def environment(own: Mapping[str, str], password: str) -> dict[str, str]:
    """This process's environment without anything that would lead calls or data elsewhere."""
    keys = set(settings.key_variables(None, {}).values())
    kept = {name: value for name, value in own.items() if name not in keys and not name.startswith("GATEWAY_")}
    kept = {name: value for name, value in kept.items() if not name.endswith("_UPSTREAM_URL")}
    return kept | {"GATEWAY_ADMIN_PASSWORD": password}


@contextmanager
def _serving(port: int, data_dir: Path, log: Path, environ: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A gateway that answers, and its keeper, which ends with it. Raises ClickException.

    The keeper has a session of its own: a Ctrl+C is for us alone. It stops the gateway when its input ends."""
    command = [sys.executable, "-m", "gateway", "serve", "--port", str(port), "--workers", "1", "--data-dir", str(data_dir)]
    keeper = [sys.executable, "-I", demo_keeper.__file__, str(log.parent), str(log)]
    process = subprocess.Popen([*keeper, *command], stdin=subprocess.PIPE, env=environ, start_new_session=True)
    assert process.stdin is not None
    try:
        ends_s = time.monotonic() + READY_WAIT_S
        while not _accepts(port):
            if process.poll() is not None or time.monotonic() > ends_s:
                said = log.read_text("utf-8", "replace")[-2000:] if log.exists() else ""
                raise click.ClickException(f"the gateway did not start:\n{said}")
            time.sleep(POLL_S)
        yield process
    finally:
        process.stdin.close()
        process.wait(STOP_WAIT_S)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port(wanted: int) -> int:
    """The wanted port, or any for 0. Raises ClickException when it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise click.ClickException(f"port {wanted}: {error.strerror}") from None
        return int(probe.getsockname()[1])


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
