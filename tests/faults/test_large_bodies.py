"""Large bodies and compressed ones: memory stays in proportion to what was admitted, and nobody else waits."""

import gzip
import hashlib
import http.client
import json
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.faults.town import Town, conversation, read_answer, tag, wait_for

MEGABYTE = 1024 * 1024
LIMIT = 32 * MEGABYTE
# What Python objects, buffers of the server and sockets take beside the bodies.
BASE_BYTES = 60 * MEGABYTE


def body_of(size: int) -> bytes:
    """A conversation of exactly `size` bytes."""
    empty = len(conversation(""))
    return conversation("x" * (size - empty))


def resident_bytes(pid: int, name: str = "VmRSS") -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise AssertionError(name)


def ask(town: Town, body: bytes, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", town.gateway.port, timeout=30)
    try:
        lines = {"x-api-key": town.key, "content-type": "application/json", "anthropic-version": "2023-06-01"}
        lines |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", "/v1/messages", body, lines)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def loops_s(workers: list[int]) -> list[float]:
    """Seconds of CPU that each worker's loop, its main thread, has taken so far."""
    return [int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1e9 for pid in workers]


@contextmanager
def probing(town: Town) -> Iterator[list[float]]:
    """Asks every worker for its health all the time; the list holds how many seconds some loop worked while each answer came.

    A loop that works at one thing serves nobody meanwhile. The CPU it takes says so on a busy machine too, where an answer also
    waits for its turn on a processor. Workers share the port, so some connections are opened until each worker has one.
    """
    worked_s: list[float] = []
    over = threading.Event()
    workers = town.workers()

    def probe() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", town.gateway.port, timeout=30)
        while not over.is_set():
            before_s = loops_s(workers)
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            worked_s.append(max(after - before for after, before in zip(loops_s(workers), before_s, strict=True)))
            over.wait(0.01)
        connection.close()

    threads = [threading.Thread(target=probe) for _ in range(6)]
    for thread in threads:
        thread.start()
    try:
        yield worked_s
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_eight_bodies_at_once(town: Town) -> None:
    """R16: peak memory of each worker at most three times the admitted bytes and a base; others are served meanwhile."""
    town.skip_rows()
    body = body_of(LIMIT)
    workers = town.workers()
    before = {pid: resident_bytes(pid) for pid in workers}
    for pid in workers:
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # starts VmHWM anew
    with probing(town) as worked_s, ThreadPoolExecutor(8) as pool:
        statuses = [status for status, _ in pool.map(lambda _: ask(town, body, x_simulate="text_tokens=3"), range(8))]
    assert statuses == [200] * 8
    grown = {pid: resident_bytes(pid, "VmHWM") - before[pid] for pid in workers}
    assert sum(grown.values()) <= 3 * 8 * LIMIT + len(workers) * BASE_BYTES
    assert town.workers() == workers
    # While eight bodies come, a single answer may wait for several turns of the loop.
    assert sorted(worked_s)[len(worked_s) * 95 // 100] < 0.25
    assert {row["request_bytes"] for row in town.rows(8)} == {LIMIT}


@pytest.mark.parametrize("chunked", [False, True])
def test_one_byte_too_many(town: Town, chunked: bool) -> None:
    """R16: 413 in the envelope, told as soon as it is known, and nothing is sent upstream."""
    name = tag()
    with town.connect() as sock:
        if chunked:
            sock.sendall(town.head(None, x_request_tag=name))
            piece = b"100000\r\n" + b"x" * MEGABYTE + b"\r\n"
            for _ in range(33):
                try:
                    sock.sendall(piece)
                except OSError:
                    break
        else:
            sock.sendall(town.head(33 * MEGABYTE, x_request_tag=name))
        status, headers, body = read_answer(sock)
    assert status == 413
    error = json.loads(body)
    assert error["error"]["type"] == "request_too_large"
    assert error["request_id"] == headers["request-id"]
    assert name not in {truth.tag for truth in town.simulator.truth()}


def test_a_client_that_sends_all_of_a_body_that_is_too_large_reads_the_refusal(town: Town) -> None:
    """R16: as the SDKs' own transport does it, which reads on when it can send no more."""
    lines = {"x-api-key": town.key, "content-type": "application/json", "anthropic-version": "2023-06-01"}
    answer = httpx.post(f"{town.gateway.url}/v1/messages", content=b"x" * (33 * MEGABYTE), headers=lines, timeout=30)
    assert answer.status_code == 413


def test_a_compressed_body_is_checked_and_passed_on_as_it_came(town: Town) -> None:
    """The upstream decides whether it takes it; the simulator does not."""
    name = tag()
    squeezed = gzip.compress(conversation("hello"))
    ask(town, squeezed, content_encoding="gzip", x_request_tag=name)
    truth = town.truths([name])[name]
    assert truth.body_sha256 == hashlib.sha256(squeezed).hexdigest()
    assert ("content-encoding", "gzip") in truth.headers


def test_a_compressed_bomb_is_refused(town: Town) -> None:
    """R16: a body that unfolds to 2 GB costs what is admitted and no more, and blocks nobody."""
    squeeze = zlib.compressobj(9, wbits=31)
    bomb = b"".join(squeeze.compress(b"\0" * MEGABYTE) for _ in range(256)) + squeeze.flush()
    workers = town.workers()
    before = {pid: resident_bytes(pid) for pid in workers}
    for pid in workers:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    with probing(town) as worked_s, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ask(town, bomb, content_encoding="gzip"), range(4)))
    assert [status for status, _ in answers] == [413] * 4
    grown = sum(resident_bytes(pid, "VmHWM") - before[pid] for pid in workers)
    assert grown <= 4 * 3 * LIMIT + 2 * BASE_BYTES
    assert max(worked_s) < 0.25


@pytest.mark.parametrize(
    ("encoding", "body", "expected"),
    [
        ("br", b"{}", 415),
        ("deflate", zlib.compress(conversation()), 415),
        ("gzip, gzip", gzip.compress(gzip.compress(conversation())), 415),
        ("zstd", b"\x28\xb5\x2f\xfd", 415),
        ("gzip", b"this is not gzip", 400),
        ("gzip", gzip.compress(conversation())[:-9], 400),
        ("gzip", gzip.compress(conversation()) + b"more", 400),
        ("gzip", b"", 400),
        ("identity", conversation(), 200),
    ],
)
def test_wrong_encodings(town: Town, encoding: str, body: bytes, expected: int) -> None:
    """R16: what cannot be read is refused in the envelope."""
    status, answer = ask(town, body, content_encoding=encoding, x_simulate="text_tokens=3")
    assert status == expected, answer
    if expected != 200:
        assert json.loads(answer)["error"]["type"] == "invalid_request_error"


def test_nothing_is_left(town: Town) -> None:
    """R16: after all of it no row is held."""
    wait_for(lambda: town.held() == 0, "rows to be given back")
