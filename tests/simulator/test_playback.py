import asyncio
import contextlib
import time

import pytest

from gateway.simulator import Simulator

from .wire import connect, conversation, exchange, parse, simulated

STREAM = conversation(stream=True)


def _whole_length() -> int:
    async def run() -> int:
        async with Simulator() as sim:
            return len(await exchange(sim.url, simulated("text_tokens=5", STREAM)))

    return asyncio.run(run())


@pytest.mark.parametrize("way", ["fin", "rst"])
def test_a_cut_ends_at_exactly_that_byte(way: str) -> None:
    async def run() -> None:
        async with Simulator() as sim:
            for limit in (0, 1, 17, 900, 1400, 1401):
                raw = await exchange(sim.url, simulated(f"text_tokens=5;cut_at={limit};cut={way}", STREAM))
                assert len(raw) == limit
            assert {truth.ending for truth in await sim.wait_truth(6)} == {"cut" if way == "fin" else "reset"}
            assert [truth.wire_bytes_sent for truth in sim.truth] == [0, 1, 17, 900, 1400, 1401]

    asyncio.run(run())


@pytest.mark.parametrize("way", ["fin", "rst"])
def test_a_cut_is_exact_for_a_client_that_reads_late(way: str) -> None:
    async def run() -> None:
        async with Simulator() as sim:
            reader, writer = await connect(sim.url)
            body = conversation(stream=True, max_tokens=100_000)
            writer.write(simulated(f"text_tokens=60000;cut_at=8000000;cut={way}", body))
            got = len(await reader.readuntil(b"text_delta"))
            with contextlib.suppress(ConnectionResetError):
                while part := await reader.read(8192):
                    got += len(part)
            writer.close()
            assert got == 8_000_000

    asyncio.run(run())


def test_a_reset_is_a_reset_and_a_fin_an_end() -> None:
    async def run() -> None:
        async with Simulator() as sim:
            reader, writer = await connect(sim.url)
            writer.write(simulated("cut_at=0;cut=rst"))
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()
            reader, writer = await connect(sim.url)
            writer.write(simulated("cut_at=0;cut=fin"))
            assert await reader.read() == b""
            writer.close()

    asyncio.run(run())


def test_a_cut_beyond_the_end_changes_nothing() -> None:
    length = _whole_length()

    async def run() -> None:
        async with Simulator() as sim:
            answer = parse(await exchange(sim.url, simulated(f"text_tokens=5;cut_at={length}", STREAM)))
            assert answer.is_complete
            assert sim.truth[0].ending == "finished"

    asyncio.run(run())


def test_a_hang_keeps_the_connection_until_the_client_leaves() -> None:
    async def run() -> None:
        async with Simulator() as sim:
            reader, writer = await connect(sim.url)
            writer.write(simulated("hang_at=60", STREAM))
            assert len(await reader.readexactly(60)) == 60
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.05)
            assert (sim.truth, sim.connections_open) == ([], 1)
            writer.close()
            truth = (await sim.wait_truth(1))[0]
            assert (truth.ending, truth.wire_bytes_sent) == ("hung", 60)

    asyncio.run(run())


def test_events_come_at_their_pace() -> None:
    async def run() -> None:
        async with Simulator() as sim:
            reader, writer = await connect(sim.url)
            start_s = time.monotonic()
            writer.write(simulated("text_tokens=6;tokens_per_s=50;ttft_ms=60", STREAM))
            at_s = []
            for _ in range(6):
                await reader.readuntil(b"text_delta")
                at_s.append(time.monotonic() - start_s)
            assert b"message_stop" in await reader.read()
            writer.close()
            # A loaded machine may be late; early would be a fault.
            assert all(found >= 0.060 + place * 0.020 - 0.003 for place, found in enumerate(at_s))
            assert at_s[-1] < 2.0

    asyncio.run(run())


def test_the_first_token_waits_but_the_head_does_not() -> None:
    async def run() -> None:
        async with Simulator() as sim:
            reader, writer = await connect(sim.url)
            writer.write(simulated("text_tokens=1;ttft_ms=60000", STREAM))
            async with asyncio.timeout(5):
                assert b"200 OK" in await reader.readuntil(b"ping")
            writer.close()
            assert (await sim.wait_truth(1))[0].events_sent == 3

    asyncio.run(run())


def test_the_end_can_come_late() -> None:
    async def run() -> None:
        async with Simulator() as sim:
            reader, writer = await connect(sim.url)
            writer.write(simulated("text_tokens=1;late_end=60000", STREAM))
            async with asyncio.timeout(5):
                await reader.readuntil(b'"message_stop"')
            writer.close()
            truth = (await sim.wait_truth(1))[0]
            assert (truth.ending, truth.events_sent) == ("client_gone", truth.events_planned)

    asyncio.run(run())


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_split_answer_is_the_same_answer(size: int) -> None:
    async def run() -> None:
        async with Simulator() as sim:
            raw = await exchange(sim.url, simulated(f"text_tokens=3;split={size}", STREAM))
            answer = parse(raw)
            assert answer.is_complete
            assert answer.events[-1][0] == "message_stop"

    asyncio.run(run())


def test_a_split_with_a_pace_sends_nothing_early() -> None:
    async def run() -> None:
        async with Simulator() as sim:
            reader, writer = await connect(sim.url)
            writer.write(simulated("text_tokens=2;split=3;ttft_ms=60000", STREAM))
            async with asyncio.timeout(5):
                await reader.readuntil(b'{"type": "ping"')
            writer.close()
            assert (await sim.wait_truth(1))[0].output_tokens_sent == 0

    asyncio.run(run())


def test_a_long_answer_arrives_whole() -> None:
    async def run() -> None:
        async with Simulator() as sim:
            answer = parse(
                await exchange(
                    sim.url, simulated("text_tokens=30000;chunk=3", conversation(stream=True, max_tokens=100_000)), 20.0
                )
            )
            assert answer.is_complete
            assert sum(name == "content_block_delta" for name, _ in answer.events) == 10_000
            assert sim.truth[0].output_tokens_sent == 30_000

    asyncio.run(run())
