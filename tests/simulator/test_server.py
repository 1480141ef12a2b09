import asyncio
import os
import stat
from pathlib import Path

import pytest

from gateway.simulator import Simulator
from gateway.simulator.script import ScriptError

from .wire import ask, conversation, request


def test_a_unix_socket_is_private_and_goes_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "sim.sock"

    async def run() -> None:
        for _ in range(2):
            async with Simulator(uds=path) as sim:
                assert sim.url == f"http+unix:{path}"
                assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
                assert (await ask(sim.url, request(conversation()))).status == 200
            assert not path.exists()

    asyncio.run(run())


def test_a_socket_file_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "sim.sock"
    path.write_bytes(b"")

    async def run() -> None:
        async with Simulator(uds=path) as sim:
            assert (await ask(sim.url, request(conversation()))).status == 200

    asyncio.run(run())


def test_the_url_has_the_port_that_was_free() -> None:
    async def run() -> None:
        async with Simulator() as one, Simulator() as two:
            assert one.port != two.port
            assert one.url == f"http://127.0.0.1:{one.port}"

    asyncio.run(run())


def test_a_script_that_cannot_be_read_stops_the_start() -> None:
    with pytest.raises(ScriptError, match="unknown key"):
        Simulator(script="speed=1")


def test_waiting_for_records() -> None:
    async def run() -> None:
        async with Simulator() as sim:
            await ask(sim.url, request(conversation(), x_request_tag="a"))
            assert len(await sim.wait_truth(1)) == 1
            assert await sim.wait_truth(lambda records: records[-1].tag == "a")
            with pytest.raises(TimeoutError):
                await sim.wait_truth(2, timeout_s=0.01)

    asyncio.run(run())


def test_the_repr_tells_where_it_listens() -> None:
    assert repr(Simulator(keep_truth=False)) == "<Simulator 127.0.0.1 0 connections, <TruthLog 0 records>>"
