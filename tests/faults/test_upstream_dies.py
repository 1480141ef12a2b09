"""Upstreams that die: cut at every byte, a stream ends in an error its reader cannot miss, and has one row."""

import asyncio

import anthropic
import pytest

from gateway.core.outcome import Outcome
from gateway.simulator.server import Simulator
from tests.dataplane.house import Client, House, house
from tests.dataplane.house import conversation as small
from tests.dataplane.sse import error_event, events
from tests.faults.town import Town, wait_for

SCRIPT = "text_tokens=2"
AT_ONCE = 50


async def cut_everywhere(worker: House, places: range, how: str, *, stream: bool, count: str = "wire") -> None:
    """Cuts an answer at each of `places`; what is shown and what is billed has to fit, for each of them."""
    for first in range(0, len(places), AT_ONCE):
        some = places[first : first + AT_ONCE]
        clients = [Client(small(stream=stream)) for _ in some]
        scripts = [f"{SCRIPT};cut_at={place};cut={how};count={count}" for place in some]
        await asyncio.gather(*(worker.ask(one, x_simulate=script) for one, script in zip(clients, scripts, strict=True)))
        settled = worker.settled()
        assert len(settled) == len({one.request_id for one in settled}) == len(some)
        worker.assert_nothing_held()
        for place, client in zip(some, clients, strict=True):
            check(client, place, stream)
        whole = sum(b"message_stop" in client.body or (not stream and client.status == 200) for client in clients)
        assert sum(one.outcome is Outcome.FINISHED for one in settled) == whole
        assert sum(one.outcome is Outcome.UPSTREAM_DIED for one in settled) == len(some) - whole
        for one in settled:
            if one.outcome is Outcome.UPSTREAM_DIED and one.ttft_us is None:
                assert one.usage.total_input_tokens + one.usage.output_tokens == 0


def check(client: Client, place: int, stream: bool) -> None:
    assert client.frames, place
    if client.status == 502:
        assert client.error["type"] == "api_error", place
        assert client.is_whole, place
        return
    assert client.status == 200, place
    assert client.is_whole, place
    if not stream:
        assert client.body.endswith(b"}"), place
    elif "message_stop" not in events(client.body):
        assert error_event(client.body) is not None, (place, client.body[-200:])


async def size_of(upstream: Simulator, worker: House, stream: bool) -> int:
    """How many bytes the whole answer has, head and framing included."""
    await worker.ask(Client(small(stream=stream)), x_simulate=SCRIPT)
    worker.settled()
    return (await upstream.wait_truth(1))[0].wire_bytes_sent


@pytest.mark.parametrize(("how", "stream", "step"), [("fin", True, 1), ("rst", True, 7), ("fin", False, 1)])
def test_cut_at_every_byte(how: str, stream: bool, step: int) -> None:
    """R3: the whole answer of an upstream, head included, ends at each byte."""

    async def main() -> None:
        async with Simulator() as upstream, house(upstream.url) as worker:
            size = await size_of(upstream, worker, stream)
            await cut_everywhere(worker, range(0, size, step), how, stream=stream)

    asyncio.run(main())


def test_cut_at_every_byte_of_the_body() -> None:
    """R3: a chunk that is shorter than it says, at each byte."""

    async def main() -> None:
        async with Simulator() as upstream, house(upstream.url) as worker:
            await size_of(upstream, worker, True)
            size = upstream.truth[0].payload_bytes_sent
            await cut_everywhere(worker, range(1, size, 3), "fin", stream=True, count="body")

    asyncio.run(main())


def sdk(town: Town) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=town.gateway.url, api_key=town.key, max_retries=0, timeout=20)


def read_stream(client: anthropic.Anthropic, script: str) -> None:
    with client.messages.stream(
        model="claude-sonnet-5-5",
        max_tokens=100,
        messages=[{"role": "user", "content": "hello"}],
        extra_headers={"x-simulate": f"text_tokens=30;{script}"},
    ) as stream:
        stream.get_final_message()


DEATHS = [
    "cut_at=0",
    "cut_at=100",
    "cut_at=900",
    "cut_at=2000",
    "cut_at=2000;cut=rst",
    "cut_at=2500;count=body",
    "error_at=0",
    "error_at=4",
    "empty",
    "no_stop=message_stop",
    "no_stop=message_delta",
    "malformed=http",
    "malformed=chunk",
    "malformed=json",
    "malformed=sse",
    "redirect=http://elsewhere.test/",
    "status=500",
    "status=401",
]


@pytest.mark.parametrize("script", DEATHS)
def test_the_sdk_raises(town: Town, script: str) -> None:
    """R3: a client's library must not take what is left of an answer for the whole."""
    with sdk(town) as client, pytest.raises((anthropic.APIError, ValueError)):
        read_stream(client, script)


@pytest.mark.parametrize("script", ["cut_at=0", "cut_at=300", "cut_at=900", "empty", "malformed=json", "malformed=http"])
def test_the_sdk_raises_without_a_stream(town: Town, script: str) -> None:
    """R3: the same for an answer in one piece."""
    with sdk(town) as client, pytest.raises(anthropic.APIStatusError) as raised:
        client.messages.create(
            model="claude-sonnet-5-5",
            max_tokens=100,
            messages=[{"role": "user", "content": "hello"}],
            extra_headers={"x-simulate": script},
        )
    assert raised.value.status_code == 502
    assert raised.value.request_id is not None


def test_every_death_leaves_one_row(town: Town) -> None:
    """R3: as the books have it, through the real gateway."""
    town.skip_rows()
    with sdk(town) as client:
        for script in DEATHS:
            town.gateway.forgive()
            with pytest.raises((anthropic.APIError, ValueError)):
                read_stream(client, script)
    rows = town.rows(len(DEATHS))
    spoiled = ("malformed=json", "malformed=sse")  # valid events to us, whose content only the reader looks into
    for script, row in zip(DEATHS, sorted(rows, key=lambda row: row["started_ns"]), strict=True):
        expected = (
            Outcome.FINISHED if script in spoiled else Outcome.REJECTED if script == "status=500" else Outcome.UPSTREAM_DIED
        )
        assert row["outcome"] == expected, script
    wait_for(lambda: town.held() == 0, "rows to be given back")
