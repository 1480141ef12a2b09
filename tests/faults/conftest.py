"""One gateway of two workers and one scripted upstream for all tests of faults."""

import socket
import time
from collections.abc import Iterator

import pytest

from gateway.simulator.process import SimulatorProcess
from tests.faults.town import Town
from tests.serving import forgive_all, serving, upstream

SLOW_HEADS = 40
# Bodies of 32 MB at once, on a busy machine, take a second or two.
CONFIG = "body_timeout_s = 5\nhead_timeout_s = 20\nidle_timeout_s = 20\n"


@pytest.fixture(scope="session")
def town() -> Iterator[Town]:
    with SimulatorProcess() as simulator, serving(upstream(simulator.url), workers=2, config=CONFIG) as gateway:
        yield Town(gateway, simulator, gateway.mint()[0])


@pytest.fixture(scope="session", autouse=True)
def slow_heads(town: Town) -> Iterator[tuple[float, list[socket.socket]]]:
    """Connections that never finish their head, and when they began: all along, so that nobody has to wait for their end."""
    sockets = [town.connect() for _ in range(SLOW_HEADS)]
    for place, sock in enumerate(sockets):
        sock.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-a: "[: 1 + place])
    yield time.monotonic(), sockets
    for sock in sockets:
        sock.close()


@pytest.fixture(autouse=True)
def forgiven() -> None:
    """What an upstream did in one test is not held against it in the next."""
    forgive_all()
