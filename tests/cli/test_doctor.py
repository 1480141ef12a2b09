"""`gateway doctor`: what it finds, and that it never prints a secret nor changes anything."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.settings import Paths
from gateway.simulator.process import SimulatorProcess
from tests.serving import Gateway, environment, serving, upstream

GOOD, BAD = "sk-ant-api03-taken-by-the-upstream", "sk-ant-api03-refused-by-the-upstream"


def run(*options: str, **variables: str) -> Result:
    cleared = dict.fromkeys(os.environ.keys() - environment().keys())
    return CliRunner(env=cleared | variables).invoke(main, ["doctor", *options])


def findings(result: Result, check: str) -> list[tuple[str, str]]:
    """(state, text) of the findings of one check."""
    document = json.loads(result.stdout)
    assert document["ok"] is (result.exit_code == 0)
    return [(finding["state"], finding["said"]) for finding in document["findings"] if finding["check"] == check]


@pytest.fixture(scope="module")
def sim() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(keys=[GOOD]) as sim:
        yield sim


@pytest.fixture(scope="module")
def gateway(sim: SimulatorProcess) -> Iterator[Gateway]:
    with serving(upstream(sim.url, GOOD), workers=1) as gateway:
        gateway.mint()
        yield gateway


@pytest.fixture
def left(tmp_path: Path) -> Paths:
    """A data directory as a gateway leaves it."""
    minted = CliRunner().invoke(main, ["keys", "mint", "--name", "a", "--data-dir", str(tmp_path / "data")])
    assert minted.exit_code == 0
    return Paths(tmp_path / "data")


def config(tmp_path: Path, text: str) -> str:
    (tmp_path / "gateway.toml").write_text(text)
    return str(tmp_path)


def test_a_new_installation_is_sound(tmp_path: Path) -> None:
    result = run("--data-dir", str(tmp_path / "data"), "--config", config(tmp_path, "port = 59999\n"), "--json")
    assert result.exit_code == 0, result.output
    assert findings(result, "upstream") == [("note", "no upstream key is set: the built-in simulator answers every call")]
    [(state, said)] = findings(result, "upstreams not used")
    assert (state, said.startswith("their variables are not set: anthropic (ANTHROPIC_API_KEY), openai (")) == ("note", True)
    assert findings(result, "native_fastpath")[0][0] in ("ok", "note")
    assert findings(result, "python")[0][0] == findings(result, "granian")[0][0] == "ok"
    assert not (tmp_path / "data").exists()


def test_a_serving_gateway_is_sound_and_people_get_a_table(gateway: Gateway, sim: SimulatorProcess, tmp_path: Path) -> None:
    options = ["--data-dir", str(gateway.data_dir), "--config", config(tmp_path, f"port = {gateway.port}\n")]
    result = run(*options, "--json", **upstream(sim.url, GOOD))
    assert result.exit_code == 0, result.output
    host = sim.url.removeprefix("http://")
    assert findings(result, "upstream anthropic") == [("ok", f"key 1 of ANTHROPIC_API_KEY is taken by {host}")]
    assert findings(result, "port") == [("ok", f"serving on port {gateway.port} of 127.0.0.1 (/healthz says 200)")]
    assert findings(result, "database")[0][1].startswith("sound, migration ")
    assert findings(result, "shared file")[0][1].endswith("worker slots")
    assert findings(result, "pepper") == [("ok", "readable by its owner only")]
    table = run(*options, **upstream(sim.url, GOOD))
    assert table.exit_code == 0
    assert table.stdout.splitlines()[0].split() == ["check", "state", "what"]
    assert f"key 1 of ANTHROPIC_API_KEY is taken by {host}" in table.stdout


def test_a_wrong_key_is_named_and_never_printed(sim: SimulatorProcess, tmp_path: Path) -> None:
    """R12: by its place in the variable."""
    options = ["--data-dir", str(tmp_path / "data"), "--config", config(tmp_path, "port = 59999\n")]
    for form in ([], ["--json"]):
        result = run(*options, *form, **upstream(sim.url, GOOD, BAD))
        assert result.exit_code == 1
        assert "key 1 of ANTHROPIC_API_KEY is taken by" in result.output
        assert "key 2 of ANTHROPIC_API_KEY is refused by" in result.output
        assert "(status 401)" in result.output
        assert GOOD not in result.output
        assert BAD not in result.output


def test_an_upstream_that_is_not_there_is_said(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        result = run("--data-dir", str(tmp_path / "data"), "--json", **upstream(url, GOOD))
    assert result.exit_code == 1
    assert findings(result, "upstream anthropic") == [
        ("problem", f"{url.removeprefix('http://')} cannot be reached (ConnectError)")
    ]


@pytest.mark.parametrize(("script", "status"), [("status=529", 529), ("redirect=http://127.0.0.1:1/", 307)])
def test_an_answer_that_says_nothing_is_no_verdict(script: str, status: int, tmp_path: Path) -> None:
    with SimulatorProcess(script=script) as sim:
        result = run("--data-dir", str(tmp_path / "data"), "--json", **upstream(sim.url, GOOD))
    [(state, said)] = findings(result, "upstream anthropic")
    assert (state, f"with status {status}," in said) == ("note", True)


def test_mistakes_in_settings_have_their_place(tmp_path: Path) -> None:
    result = run("--config", config(tmp_path, "port = 1\ncolour = 2\nworkers = 99\n"), "--json")
    assert result.exit_code == 1
    said = [text for state, text in findings(result, "settings") if state == "problem"]
    assert sorted(text.split(":")[1] for text in said) == ["2", "3"]
    assert all(text.startswith(f"{tmp_path}/gateway.toml:") for text in said)


def test_open_doors(left: Paths) -> None:
    left.data_dir.chmod(0o755)
    left.pepper.chmod(0o644)
    result = run("--data-dir", str(left.data_dir), "--json")
    assert result.exit_code == 1
    [(state, said)] = findings(result, "data directory")
    assert (state, said.endswith("(mode 0755): run chmod 700 on it")) == ("problem", True)
    [(state, said)] = findings(result, "pepper")
    assert (state, said.endswith("(mode 0644): run chmod 600 on it")) == ("problem", True)


def test_a_lost_pepper_is_not_replaced(left: Paths) -> None:
    left.pepper.unlink()
    result = run("--data-dir", str(left.data_dir), "--json")
    assert result.exit_code == 1
    assert findings(result, "pepper")[0][0] == "problem"
    assert not left.pepper.exists()


def test_files_that_are_not_what_they_should_be(left: Paths) -> None:
    left.shared_map.write_bytes(b"x" * 100)
    left.gateway_db.write_bytes(b"x" * 5000)
    result = run("--data-dir", str(left.data_dir), "--json")
    assert result.exit_code == 1
    assert findings(result, "shared file") == [("problem", f"{left.shared_map}: not a shared file")]
    assert findings(result, "database") == [("problem", f"{left.gateway_db}: file is not a database")]


def test_a_database_of_a_newer_release(left: Paths) -> None:
    connection = sqlite3.connect(left.gateway_db)
    connection.execute("INSERT INTO migrations VALUES (999, 'later', 0)")
    connection.commit()
    connection.close()
    result = run("--data-dir", str(left.data_dir), "--json")
    assert findings(result, "database") == [("problem", f"{left.gateway_db} was written by a newer release (migration 999)")]


def test_a_port_that_another_program_uses(left: Paths, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        result = run("--data-dir", str(left.data_dir), "--config", config(tmp_path, f"port = {taken}\n"), "--json")
    assert result.exit_code == 1
    assert findings(result, "port") == [("problem", f"port {taken} on 127.0.0.1 is used by another program")]


def test_a_gateway_on_another_port_than_configured(gateway: Gateway, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        result = run("--data-dir", str(gateway.data_dir), "--config", config(tmp_path, f"port = {port}\n"), "--json")
    [(state, said)] = findings(result, "port")
    assert (state, "was it started with another port?" in said) == ("note", True)


def test_too_few_open_files_are_a_problem(tmp_path: Path) -> None:
    command = f"ulimit -n 512; exec {sys.executable} -m gateway doctor --json --data-dir {tmp_path}/data"
    said = subprocess.run(["sh", "-c", command], env=environment(), capture_output=True, text=True, timeout=30, check=False)
    assert said.returncode == 1
    [(state, text)] = [
        (found["state"], found["said"]) for found in json.loads(said.stdout)["findings"] if found["check"] == "open files"
    ]
    assert (state, text.startswith("at most 512, ")) == ("problem", True)
