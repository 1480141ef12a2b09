"""Clients that leave: at any moment, in any way, the upstream is let go and the request is in the books once."""

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from gateway.core.outcome import Outcome
from gateway.simulator.server import Simulator
from gateway.state.record import Flags
from tests import torture
from tests.dataplane.house import Client, house
from tests.dataplane.house import conversation as small
from tests.faults.town import Town, conversation, reset, tag, wait_for

TOKENS = 30
PLACES = (1, 50, 100, 700, 1200, *range(1500, 4500, 300))  # bytes of the answer


def leave_after(client: Client, place: int) -> None:
    if len(client.frames) > place:
        client.leave()


def test_leaving_at_every_frame_of_a_stream() -> None:
    """R2: one row, the prompt billed once, nothing held, the upstream closed; whichever frame is the last that was taken.

    The upstream goes on meanwhile, so whoever leaves late may have had all of it: then both sides say so.
    """

    async def main() -> None:
        async with Simulator() as upstream, house(upstream.url) as worker:
            script = f"text_tokens={TOKENS};tokens_per_s=150;late_end=100"
            whole = await worker.ask(Client(small(stream=True)), x_simulate=script)
            worker.settled()
            clients = []
            for place in range(len(whole.frames)):
                client = Client(small(stream=True))
                client.on_frame = partial(leave_after, client, place)
                clients.append(client)
            await asyncio.gather(*(worker.ask(client, x_simulate=script) for client in clients))
            truths = (await upstream.wait_truth(len(clients) + 1))[1:]
            settled = worker.settled()
            worker.assert_nothing_held()
            assert upstream.connections_open <= 1 + sum(one.outcome is Outcome.FINISHED for one in settled)
            assert len(settled) == len({one.request_id for one in settled}) == len(clients)
            assert Counter(one.outcome is Outcome.FINISHED for one in settled) == Counter(
                truth.ending == "finished" for truth in truths
            )
            said = {truth.request_id: truth for truth in truths}
            for one in settled:
                truth = said[one.upstream_request_id]
                assert one.usage.input_tokens == truth.usage["input_tokens"]
                assert not one.flags & Flags.INPUT_ESTIMATED
                assert one.usage.output_tokens <= 2 * truth.output_tokens_sent + 2

    asyncio.run(main())


def leave_behind(client: Client, content_bytes: int) -> None:
    if sum(len(frame["body"]) for frame in client.frames[1:]) >= content_bytes:
        client.leave()


@pytest.mark.torture
def test_leaving_behind_every_event_of_a_stream() -> None:
    """R2: an upstream that has stopped in the middle waits for ever, so it is the client's leaving that ends each of these."""

    rounds, left = torture.rounds(1, 40), 0

    async def once() -> None:
        nonlocal left
        async with Simulator() as upstream, house(upstream.url) as worker:
            script = f"text_tokens={TOKENS}"
            whole = (await worker.ask(Client(small(stream=True)), x_simulate=script)).body
            [told] = worker.settled()
            ends = [place + 2 for place in range(len(whole)) if whole[place : place + 2] == b"\n\n"]
            # Nothing is shown before the first content, and behind the last event there is nothing to leave.
            shown = [end for end in ends[:-1] if b"content_block_delta" in whole[:end]]
            assert len(shown) > TOKENS
            clients = []
            for end in shown:
                client = Client(small(stream=True))
                client.on_frame = partial(leave_behind, client, end)
                clients.append(worker.ask(client, x_simulate=f"{script};hang_at={end};count=body"))
            await asyncio.gather(*clients)
            truths = {truth.request_id: truth for truth in (await upstream.wait_truth(len(shown) + 1))[1:]}
            assert {truth.ending for truth in truths.values()} == {"hung"}
            settled = worker.settled()
            worker.assert_nothing_held()
            assert upstream.connections_open <= 1  # that of the one that was whole
            assert [one.outcome for one in settled] == [Outcome.CLIENT_GONE] * len(shown)
            assert {one.upstream_request_id for one in settled} == truths.keys()
            assert {one.usage.input_tokens for one in settled} == {told.usage.input_tokens}
            for one in settled:
                assert not one.flags & Flags.INPUT_ESTIMATED
                assert 0 < one.usage.output_tokens <= 2 * truths[one.upstream_request_id].output_tokens_sent + 2
            left += len(settled)

    for _ in range(rounds):
        asyncio.run(once())
    torture.proved("R2", f"{left} clients left behind events of a stream, each event in turn: one receipt each, upstream closed")


def leave(town: Town, how: str, after_bytes: int, name: str) -> None:
    """Asks for a stream that takes longer than anything waits here, reads that many bytes of it, and is gone."""
    sock = town.connect()
    sock.sendall(
        town.request(conversation(stream=True), x_simulate=f"text_tokens={TOKENS * 100};tokens_per_s=100", x_request_tag=name)
    )
    got = 0
    while got < after_bytes:
        got += len(sock.recv(after_bytes - got))
    if how == "rst":
        reset(sock)
    else:
        sock.close()


@pytest.mark.torture
@pytest.mark.parametrize("how", ["fin", "rst"])
def test_leaving_on_a_real_socket(town: Town, how: str) -> None:
    """R2: FIN and RST at places all over the stream; each upstream connection is closed long before its answer is over."""
    rounds = torture.rounds(1, 25)
    for _ in range(rounds):
        leave_all_over(town, how)
    torture.proved("R2", f"{rounds * len(PLACES)} clients left by {how.upper()}: one receipt each, upstream closed, nothing held")


def leave_all_over(town: Town, how: str) -> None:
    """One client for each place."""
    town.skip_rows()
    names = [tag() for _ in PLACES]
    with ThreadPoolExecutor(len(PLACES)) as pool:
        list(pool.map(lambda pair: leave(town, how, *pair), zip(PLACES, names, strict=True)))
    truths = town.truths(names)  # waits half as long as a whole answer takes
    assert {truth.ending for truth in truths.values()} == {"client_gone"}
    rows = town.rows(len(PLACES), how)
    assert {row["outcome"] for row in rows} == {Outcome.CLIENT_GONE}
    by_id = {truth.request_id: truth for truth in truths.values()}
    for row in rows:
        if row["upstream_request_id"]:
            truth = by_id[row["upstream_request_id"]]
            assert row["input_tokens"] == truth.usage["input_tokens"]
            assert row["output_tokens"] <= 2 * truth.output_tokens_sent + 2
        else:
            assert row["flags"] & Flags.INPUT_ESTIMATED
        assert row["input_tokens"] > 0
    wait_for(lambda: town.held() == 0, "rows to be given back")


def test_leaving_before_the_request_is_complete(town: Town) -> None:
    """R2: half a body, then nobody: nothing is sent upstream and nothing billed."""
    town.skip_rows()
    before = len(town.simulator.truth())
    body = conversation("x" * 2000)
    for keep in (0, 1, 1000, len(body) - 1):
        started = town.started()
        with town.connect() as sock:
            sock.sendall(town.head(len(body)) + body[:keep])
            wait_for(lambda: town.started() > started, "the head to be read before the end of the connection comes")  # noqa: B023
    rows = town.rows(4)
    assert {row["outcome"] for row in rows} == {Outcome.CLIENT_GONE}
    assert {row["input_tokens"] for row in rows} == {0}
    assert {row["attempts"] for row in rows} == {0}
    assert len(town.simulator.truth()) == before
    wait_for(lambda: town.held() == 0, "rows to be given back")
