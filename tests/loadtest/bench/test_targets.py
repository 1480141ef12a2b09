import http.client
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import pytest

from gateway.settings import Paths
from loadtest.bench import accounting, targets
from loadtest.bench.targets import Target
from loadtest.console.visitor import NAME
from loadtest.processes import StartError, free_port


def test_nginx_comes_up_with_one_worker_and_passes_requests_on(tmp_path: Path) -> None:
    program = targets.nginx_program()
    if program is None:
        pytest.skip("nginx is not installed")
    nowhere = free_port()
    with targets.nginx(program, tmp_path / "nginx", nowhere, workers=1) as target:
        assert isinstance(target, Target)
        assert target.pid is not None
        assert len(accounting.tree(target.pid)) == 2
        assert len(accounting.workers(target.pid, target.port)) == 1
        connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=5)
        connection.request("GET", "/")
        assert connection.getresponse().status == 502
        connection.close()
    assert accounting.tree(target.pid) == []


def test_the_gateway_inherits_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-somebody")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-somebody")
    monkeypatch.setenv("GATEWAY_CONFIG", "/somewhere")
    environment = targets.gateway_environment(4711)
    assert "sk-somebody" not in environment.values()
    assert "GATEWAY_CONFIG" not in environment
    assert environment["ANTHROPIC_UPSTREAM_URL"] == "http://127.0.0.1:4711"


def test_a_peer_that_ends_at_once_is_told_with_its_words(tmp_path: Path) -> None:
    with (
        pytest.raises(StartError, match="No such file"),
        targets.peer("broken", "ls /nowhere/{port}/{upstream}", tmp_path / "peer", 1),
    ):
        pass


def test_a_watched_gateway_has_its_console_open(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="gw-", dir="/tmp") as folder:
        place = Path(folder) / "g"
        with targets.watched(place, free_port(), workers=1) as target:
            lines = (place / "console.log").read_text().splitlines()
            assert lines == ["open"]
            with httpx.Client(
                transport=httpx.HTTPTransport(uds=str(Paths(place / "data").admin_sock)), base_url="http://g"
            ) as admin:
                names = [one["name"] for one in admin.get("/admin/v1/accounts").json()["data"]]
                seen = {one["did"] for one in admin.get("/admin/v1/changes").json()["data"]}
            assert (names, "log in" in seen) == ([NAME], True)
    assert target.pid is not None
    assert accounting.tree(target.pid) == []


def test_a_console_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "loadtest.console.watching", "--port", str(free_port()), "--data-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("ConnectError")
