"""Uploads: bodies of any size that are passed on as they come, and what happens when one side stops."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from gateway.core.faults import FaultKind
from gateway.core.outcome import Outcome
from gateway.simulator.server import Simulator
from tests.dataplane.house import Client, House, house

PIECE = b"x" * 300_000
FORM = "multipart/form-data; boundary=b"


def run(test: Callable[[House, Simulator], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        async with Simulator() as upstream, house(upstream.url, config="head_timeout_s = 0.1\n") as worker:
            await test(worker, upstream)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("script", "kind"), [("cut_at=0", FaultKind.UNREACHABLE), ("cut_at=9", FaultKind.TRUNCATED), ("hang_at=0", FaultKind.STALLED)]
)
def test_an_upstream_that_dies_is_an_error(script: str, kind: FaultKind) -> None:
    """R3: whether before or after the body has gone."""

    async def dies(worker: House, _: Simulator) -> None:
        client = Client(pieces=[PIECE] * 6)
        await worker.ask(client, path="/v1/files", content_type=FORM, x_simulate=script)
        assert client.status == (504 if kind is FaultKind.STALLED else 502)
        assert client.error["message"]
        settled = worker.one_settled()
        assert (settled.outcome, settled.fault) == (Outcome.UPSTREAM_DIED, kind)

    run(dies)


def test_a_client_that_leaves_in_the_middle_leaves_nothing() -> None:
    """R2."""

    async def leaves(worker: House, upstream: Simulator) -> None:
        client = Client(pieces=[PIECE] * 2)
        scope = worker.scope(len(PIECE) * 5, path="/v1/files", content_type=FORM)
        receive = client.receive
        client.pieces.append(b"")  # more is announced, and does not come
        call = asyncio.ensure_future(worker.calls(scope, receive, client.send))
        await asyncio.sleep(0.05)
        client.leave()
        await asyncio.wait_for(call, 5)
        settled = worker.one_settled()
        assert settled.outcome is Outcome.CLIENT_GONE
        async with asyncio.timeout(5):
            while upstream.connections_open:  # noqa: ASYNC110 -- the simulator has no event for it
                await asyncio.sleep(0)

    run(leaves)
