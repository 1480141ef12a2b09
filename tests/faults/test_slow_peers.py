"""Slow clients and clients that stop: they are closed in time, cost little, and nobody else waits for them."""

import json
import socket
import time
from contextlib import ExitStack

from gateway.core.faults import FaultKind
from gateway.core.outcome import Outcome
from tests.faults.test_large_bodies import ask, resident_bytes
from tests.faults.town import DEADLINE_S, Town, conversation, read_all, read_answer, tag, wait_for

# The server gives a head twenty seconds; nothing here can make that shorter.
HEAD_DEADLINE_S = 40.0


def test_slow_bodies_are_ended_with_408(town: Town) -> None:
    """R15: a body that drips is given up in time, however much of it has come and in which framing; nothing goes upstream."""
    town.skip_rows()
    before = len(town.simulator.truth())
    body = conversation("x" * 5000)
    heads = [town.head(len(body)), town.head(None), town.head(len(body)) + body[:100], town.head(None) + b"64\r\n" + body[:100]]
    sockets = [town.connect() for _ in heads]
    began_s = time.monotonic()
    for sock, head in zip(sockets, heads, strict=True):
        sock.sendall(head)
    for sock in sockets:
        status, headers, answer = read_answer(sock)
        assert status == 408
        assert json.loads(answer)["error"]["type"] == "timeout_error"
        assert headers["x-should-retry"] == "true"
        assert time.monotonic() - began_s > 4.9  # and sooner than anything else would end it, or reading had not waited
        assert read_all(sock) == b""  # closed: what may still come is no second request
        sock.close()
    rows = town.rows(len(heads))
    assert {(row["outcome"], row["fault"], row["attempts"]) for row in rows} == {(Outcome.REFUSED, FaultKind.SLOW, 0)}
    assert len(town.simulator.truth()) == before


def test_a_body_that_drips_without_a_pause_is_given_up_too(town: Town) -> None:
    """R15: the limit is on the whole body, not on the gaps between its pieces."""
    with town.connect() as sock:
        sock.sendall(town.head(1000))
        began_s = time.monotonic()
        sock.settimeout(0.05)
        got = b""
        while not got and time.monotonic() - began_s < DEADLINE_S:  # the body would take ten times as long
            sock.sendall(b" ")
            try:
                got = sock.recv(1000)
            except TimeoutError:
                continue
    assert got.startswith(b"HTTP/1.1 408")


def test_slow_clients_do_not_slow_others(town: Town) -> None:
    """R15: with two hundred clients that send half a request, a call takes as long as without them.

    Whatever else runs here makes either look slower, never quicker: so the best of several turns are compared.
    """
    alone_ms: list[float] = []
    crowded_ms: list[float] = []

    def middle_ms() -> float:
        times_s = []
        for _ in range(20):
            began_s = time.monotonic()
            assert ask(town, conversation(), x_simulate="text_tokens=3")[0] == 200
            times_s.append(time.monotonic() - began_s)
        return sorted(times_s)[10] * 1000

    def is_as_quick() -> bool:
        alone_ms.append(middle_ms())
        with ExitStack() as crowd:
            for _ in range(200):
                crowd.enter_context(town.connect()).sendall(town.head(5000) + b"{")
            crowded_ms.append(middle_ms())
        return min(crowded_ms) < 2 * min(alone_ms) + 10

    wait_for(is_as_quick, f"{crowded_ms} ms in a crowd to be like {alone_ms} ms alone", 2 * DEADLINE_S)
    wait_for(lambda: town.held() == 0, "rows to be given back")


def test_readers_that_stall_cost_little_and_slow_nobody(town: Town) -> None:
    """R15: twenty answers of ten megabytes that nobody reads; what is held of them is bounded, and let go with their readers."""
    town.skip_rows()
    workers = town.workers()
    before = sum(resident_bytes(pid) for pid in workers)
    names = [tag() for _ in range(20)]
    sockets = [town.connect(receive_buffer_bytes=4096) for _ in names]
    for sock, name in zip(sockets, names, strict=True):
        sock.sendall(
            town.request(conversation(stream=True, max_tokens=1_000_000), x_simulate="text_tokens=80000", x_request_tag=name)
        )
    wait_for(lambda: town.held() == 20, "all to have begun")
    for _ in range(20):
        assert ask(town, conversation(), x_simulate="text_tokens=3")[0] == 200
    grown = sum(resident_bytes(pid) for pid in workers) - before
    assert grown < 20 * 3 * 1024 * 1024 + 40 * 1024 * 1024
    for sock in sockets:
        sock.close()
    town.truths(names)  # all are over; the kernel's buffers may have taken all that the upstream said
    rows = town.rows(40)
    # A send to a client that has gone does not fail, so the end of what the kernel holds already may come before the news.
    assert {row["outcome"] for row in rows} <= {Outcome.CLIENT_GONE, Outcome.FINISHED}


def test_a_reader_that_pauses_gets_every_byte(town: Town) -> None:
    """R15: slow is not gone."""
    name = tag()
    with town.connect(receive_buffer_bytes=4096) as sock:
        sock.sendall(
            town.request(
                conversation(stream=True, max_tokens=1_000_000),
                connection="close",
                x_simulate="text_tokens=20000",
                x_request_tag=name,
            )
        )
        got = sock.recv(100)
        time.sleep(1.2)
        got += read_all(sock)
    assert got.rstrip().endswith(b"0")
    assert b"event: message_stop" in got[-400:]
    assert got.count(b"event: content_block_delta\n") == town.truths([name])[name].events_planned - 6


def test_slow_heads_are_closed(town: Town, slow_heads: tuple[float, list[socket.socket]]) -> None:
    """R15: a head that does not come to its end is given up; nobody was called."""
    began_s, sockets = slow_heads
    for sock in sockets:
        sock.settimeout(max(0.1, began_s + HEAD_DEADLINE_S - time.monotonic()))
        read_all(sock)  # raises TimeoutError if it stays open
