"""A listener that keeps new connections away and loses none that were under way."""

import asyncio
import signal
import socket

import pytest

from gateway.dataplane import listener as listener_module
from gateway.dataplane.listener import LOOK_AGAIN_S, SETTLE_S, give_up_stalled, keep_away, leave_softly


def test_what_waits_is_served_and_what_comes_later_stays_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_server(("127.0.0.1", 0)) as other:
        address = listener.getsockname()
        with socket.create_connection(address) as early:
            assert keep_away(address[1]) == 1
            with pytest.raises(TimeoutError):
                socket.create_connection(address, timeout=0.2)
            socket.create_connection(other.getsockname(), timeout=2).close()
            early.sendall(b"a request")
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.recv(99) == b"a request"
                accepted.sendall(b"an answer")
                assert early.recv(99) == b"an answer"


def test_a_port_that_nobody_here_listens_on() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert keep_away(bound.getsockname()[1]) == 0


def test_sigterm_becomes_sigint_once_things_have_settled() -> None:
    """R18: the server's own shutdown begins only when nothing new arrives."""

    async def scenario() -> float:
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        loop.add_signal_handler(signal.SIGINT, lambda: ended.set_result(loop.time()))
        try:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                leave_softly(listener.getsockname()[1])
                began_s = loop.time()
                signal.raise_signal(signal.SIGTERM)
                after_s = float(await asyncio.wait_for(ended, 5)) - began_s
                with pytest.raises(TimeoutError):
                    socket.create_connection(listener.getsockname(), timeout=0.1)
        finally:
            loop.remove_signal_handler(signal.SIGINT)
        return after_s

    assert asyncio.run(scenario()) >= SETTLE_S * 0.9


def test_a_client_that_takes_nothing_is_reset_by_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """R15: also when the listening socket comes after the application."""
    monkeypatch.setattr(listener_module, "STALL_S", 0.3)

    async def main() -> None:
        with socket.socket() as listener, socket.socket() as client:
            listener.bind(("127.0.0.1", 0))
            give_up_stalled(listener.getsockname()[1])
            listener.listen()
            await asyncio.sleep(2 * LOOK_AGAIN_S)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(listener.getsockname())
            accepted, _ = listener.accept()
            with accepted:
                accepted.settimeout(10)
                with pytest.raises(TimeoutError, match="Connection timed out"):
                    accepted.sendall(b"x" * 100_000_000)

    asyncio.run(main())
