"""SIGTERM and SIGHUP with open streams and short traffic."""

import asyncio
import json
import os
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from gateway.core.outcome import Outcome
from gateway.settings import Paths
from loadtest.processes import free_port, healthy, running, wait_until
from tests.console.browser import PASSWORD, token_of
from tests.serving import GATEWAY, Gateway, environment, serving
from tests.workers.clients import WAIT_S, WHOLE, Ending, call, lives, outcomes, streams, wait_for, workers

ENDLESS = "text_tokens=1900;tokens_per_s=20"  # for more than ninety seconds
CALLS = 50


@contextmanager
def process(config: str) -> Iterator[tuple[Gateway, "subprocess.Popen[bytes]"]]:
    """A gateway whose exit code can be asked for."""
    with tempfile.TemporaryDirectory(prefix="gw-", dir="/tmp") as folder:
        home, log, port, environ = Path(folder) / "d", Path(folder) / "log", free_port(), environment()
        (Path(folder) / "gateway.toml").write_text(config)
        words = ["serve", "--port", str(port), "--workers", "2", "--data-dir", str(home), "--config", folder]
        with running([*GATEWAY, *words], log, environ) as popen:
            wait_until(lambda: healthy(port), popen, log, "the gateway")
            yield Gateway(port, home, log, popen.pid, environ), popen


def end_amid(gateway: Gateway, popen: "subprocess.Popen[bytes]", key: str, script: str) -> "Counter[Ending]":
    async def scenario() -> list[Ending]:
        tasks = await streams(gateway.port, key, script, 20)
        popen.terminate()
        assert await turned_away(gateway.port) is TimeoutError
        return await asyncio.gather(*tasks)

    return Counter(asyncio.run(scenario()))


async def turned_away(port: int) -> type[OSError]:
    """How the first new connection that fails does so. Kept away, not refused: its client tries again by itself."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                async with asyncio.timeout(0.1):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError as error:
                return type(error)
            writer.close()


def test_open_streams_are_given_time_to_finish() -> None:
    """R18: exit code 0, every stream whole and settled, no process left, nobody killed."""
    with process("drain_timeout_s = 45\n") as (gateway, popen):
        [key] = gateway.mint()
        children = gateway.children()
        assert end_amid(gateway, popen, key, "text_tokens=30;tokens_per_s=25") == {WHOLE: 20}
        assert popen.wait(WAIT_S) == 0
        assert outcomes(gateway, key) == {Outcome.FINISHED: 20}
        wait_for(lambda: not any(map(lives, children)), "the end of every process")
        log = gateway.log.read_text()
        assert "killed" not in log
        assert "Unexpected exit" not in log


def test_the_time_to_finish_is_bounded() -> None:
    """R18: endless streams end with the drain time, at a reload too, and are in the books before the process ends."""
    with process("drain_timeout_s = 1\n") as (gateway, popen):
        [first, key] = gateway.mint(2)
        assert not asyncio.run(reload_amid(gateway, first))[WHOLE]
        wait_for(lambda: outcomes(gateway, first) == {Outcome.WORKER_KILLED: 5}, "a row for each stream")
        ended = end_amid(gateway, popen, key, ENDLESS)
        assert popen.wait(WAIT_S) == 0
        assert not ended[WHOLE]  # or it would have taken three times as long
        assert outcomes(gateway, key) == {Outcome.WORKER_KILLED: 20}


async def reload_amid(gateway: Gateway, key: str) -> "Counter[Ending]":
    tasks = await streams(gateway.port, key, ENDLESS, 5)
    os.kill(gateway.pid, signal.SIGHUP)
    async with asyncio.timeout(WAIT_S):
        return Counter(await asyncio.gather(*tasks))


def test_workers_that_die_at_awkward_moments() -> None:
    """R18: one just before a reload, which must not be replaced twice; one just before the stop, which is no failure."""
    with process("") as (gateway, popen):
        before = workers(gateway.data_dir)
        os.kill(min(before), signal.SIGKILL)
        wait_for(lambda: '"event": "restarting"' in gateway.log.read_text(), "its death being noticed")
        os.kill(gateway.pid, signal.SIGHUP)
        wait_for(lambda: workers(gateway.data_dir).isdisjoint(before), "new workers")
        wait_for(lambda: len(workers(gateway.data_dir)) >= 2, "both workers")
        os.kill(gateway.pid, signal.SIGSTOP)
        os.kill(max(workers(gateway.data_dir)), signal.SIGKILL)
        popen.terminate()
        os.kill(gateway.pid, signal.SIGCONT)
        assert popen.wait(WAIT_S) == 0
        wait_for(lambda: not session(popen.pid), "the end of every process")


def test_a_signal_to_the_whole_group_is_no_failure() -> None:
    """What a terminal does at Ctrl-C: workers stop by themselves, and the exit code is still 0."""
    with process("") as (gateway, popen):
        children = gateway.children()
        os.killpg(popen.pid, signal.SIGINT)
        assert popen.wait(WAIT_S) == 0
        wait_for(lambda: not any(map(lives, children)), "the end of every process")


@pytest.mark.parametrize("after", ["control.lock", "process-control.lock", "simulator.sock"])
def test_a_stop_while_starting_leaves_nothing_behind(after: str) -> None:
    """R18: SIGTERM before anything listens."""
    with tempfile.TemporaryDirectory(prefix="gw-", dir="/tmp") as folder:
        home, log = Path(folder) / "d", Path(folder) / "log"
        words = ["serve", "--port", str(free_port()), "--workers", "2", "--data-dir", str(home)]
        with running([*GATEWAY, *words], log, environment()) as popen:
            wait_for((home / "run" / after).exists, f"{after} being made")
            popen.terminate()
            assert popen.wait(WAIT_S) == 0, log.read_text()
            wait_for(lambda: not session(popen.pid), "the end of every process")


def session(leader: int) -> list[int]:
    """Pids of a session's processes but for its leader's."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, _, rest = stat.read_text().partition(" (")
        except OSError:
            continue
        state, _, _, of = rest.rpartition(") ")[2].split()[:4]
        if int(of) == leader and int(pid) != leader and state != "Z":
            found.append(int(pid))
    return found


@pytest.fixture(scope="module")
def reloaded() -> Iterator[Gateway]:
    with serving(workers=2, config="drain_timeout_s = 10\n") as gateway:
        yield gateway


def settings_file(gateway: Gateway) -> Path:
    return gateway.log.parent / "config" / "gateway.toml"


def test_a_reload_fails_no_call(reloaded: Gateway) -> None:
    """R18: open streams finish, no short call fails, both workers are new and go by the new settings."""
    [key] = reloaded.mint()
    before = workers(reloaded.data_dir)

    async def scenario() -> tuple[list[Ending], "Counter[int]"]:
        statuses: Counter[int] = Counter()
        tasks = await streams(reloaded.port, key, "text_tokens=60;tokens_per_s=25", 20)

        async def caller() -> None:
            while not all(task.done() for task in tasks) or workers(reloaded.data_dir) & before or statuses[200] <= CALLS:
                statuses[await call(reloaded.port, key)] += 1

        callers = [asyncio.create_task(caller()) for _ in range(8)]
        settings_file(reloaded).write_text("drain_timeout_s = 10\nbody_max_bytes = 1024\n")
        os.kill(reloaded.pid, signal.SIGHUP)
        await asyncio.gather(*callers)
        return await asyncio.gather(*tasks), statuses

    ended, statuses = asyncio.run(scenario())
    assert Counter(ended) == {WHOLE: 20}
    assert set(statuses) == {200}
    assert statuses[200] > CALLS
    assert asyncio.run(call(reloaded.port, key, text="x" * 2000)) == 413
    wait_for(lambda: outcomes(reloaded, key)[Outcome.FINISHED] == 20 + statuses[200], "a row for each call")
    log = reloaded.log.read_text()
    assert "Unexpected exit" not in log
    assert '"event": "bug"' not in log


def test_a_worker_that_is_killed_while_it_replaces_another(reloaded: Gateway) -> None:
    """R18: the old one serves on until a new one turns."""
    before = workers(reloaded.data_dir)
    settings_file(reloaded).write_text("drain_timeout_s = 10\n")
    os.kill(reloaded.pid, signal.SIGHUP)
    wait_for(lambda: bool(workers(reloaded.data_dir) - before), "the first new worker", poll_s=0.001)
    [first, *_] = workers(reloaded.data_dir) - before
    os.kill(first, signal.SIGKILL)
    assert healthy(reloaded.port)
    wait_for(lambda: workers(reloaded.data_dir).isdisjoint(before | {first}), "new workers")
    wait_for(lambda: len(workers(reloaded.data_dir)) == 2, "both workers")
    [key] = reloaded.mint()
    assert asyncio.run(call(reloaded.port, key, text="x" * 2000)) == 200


@pytest.mark.parametrize(("text", "problem"), [
    ("workers = 2\nport = [", "gateway.toml:2: "),
    ("colour = 1\n", "gateway.toml:1: "),
    ("\nbody_max_bytes = 1\n", "gateway.toml:2: "),
])  # fmt: skip
def test_settings_that_cannot_be_read_change_nothing(reloaded: Gateway, text: str, problem: str) -> None:
    refused_with(reloaded, text, problem)


def test_what_needs_a_restart_is_said_and_the_rest_is_taken(reloaded: Gateway) -> None:
    [key] = reloaded.mint()
    before, seen = workers(reloaded.data_dir), len(reloaded.log.read_text())
    settings_file(reloaded).write_text('host = "127.0.0.2"\nbody_max_bytes = 1024\n')
    os.kill(reloaded.pid, signal.SIGHUP)
    wait_for(lambda: workers(reloaded.data_dir).isdisjoint(before), "new workers")
    wait_for(lambda: len(workers(reloaded.data_dir)) == 2, "both workers")
    assert "host was 127.0.0.1 at start and is now 127.0.0.2: that needs a restart" in reloaded.log.read_text()[seen:]
    assert asyncio.run(call(reloaded.port, key, text="x" * 2000)) == 413


def test_an_administrator_can_order_a_reload(reloaded: Gateway) -> None:
    """Validated whole before anybody is told; the answer says what stays."""
    [key] = reloaded.mint()
    transport = httpx.HTTPTransport(uds=str(Paths(reloaded.data_dir).admin_sock))
    with httpx.Client(transport=transport, base_url="http://gateway", timeout=30) as client:
        before = workers(reloaded.data_dir)
        settings_file(reloaded).write_text("body_max_bytes = 'many'\n")
        refused = client.post("/admin/v1/reload")
        assert refused.status_code == 400
        assert "gateway.toml:1: `body_max_bytes` must be a whole number" in refused.json()["error"]["message"]
        assert workers(reloaded.data_dir) == before
        settings_file(reloaded).write_text('host = "127.0.0.2"\nbody_max_bytes = 4096\n')
        taken = client.post("/admin/v1/reload")
    assert (taken.status_code, taken.json()) == (
        202,
        {
            "needs_restart": ["host was 127.0.0.1 at start and is now 127.0.0.2: that needs a restart"],
            "waiting": [{"name": "host", "present": "127.0.0.1", "wanted": "127.0.0.2"}],
        },
    )
    wait_for(lambda: workers(reloaded.data_dir).isdisjoint(before), "new workers")
    wait_for(lambda: len(workers(reloaded.data_dir)) == 2, "both workers")
    assert asyncio.run(call(reloaded.port, key, text="x" * 2000)) == 200


def test_the_settings_page_tells_what_waits_in_the_visitors_language(reloaded: Gateway) -> None:
    transport = httpx.HTTPTransport(uds=str(Paths(reloaded.data_dir).admin_sock))
    with httpx.Client(transport=transport, base_url="http://gateway", timeout=30) as client:
        assert client.post("/admin/v1/accounts", json={"name": "o", "password": PASSWORD, "role": "owner"}).status_code == 200
    place = f"http://127.0.0.1:{reloaded.port}"
    before = workers(reloaded.data_dir)
    settings_file(reloaded).write_text('host = "127.0.0.2"\nport = 1\n')
    with httpx.Client(base_url=place, headers={"accept-language": "ru", "origin": place}, timeout=30) as browser:
        entry = {"csrf": token_of(browser.get("/console/login").text), "name": "o", "password": PASSWORD}
        assert browser.post("/console/login", data=entry).status_code == 303
        token = token_of(browser.get("/console/settings").text)
        answer = browser.post("/console/settings/reload", data={"csrf": token})
    assert answer.status_code == 200
    assert "host: при запуске было 127.0.0.1, теперь в файлах 127.0.0.2. Вступит в силу после перезапуска." in answer.text
    assert (
        f"port: при запуске было {reloaded.port}, теперь в файлах 1." not in answer.text
    )  # given as an option, which is stronger
    wait_for(lambda: workers(reloaded.data_dir).isdisjoint(before), "new workers")
    wait_for(lambda: len(workers(reloaded.data_dir)) == 2, "both workers")


def refused_with(gateway: Gateway, text: str, problem: str) -> None:
    before = workers(gateway.data_dir)
    seen = len(gateway.log.read_text())
    settings_file(gateway).write_text(text)
    os.kill(gateway.pid, signal.SIGHUP)
    wait_for(lambda: "reload refused, nothing changed" in gateway.log.read_text()[seen:], "a refusal")
    [line] = [line for line in gateway.log.read_text()[seen:].splitlines() if "reload refused" in line]
    assert any(problem in said for said in json.loads(line)["problems"])
    assert workers(gateway.data_dir) == before
    assert healthy(gateway.port)
