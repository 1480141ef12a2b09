"""The load program against real sockets: it must pass what is right and catch every kind of wrong byte."""

import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loadtest.bench import targets
from loadtest.bench.programs import compile_program
from loadtest.bench.rounds import BrokenRoundError, Load
from loadtest.bench.targets import Target
from loadtest.processes import free_port

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="the bench needs a C compiler")

Edit = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    return Load(compile_program("load", tmp_path_factory.mktemp("load")))


@pytest.fixture(scope="module")
def upstream_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with targets.upstream(compile_program("upstream", tmp_path_factory.mktemp("upstream"))) as port:
        yield port


def direct(port: int) -> Target:
    return Target("direct", port, targets.PLACEHOLDER_KEY, None)


@contextmanager
def relay(upstream_port: int, edit: Edit) -> Iterator[int]:
    """A relay for one connection, which passes every read of the answer through `edit`; yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    ends: list[socket.socket] = [listener]

    def pump(source: socket.socket, sink: socket.socket, change: Edit) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(change(data))
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def serve() -> None:
        try:
            while True:
                client, _ = listener.accept()
                upstream = socket.create_connection(("127.0.0.1", upstream_port))
                ends.extend((client, upstream))
                threading.Thread(target=pump, args=(client, upstream, lambda data: data), daemon=True).start()
                threading.Thread(target=pump, args=(upstream, client, edit), daemon=True).start()
        except OSError:
            return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for end in ends:
            end.close()


def test_plain_calls_are_counted_and_every_byte_is_compared(load: Load, upstream_port: int) -> None:
    found = load.calls(direct(upstream_port), connections=4, window_s=0.2, warm_s=0.05, body_bytes=2048)
    assert found.calls > 100
    assert found.bytes_checked >= found.calls * 900
    assert found.window_s == pytest.approx(0.2, abs=0.1)
    assert 0 < found.latency_us["p50"] <= found.latency_us["p99"]


def test_large_bodies_arrive_whole(load: Load, upstream_port: int) -> None:
    found = load.calls(direct(upstream_port), connections=2, window_s=0.1, warm_s=0.05, body_bytes=400_000)
    assert found.calls > 10


def test_streams_deliver_at_their_rate_and_are_followed_by_short_ones(load: Load, upstream_port: int) -> None:
    found = load.streams(direct(upstream_port), streams=10, rate=100, window_s=0.3, spread_s=0.1, then_events=5)
    assert found.events == pytest.approx(10 * 100 * 0.3, rel=0.2)
    assert found.gap_us["p50"] == pytest.approx(10_000, rel=0.2)
    assert len(found.first_event_samples_us) == 10


def replaced_once(old: bytes, new: bytes) -> Edit:
    """Replaces the third occurrence of `old` and no other."""
    seen = 0

    def edit(data: bytes) -> bytes:
        nonlocal seen
        seen += data.count(old)
        if seen < 3:
            return data
        seen = -1_000_000
        return data.replace(old, new, 1)

    return edit


def doubled() -> Edit:
    seen = 0

    def edit(data: bytes) -> bytes:
        nonlocal seen
        seen += 1
        return data * 2 if seen == 20 else data

    return edit


def dropped() -> Edit:
    seen = 0

    def edit(data: bytes) -> bytes:
        nonlocal seen
        seen += 1
        return b"" if seen == 20 else data

    return edit


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        (lambda: replaced_once(b"text_delta", b"text-delta"), "mismatch"),
        (lambda: replaced_once(b"\n\r\n", b"\n\n\n"), "framing"),
        (lambda: replaced_once(b"83\r\nevent: content_block_delta", b"80\r\nevent: content_block_delta"), "longer than its size"),
        (doubled, "mismatch"),
        (dropped, "mismatch"),
    ],
    ids=["a byte changed", "chunk end changed", "chunk size changed", "an event doubled", "an event dropped"],
)
def test_a_damaged_stream_breaks_the_round(load: Load, upstream_port: int, edit: Callable[[], Edit], fault: str) -> None:
    with relay(upstream_port, edit()) as port, pytest.raises(BrokenRoundError, match=fault):
        load.streams(direct(port), streams=1, rate=200, window_s=0.1, spread_s=0.0, then_events=0)


def test_an_answer_to_somebody_else_breaks_the_round(load: Load, upstream_port: int) -> None:
    kept: list[bytes] = []

    def always_the_first(data: bytes) -> bytes:
        kept.append(data)
        return kept[0]

    with relay(upstream_port, always_the_first) as port, pytest.raises(BrokenRoundError, match="mismatch"):
        load.calls(direct(port), connections=1, window_s=0.1, warm_s=0.0, body_bytes=2048)


def test_a_target_that_refuses_breaks_the_round(load: Load) -> None:
    with pytest.raises(BrokenRoundError, match="connect"):
        load.streams(direct(free_port()), streams=2, rate=50, window_s=0.1, spread_s=0.0, then_events=0)


def test_a_compiler_error_is_told(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError, match="exit status"):
        compile_program("nothing", tmp_path)
