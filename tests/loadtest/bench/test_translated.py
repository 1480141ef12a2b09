"""P8's load and arithmetic."""

import asyncio
import json

import pytest

from loadtest.bench.rounds import BrokenRoundError
from loadtest.bench.targets import Target
from loadtest.bench.translated import KINDS, cost_us, figure, request


@pytest.mark.parametrize("name", KINDS)
def test_a_request_outlasts_its_window(name: str) -> None:
    head, _, body = request(KINDS[name], "sk-key", 2.0).partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head
    assert head.startswith(b"POST " + KINDS[name].path.encode())
    assert b"text_tokens=325;tokens_per_s=50" in head
    assert json.loads(body)["stream"] is True


def test_the_dearer_kind_counts() -> None:
    found = figure({"passed": [10.0, 20.0], "translated": [15.0, 22.0], "translated to Responses": [12.0, 30.0]})
    assert found.value is not None
    assert (found.value.low, found.value.high, found.verdict) == (1.5, 1.5, "goal")


def test_streams_that_bring_nothing_break_the_round() -> None:
    async def silent() -> None:
        accepted: list[asyncio.StreamWriter] = []
        server = await asyncio.start_server(lambda _, writer: accepted.append(writer), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            with pytest.raises(BrokenRoundError, match="100 streams broke"):
                await cost_us(Target("gateway", port, "sk", 1), KINDS["passed"], 0.01)
            for writer in accepted:
                writer.close()

    asyncio.run(silent())
