"""One request, its status, and nothing of it in an error."""

import socket
from pathlib import Path

import pytest

from gateway.catalog.providers import Origin, read_origin
from gateway.simulator.process import SimulatorProcess
from gateway.upstream.transport.question import NoAnswerError, status_of

KEY = "sk-ant-a-secret"
HEADERS = {"x-api-key": KEY, "anthropic-version": "2023-06-01"}


def test_the_status_is_told_and_a_redirect_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with SimulatorProcess(keys=[KEY]) as sim:
        origin = read_origin(sim.url, "anthropic")
        assert status_of(origin, "/v1/models", HEADERS, 5) == 200
        assert status_of(origin, "/v1/models", {**HEADERS, "x-api-key": "other"}, 5) == 401
        assert status_of(origin, "/v1/models", {**HEADERS, "x-simulate": f"redirect={sim.url}/"}, 5) == 307


def test_a_unix_socket(tmp_path: Path) -> None:
    with SimulatorProcess(uds=tmp_path / "s", keep_truth=False):
        assert status_of(Origin("http", "localhost", 0, uds=tmp_path / "s"), "/v1/models", HEADERS, 5) == 200


def test_silence_and_absence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        origin = Origin("http", "127.0.0.1", silent.getsockname()[1])
        with pytest.raises(NoAnswerError, match=r"^ReadTimeout$"):
            status_of(origin, "/", HEADERS, 0.1)
    with pytest.raises(NoAnswerError, match=r"^ConnectError$"):
        status_of(origin, "/", HEADERS, 5)
