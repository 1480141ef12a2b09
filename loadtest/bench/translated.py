"""P8: what a translated event costs beside one that is passed on, in CPU of the same gateway before the same upstream.

Owns: the load of this figure. Refuses to know: the other targets; no proxy translates.
Strategy: the upstream is the gateway's simulator, whose script travels in a header, so that a client of either dialect makes it
stream the same words at the same pace. The client is a few lines of asyncio: its own CPU is not counted, and at this pace it
keeps up. Passed and translated rounds take turns; a stream that brings nothing, or ends in the window, breaks the round.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.bench import accounting
from loadtest.bench.goals import Figure
from loadtest.bench.rounds import BrokenRoundError
from loadtest.bench.spread import median, spread
from loadtest.bench.targets import Target

STREAMS = 100
EVENTS_PER_S = 50
WARM_S = 1.5
MODEL = "claude-sonnet-5-5"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of client."""

    path: str
    headers: str


KINDS = {
    "passed": Kind("/v1/messages", "anthropic-version: 2023-06-01\r\n"),
    "translated": Kind("/v1/chat/completions", ""),
    "translated to Responses": Kind("/v1/responses", ""),
}


def request(kind: Kind, key: str, seconds: float) -> bytes:
    """One request for a stream that outlasts the window."""
    tokens = round((WARM_S + seconds + 3) * EVENTS_PER_S)
    asked: dict[str, object] = {"model": MODEL, "stream": True}
    if kind.path == "/v1/responses":
        asked["input"] = "hello"
    else:
        asked |= {"max_tokens": tokens, "messages": [{"role": "user", "content": "hello"}]}
    body = json.dumps(asked).encode()
    script = f"text_tokens={tokens};tokens_per_s={EVENTS_PER_S}"
    head = (
        f"POST {kind.path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n{kind.headers}x-simulate: {script}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Stream(asyncio.Protocol):
    """One client's stream; counts events."""

    def __init__(self) -> None:
        self.events = 0
        self.lost = False

    def data_received(self, data: bytes) -> None:
        self.events += data.count(b"data:")

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True


async def cost_us(target: Target, kind: Kind, seconds: float) -> float:
    """CPU of the target for each event of the window, in microseconds. Raises BrokenRoundError."""
    assert target.pid is not None
    loop = asyncio.get_running_loop()
    streams, transports = [], []
    for _ in range(STREAMS):
        transport, stream = await loop.create_connection(Stream, "127.0.0.1", target.port)
        transport.write(request(kind, target.key, seconds))
        streams.append(stream)
        transports.append(transport)
        await asyncio.sleep(1 / STREAMS)
    await asyncio.sleep(WARM_S)
    before, began_s = sum(stream.events for stream in streams), accounting.cpu_s(target.pid)
    await asyncio.sleep(seconds)
    ended_s, after = accounting.cpu_s(target.pid), sum(stream.events for stream in streams)
    broken = sum(stream.lost or not stream.events for stream in streams)
    for transport in transports:
        transport.abort()
    if broken or after - before < STREAMS * EVENTS_PER_S * seconds / 2:
        raise BrokenRoundError(f"{kind.path}: {broken} streams broke, {after - before} events came")
    return (ended_s - began_s) * 1e6 / (after - before)


def measure(target: Target, pairs: int, seconds: float) -> dict[str, list[float]]:
    """Costs by kind, the kinds taking turns."""
    found: dict[str, list[float]] = {name: [] for name in KINDS}
    for _ in range(pairs):
        for name, kind in KINDS.items():
            found[name].append(asyncio.run(cost_us(target, kind, seconds)))
    return found


def figure(costs: dict[str, list[float]]) -> Figure:
    """P8: the dearer kind of translation beside passing on, round by round."""
    passed: Sequence[float] = costs["passed"]
    others = [values for name, values in costs.items() if name != "passed"]
    dearest = [max(each) for each in zip(*others, strict=True)]
    context = ", ".join(f"{name} {median(values):.1f} us per event" for name, values in costs.items())
    return Figure("p8", spread([much / little for much, little in zip(dearest, passed, strict=True)]), context)
