import asyncio
import os
import signal
from pathlib import Path

import pytest

from gateway.simulator import SimulatorProcess

from .wire import ask, conversation, exchange, request, simulated


def test_a_process_serves_and_keeps_the_truth() -> None:
    with SimulatorProcess(keys=["sk-test"], script="text_tokens=3") as sim:
        assert asyncio.run(ask(sim.url, request(conversation()))).json["usage"]["output_tokens"] == 3
        assert asyncio.run(ask(sim.url, request(conversation(), x_api_key="sk-no"))).status == 401
        assert [(truth.status, truth.output_tokens_sent) for truth in sim.wait_truth(2)] == [(200, 3), (401, 0)]
        assert sim.wait_truth(lambda records: len(records) == 2)
        with pytest.raises(TimeoutError):
            sim.wait_truth(3, timeout_s=0.0)
        path = sim.truth_path
    assert path is not None
    assert not path.exists()


def test_a_process_on_a_unix_socket_ends_cleanly_on_sigterm(tmp_path: Path) -> None:
    truth_path = tmp_path / "truth.jsonl"
    with SimulatorProcess(uds=tmp_path / "sim.sock", truth_path=truth_path) as sim:
        assert asyncio.run(ask(sim.url, request(conversation()))).status == 200
        process = sim._process
        assert process is not None
        os.kill(sim.pid, signal.SIGTERM)
        assert process.wait(5.0) == 0
    assert not (tmp_path / "sim.sock").exists()
    assert len(sim.truth()) == 1


@pytest.mark.parametrize("way", ["fin", "rst"])
def test_cuts_are_exact_on_the_faster_loop_too(way: str) -> None:
    with SimulatorProcess() as sim:
        body = conversation(stream=True, max_tokens=100_000)
        for limit in (0, 1, 1500, 300_001):
            raw = asyncio.run(exchange(sim.url, simulated(f"text_tokens=9000;cut_at={limit};cut={way}", body)))
            assert len(raw) == limit
        assert {truth.ending for truth in sim.wait_truth(4)} == {"cut" if way == "fin" else "reset"}


def test_pipelining_and_splitting_work_on_the_faster_loop_too() -> None:
    with SimulatorProcess() as sim:
        sent = [
            simulated("ttft_ms=1;split=500", conversation("x" * 4000), close=False, x_request_tag=str(place))
            for place in range(130)
        ]
        raw = asyncio.run(exchange(sim.url, b"".join(sent) + request(method="GET", path="/v1/models"), 20.0))
        assert raw.count(b"HTTP/1.1 200 OK") == 131
        assert [truth.tag for truth in sim.wait_truth(131)[:-1]] == [str(place) for place in range(130)]


def test_a_process_that_cannot_start_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="exit code 2"), SimulatorProcess(script="speed=1"):
        pass
    assert "unknown key" in capfd.readouterr().err
