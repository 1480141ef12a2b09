"""A storm: mixed calls of many callers, and what each of them saw, while somebody kills what serves them.

Every call asks for a model of its own name. The upstream notes it, and so do the books, at admission already. So each call is
found again in what the client saw, what the upstream did and what was entered, whoever died meanwhile.
"""

import asyncio
import json
import re
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

import httpx

from gateway.core.usage import Usage

MODEL = "claude-sonnet-5-5-call"
CALL_WAIT_S = 30.0
PAUSE_S = 0.05  # after a call that met nobody
REFUSED_PAUSE_S = 0.2  # refusals take no time at all, and it shall be no storm of those alone

REFUSALS = (402, 429, 503)

# Ways a call can go: how often of a hundred, whether it is a stream, what the upstream is told, how its client leaves it.
WAYS: tuple[tuple[int, bool, str, str], ...] = (
    (26, False, "text_tokens=12", ""),
    (10, False, "text_tokens=8;ttft_ms=150", ""),
    (22, True, "text_tokens=20;tokens_per_s=60", ""),
    (10, True, "text_tokens=4", ""),
    (8, True, "text_tokens=3000;chunk=500;tokens_per_s=8000", ""),
    (8, True, "text_tokens=60;tokens_per_s=60", "fin"),
    (6, True, "text_tokens=60;tokens_per_s=60", "rst"),
    (4, False, "text_tokens=12;ttft_ms=400", "fin"),
    (3, True, "text_tokens=12;error_at=6", ""),
    (3, False, "status=529", ""),
)


@dataclass(slots=True)
class Call:
    """One call as its client saw it. `status` is 0 when no head came. `usage` is what an answer that came whole has told."""

    number: int
    stream: bool
    leaves: str
    status: int = 0
    whole: bool = False
    content: bool = False
    usage: Usage | None = None

    @property
    def model(self) -> str:
        return f"{MODEL}{self.number}"


@dataclass
class Storm:
    """`keys` are key texts by kind of caller. `calls` holds every call that is over."""

    port: int
    keys: dict[str, list[str]]
    dice: Random
    calls: list[Call] = field(default_factory=list)
    ends: bool = False
    answered: int = 0
    _begun: int = 0

    async def blow(self, callers: int) -> None:
        """Calls, so many at a time, until `ends` is set."""
        async with asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(self._caller())

    async def _caller(self) -> None:
        while not self.ends:
            call = await self._call()
            self.calls.append(call)
            self.answered += call.status != 0
            if call.status in REFUSALS:
                await asyncio.sleep(REFUSED_PAUSE_S)
            elif not call.status and not call.leaves:
                await asyncio.sleep(PAUSE_S)

    async def _call(self) -> Call:
        self._begun += 1
        dice = self.dice
        key = dice.choice(self.keys[dice.choice(list(self.keys))])
        _, stream, script, leaves = dice.choices(WAYS, [way[0] for way in WAYS])[0]
        call = Call(self._begun, stream, leaves)
        raw, stays_s = _request(call, key, script, "word " * dice.randrange(1, 40)), dice.uniform(0.0, 0.6)
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(CALL_WAIT_S):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    writer.write(raw)
                    await _read(call, reader, writer, stays_s)
                finally:
                    writer.close()
        return call


def _request(call: Call, key: str, script: str, text: str) -> bytes:
    body = json.dumps(
        {"model": call.model, "max_tokens": 4000, "stream": call.stream, "messages": [{"role": "user", "content": text}]}
    )
    return (
        f"POST /v1/messages HTTP/1.1\r\nhost: gateway\r\nx-api-key: {key}\r\nanthropic-version: 2023-06-01\r\n"
        f"content-type: application/json\r\nx-simulate: {script}\r\ncontent-length: {len(body)}\r\n"
        f"connection: close\r\n\r\n{body}"
    ).encode()


async def _read(call: Call, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stays_s: float) -> None:
    """Reads the answer; a client that leaves reads for some time only."""
    seen = bytearray()
    try:
        async with asyncio.timeout(stays_s if call.leaves else None):
            while piece := await reader.read(65536):
                seen += piece
    except TimeoutError:
        if call.leaves == "rst":
            sock: socket.socket = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
    finally:
        _note(call, bytes(seen))


_INPUT = re.compile(rb'"input_tokens":(\d+)')
_OUTPUT = re.compile(rb'"output_tokens":(\d+)')


def _note(call: Call, seen: bytes) -> None:
    """What was seen; whole when the answer has come to its proper end."""
    if not seen.startswith(b"HTTP/1.1 "):
        return
    call.status = int(seen[9:12])
    head, _, body = seen.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    call.content = b"content_block_delta" in body
    if length is not None:
        call.whole = len(body) == int(length[1])
    else:
        call.whole = b"event: message_stop" in body and body.endswith(b"0\r\n\r\n")
    if call.whole and call.status == 200:
        call.usage = Usage(int(_INPUT.findall(body)[0]), 0, 0, 0, int(_OUTPUT.findall(body)[-1]))


async def buy(admin: httpx.AsyncClient, workspace: str, every_s: float, storm: Storm) -> int:
    """Buys credits until the storm ends, each purchase sent until it is answered. Returns how many there were."""
    bought = 0
    while not storm.ends:
        order = {"workspace": workspace, "amount_usd": "5"}
        while True:
            with suppress(httpx.HTTPError):
                answer = await admin.post("credits", json=order, headers={"idempotency-key": f"purchase {bought}"})
                if answer.status_code == 201:
                    break
                assert answer.status_code >= 500, answer.text
            await asyncio.sleep(PAUSE_S)
        bought += 1
        await asyncio.sleep(every_s)
    return bought
