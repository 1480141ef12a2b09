"""kill -9 of the supervisor, and the next `gateway serve` on the same data directory."""

import asyncio
import os
import signal
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from gateway.core.outcome import Outcome
from tests.serving import GATEWAY, Gateway, environment, serving
from tests.workers.clients import WHOLE, Ending, call, kept, lives, outcomes, streams, wait_for, workers

STREAMS = 50
SCRIPT = "text_tokens=75;tokens_per_s=25"


def test_the_next_supervisor_takes_over(tmp_path: Path) -> None:
    """R4: without a supervisor calls go on; the next one lets old streams finish, and leaves no process of the old ones."""
    with tempfile.TemporaryDirectory(prefix="gw-", dir="/tmp") as folder:
        home = Path(folder) / "d"
        with serving(workers=2, data_dir=home) as first:
            [key] = first.mint()
            old = set(first.children())
            ended, second = asyncio.run(kill_and_serve_again(first, key))
            assert ended == {WHOLE: STREAMS}
            assert second.isdisjoint(old)
            # The last stop takes the old simulator along, which had served the old workers' streams.
            wait_for(lambda: not any(map(lives, old | second)), "the end of every process")


async def kill_and_serve_again(first: Gateway, key: str) -> tuple["Counter[Ending]", set[int]]:
    tasks = await streams(first.port, key, SCRIPT, STREAMS)
    os.kill(first.pid, signal.SIGKILL)
    assert await call(first.port, key) == 200
    old = workers(first.data_dir)
    with serving(workers=2, data_dir=first.data_dir, port=first.port) as second:
        wait_for(lambda: bool(workers(first.data_dir) - old), "new workers")
        assert await call(second.port, key) == 200
        ended = Counter(await asyncio.gather(*tasks))
        wait_for(lambda: outcomes(second, key) == {Outcome.FINISHED: STREAMS + 2}, "a row for each request")
        wait_for(lambda: workers(first.data_dir).isdisjoint(old), "the old workers' end")
        assert len(workers(first.data_dir)) == 2
        log = second.log.read_text()
        assert log.count("finishes its calls") == 2
        assert "Unexpected exit" not in log
        assert await call(second.port, key) == 200
        return ended, {*second.children(), kept(first.data_dir, "control")}


def test_a_second_gateway_is_refused_and_disturbs_nothing() -> None:
    """The same data directory, and another data directory on the same port: each says what is wrong and exits with 1."""
    with serving(workers=1) as first, tempfile.TemporaryDirectory(prefix="gw-", dir="/tmp") as folder:
        before = first.children()
        for home, problem in (
            (first.data_dir, f"a gateway already serves from {first.data_dir}"),
            (Path(folder) / "d", f"port {first.port} on 127.0.0.1 is used by another program"),
        ):
            refused = subprocess.run(
                [*GATEWAY, "serve", "--port", str(first.port), "--workers", "1", "--data-dir", str(home)],
                env=environment(),
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            assert (refused.returncode, refused.stderr.splitlines()[-1]) == (1, f"gateway: {problem}")
        assert first.children() == before
        [key] = first.mint()
        assert asyncio.run(call(first.port, key)) == 200
