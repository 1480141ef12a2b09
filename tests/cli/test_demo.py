"""`gateway demo`: a gateway in use, that leads nowhere else and leaves nothing."""

import json
import random
import re
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.cli import sample
from gateway.cli.demo import environment
from gateway.settings import key_variables
from tests.serving import GATEWAY
from tests.serving import environment as clean

WAIT_S = 60.0


def test_a_gateway_in_use_that_leaves_nothing(tmp_path: Path) -> None:
    log = tmp_path / "said"
    variables = {"ANTHROPIC_API_KEY": "sk-ant-of-this-machine", "ANTHROPIC_UPSTREAM_URL": "http://127.0.0.1:1", "TMPDIR": "/tmp"}
    with log.open("wb") as output:
        process = subprocess.Popen([*GATEWAY, "demo"], stdout=output, stderr=output, env=clean(**variables))
    try:
        said = _until(log, process, "Ctrl+C")
        [url] = re.findall(r"http://127\.0\.0\.1:\d+", said)
        [password] = re.findall(r"with the password (\S+)", said)
        [folder] = re.findall(r"Data in (\S+);", said)
        assert httpx.get(f"{url}/status").json()["simulated"] is True
        ends_s = time.monotonic() + WAIT_S
        while (seen := {row["name"] for row in _cli(folder, "usage", "--by", "key")["rows"]}) != set(sample.KEYS):
            assert time.monotonic() < ends_s, seen
            time.sleep(0.1)
        assert _cli(folder, "ledger", "verify")["proven"] is True
        with httpx.Client(base_url=url, headers={"origin": url}) as browser:
            token = re.findall(r'name="csrf" value="(\w+)"', browser.get("/console/login").text)[0]
            fields = {"name": "admin", "password": password, "csrf": token}
            assert browser.post("/console/login", data=fields).status_code == 303
        process.terminate()
        assert process.wait(WAIT_S) == 0
    finally:
        process.kill()
        process.wait()
    assert "Gone." in log.read_text()
    assert not Path(folder).parent.exists()


def test_a_demo_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    """As when a terminal or a container takes it away: nobody is left to tidy up but its keeper."""
    log = tmp_path / "said"
    with log.open("wb") as output:
        process = subprocess.Popen([*GATEWAY, "demo"], stdout=output, stderr=output, env=clean(TMPDIR="/tmp"))
    try:
        said = _until(log, process, "Ctrl+C")
    finally:
        process.kill()
        process.wait()
    [port] = re.findall(r"http://127\.0\.0\.1:(\d+)", said)
    [folder] = re.findall(r"Data in (\S+);", said)
    ends_s = time.monotonic() + WAIT_S
    while Path(folder).parent.exists():
        assert time.monotonic() < ends_s, "its folder is still there"
        time.sleep(0.05)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(port))) != 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/status")


def test_a_port_that_is_taken_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        words = [*GATEWAY, "demo", "--port", str(taken.getsockname()[1])]
        done = subprocess.run(words, env=clean(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "in use" in done.stderr


def test_nothing_of_this_machine_leads_calls_elsewhere() -> None:
    own = dict.fromkeys(key_variables(None, {}).values(), "x")
    own |= {"GATEWAY_CONFIG": "/etc/x", "GATEWAY_DATA_DIR": "/var/x", "OLLAMA_UPSTREAM_URL": "http://x", "PATH": "/bin"}
    assert environment(own, "secret") == {"PATH": "/bin", "GATEWAY_ADMIN_PASSWORD": "secret"}


def test_every_call_has_a_key_that_is_made() -> None:
    assert {call.key for call in sample.CALLS} == set(sample.KEYS)
    assert {workspace for workspace, _ in sample.KEYS.values()} == {*sample.WORKSPACES, "default"}
    for call in sample.CALLS:
        assert json.loads(sample.written(call, random.Random(1).randint(1, 3)))["stream"] is True


def _cli(folder: str, *words: str) -> Any:
    command = [*GATEWAY, *words, "--json", "--data-dir", folder]
    return json.loads(subprocess.run(command, env=clean(), capture_output=True, timeout=60, check=True).stdout)


def _until(log: Path, process: "subprocess.Popen[bytes]", words: str) -> str:
    ends_s = time.monotonic() + WAIT_S
    while words not in (said := log.read_text()):
        assert process.poll() is None, said
        assert time.monotonic() < ends_s, said
        time.sleep(0.05)
    return said
