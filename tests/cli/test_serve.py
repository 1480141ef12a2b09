"""`gateway serve`: what it says at start, and how it refuses to start."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from gateway.simulator.process import SimulatorProcess
from loadtest.processes import free_port, running
from tests.serving import GATEWAY, environment, serving, upstream
from tests.workers.clients import lives, wait_for

SECRET = "sk-ant-api03-nobody-may-read-this"


def serve(*options: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """A start that is refused."""
    command = [*GATEWAY, "serve", *options]
    return subprocess.run(command, env=environment(**variables), capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(("text", "problem"), [
    ("port = 1\ncolour = 2\n", "gateway.toml:2: "),
    ("\n\nport = 'x'\n", "gateway.toml:3: "),
    ("port = [\n", "gateway.toml:"),
])  # fmt: skip
def test_a_mistake_in_the_settings_has_its_place(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "gateway.toml").write_text(text)
    refused = serve("--config", str(tmp_path), "--data-dir", str(tmp_path / "data"))
    assert refused.returncode == 1
    assert problem in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "data").exists()


def test_a_subscription_token_is_refused_and_not_printed(tmp_path: Path) -> None:
    """R12: the variable is named, its value is not."""
    refused = serve("--data-dir", str(tmp_path / "data"), ANTHROPIC_API_KEY=f"{SECRET},sk-ant-oat01-{SECRET}")
    assert refused.returncode == 1
    assert "ANTHROPIC_API_KEY: key 2 is a subscription OAuth token" in refused.stderr
    assert SECRET not in refused.stderr + refused.stdout


def test_a_pepper_that_others_can_read_is_refused() -> None:
    with serving(workers=1) as first:
        home = first.data_dir
        first.mint()
        os.kill(first.pid, signal.SIGTERM)
        wait_for(lambda: not lives(first.pid), "the end of the first run")
        (home / "pepper").chmod(0o644)
        refused = serve("--data-dir", str(home), "--port", str(free_port()))
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"gateway: {home}/pepper can be read by others")


def test_a_damaged_database_is_refused() -> None:
    """R19: corruption is never served."""
    with serving(workers=1) as first:
        home = first.data_dir
        os.kill(first.pid, signal.SIGTERM)
        wait_for(lambda: not lives(first.pid), "the end of the first run")
        (home / "gateway.db").write_bytes(b"nothing of ours" * 1000)
        refused = serve("--data-dir", str(home), "--port", str(free_port()))
        assert refused.returncode == 1
        assert "file is not a database" in refused.stderr
        assert refused.stderr.splitlines()[-1] == "gateway: the control process did not start"


def test_without_a_key_the_simulator_is_named_and_the_first_key_works(tmp_path: Path) -> None:
    log, home, port = tmp_path / "log", tmp_path / "d", free_port()
    command = [*GATEWAY, "serve", "--port", str(port), "--workers", "1", "--data-dir", str(home), "--mint"]
    with running(command, log, environment()):
        wait_for(lambda: "curl -N" in log.read_text(), "the first key")
        said = log.read_text()
        assert "No upstream key is set (ANTHROPIC_API_KEY): the built-in simulator answers every call." in said
        [command_line] = [line for line in said.splitlines() if line.startswith("curl")]
        answered = subprocess.run(command_line, shell=True, capture_output=True, text=True, timeout=20, check=False)
        assert "event: message_stop" in answered.stdout


def test_an_upstream_is_named_without_its_key() -> None:
    """R12: neither the start nor any later line holds it."""
    with SimulatorProcess(keys=[SECRET]) as sim, serving(upstream(sim.url, SECRET), workers=1) as gateway:
        wait_for(lambda: "Upstream anthropic" in gateway.log.read_text(), "the welcome")
        assert f"Upstream anthropic: {sim.url}, 1 key(s)" in gateway.log.read_text()
        assert SECRET not in gateway.log.read_text()
        assert json.loads(gateway.cli("usage", "--json"))["rows"] == []
