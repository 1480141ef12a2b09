"""R9: bodies nobody means well with.

The seed is printed; HOSTILE_SEED sets it. HOSTILE_BODIES sets how many are sent, 10000 in the long form.
"""

import asyncio
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.core import ids
from tests.rawhttp.conftest import House
from tests.rawhttp.wire import DEADLINE_S

COUNT = int(os.environ.get("HOSTILE_BODIES", "600"))
REFUSALS = {400, 413, 415}
CONNECTIONS = 8

Maker = Callable[[random.Random], bytes]


def turn(seed: random.Random) -> dict[str, Any]:
    """A body like those of a coding agent: many fields, tools, blocks, cache marks, escapes of all kinds."""
    tool = {
        "name": "Bash",
        "description": 'Runs "it"\n\t\\',
        "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}},
    }
    return {
        "model": "claude-sonnet-5",
        "max_tokens": 5,
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": "read \u00e4\U0001f600", "cache_control": {"type": "ephemeral"}}],
            },
            {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"a": "ls"}}]},
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "x" * seed.randrange(200)}],
            },
            {"role": "system", "content": "stay calm"},
        ],
        "system": [{"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1;"}, {"type": "text", "text": "You are"}],
        "tools": [tool | {"name": f"Tool{number}"} for number in range(seed.randrange(4))] + [tool],
        "metadata": {"user_id": '{"device_id":"d","session_id":"s"}'},
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "high"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "stream": False,
    }


def mutated(seed: random.Random) -> bytes:
    """A good body with some bytes taken, put in or changed."""
    body = bytearray(json.dumps(turn(seed), ensure_ascii=seed.random() < 0.5).encode())
    for _ in range(seed.randrange(1, 6)):
        place = seed.randrange(len(body))
        piece = seed.choice(
            [b"\x00", b"\xff", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"-", b"e", b"\\ud800", b"\xef\xbb\xbf", b"1"]
        )
        stop = place + seed.randrange(0, 8)
        body[place:stop] = piece * seed.randrange(0, 3)
    return bytes(body)


def retyped(seed: random.Random) -> bytes:
    """A good body with one value somewhere in it replaced by one of another kind."""
    document = turn(seed)
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
            places.append((value, key))
            walk(value[key])

    walk(document)
    holder, key = seed.choice(places)
    holder[key] = seed.choice(
        [
            None,
            True,
            0,
            -1,
            1.5,
            10**400,
            -(10**30),
            2**63,
            2**64,
            "",
            "x" * 300,
            "\u0000",
            "\ud800",
            [],
            {},
            [[]],
            {"": None},
            [None] * 50,
        ]
    )
    return json.dumps(document).encode()


def truncated(seed: random.Random) -> bytes:
    body = json.dumps(turn(seed)).encode()
    return body[: seed.randrange(len(body))]


def trailing(seed: random.Random) -> bytes:
    return json.dumps(turn(seed)).encode() + seed.choice([b"{}", b"\x00", b",", b"null", b" x", b"\n\n{", b"\xff", b"]"])


def nested(seed: random.Random) -> bytes:
    """Deep arrays, objects or both, as the whole body, as a field, within a message; some never closed."""
    depth = seed.choice([100, 500, 1000, 5000, 100_000])
    opening, closing = seed.choice([(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")])
    deep = opening * depth + b"1" + closing * (depth if seed.random() < 0.7 else 0)
    return seed.choice(
        [
            deep,
            b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"a"}],"x":' + deep + b"}",
            b'{"model":"m","max_tokens":1,"messages":' + deep + b"}",
            b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":' + deep + b"}]}",
            b'{"model":"m","max_tokens":1,"tools":[{"name":"a","input_schema":'
            + deep
            + b'}],"messages":[{"role":"user","content":"a"}]}',
        ]
    )


def numbered(seed: random.Random) -> bytes:
    """Numbers that parsers read differently, or not at all."""
    number = seed.choice(
        [
            b"NaN",
            b"Infinity",
            b"-Infinity",
            b"1e999",
            b"-0",
            b"01",
            b"1.",
            b".5",
            b"+1",
            b"0x10",
            b"1e",
            b"9" * 5000,
            b"-" + b"9" * 400,
            b"1e-999",
            b"1" + b"0" * 310,
            b"5.0",
            b"5e0",
            b"18446744073709551616",
            b"-9223372036854775809",
            b"\xd9\xa1",
            b"1_0",
        ]
    )
    field = seed.choice([b"max_tokens", b"temperature", b"top_k", b"other", b"model"])
    return b'{"model":"m","messages":[{"role":"user","content":"a"}],"max_tokens":5,"%b":%b}' % (field, number)


def doubled(seed: random.Random) -> bytes:
    """A top-level key twice, once perhaps spelt with escapes."""
    key = seed.choice([b"model", b"messages", b"max_tokens", b"stream", b"x"])
    spelt = key if seed.random() < 0.5 else b"\\u%04x" % key[0] + key[1:]
    values = {b"messages": b'[{"role":"user","content":"b"}]', b"max_tokens": b"7", b"stream": b"true"}
    value = values.get(key, b'"other"')
    good = b'"model":"m","messages":[{"role":"user","content":"a"}],"max_tokens":5,"stream":false,"x":1'
    return b'{%b,"%b":%b}' % (good, spelt, value) if seed.random() < 0.5 else b'{"%b":%b,%b}' % (spelt, value, good)


def texts(seed: random.Random) -> bytes:
    """Bytes and escapes that are no text, or text of another encoding."""
    whole = json.dumps(turn(seed))
    text = seed.choice(
        [
            b"\xff\xfe",
            b"\xc0\xaf",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"\xe2\x82",
            b"\x00",
            b"\x1f",
            b"\n",
            b"\\u00",
            b"\\x41",
            b"\\ud800",
            b"\\udc00\\ud800",
            b"\\ud83d",
            b"\\uD83Dx",
            b"\xef\xbf\xbf",
            b"\xf0\x9f\x98",
        ]
    )
    field = seed.choice([b"model", b"content", b"system"])
    bodies = {
        b"model": b'{"model":"m%b","max_tokens":5,"messages":[{"role":"user","content":"a"}]}',
        b"content": b'{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"a%b"}]}',
        b"system": b'{"model":"m","max_tokens":5,"system":"s%b","messages":[{"role":"user","content":"a"}]}',
    }
    return seed.choice(
        [bodies[field] % text, whole.encode("utf-16"), whole.encode("utf-32-le"), b"\xef\xbb\xbf" + whole.encode()]
    )


def shapeless(seed: random.Random) -> bytes:
    return seed.choice(
        [
            b"",
            b" ",
            b"null",
            b"true",
            b"5",
            b'"a"',
            b"[]",
            b"{}",
            b"a=b",
            b"<xml/>",
            b"'{}'",
            b"{'a':1}",
            b"{a:1}",
            b"[1,]",
            b'{"a":1,}',
            b"{,}",
            b"// x\n{}",
            b"\x00" * 64,
            seed.randbytes(seed.randrange(1, 500)),
            b"[" + b"1," * 20000 + b"1]",
            b'{"a"}',
            b'{"a":}',
        ]
    )


MAKERS: tuple[Maker, ...] = (mutated, retyped, truncated, trailing, nested, numbered, doubled, texts, shapeless)


@pytest.fixture(scope="module")
def seed() -> random.Random:
    number = int(os.environ.get("HOSTILE_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
    sys.stdout.write(f"HOSTILE_SEED={number}\n")
    return random.Random(number)


def test_hostile_bodies_are_refused_and_nothing_breaks(house: House, seed: random.Random) -> None:
    """R9: never a 5xx, never a dead worker; refusals stand in the envelope, under the id of the header."""
    before = _workers(house)
    bodies = [MAKERS[number % len(MAKERS)](seed) for number in range(COUNT)]
    statuses = Counter(asyncio.run(_send_all(house, bodies)))
    assert set(statuses) <= REFUSALS | {200}
    assert sum(statuses[status] for status in REFUSALS) > COUNT / 2
    assert statuses[200] > 0  # a changed letter in a text is no mistake: the checks do not refuse everything
    assert _workers(house) == before
    log = house.gateway.log.read_text()
    assert '"bug"' not in log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    "maker", [nested, numbered, doubled, texts, shapeless, trailing, truncated], ids=lambda maker: maker.__name__
)
def test_every_kind_is_refused(house: House, maker: Maker, seed: random.Random) -> None:
    """R9: what two readers could understand differently never gets through, whichever path it takes."""
    statuses = asyncio.run(_send_all(house, [maker(seed) for _ in range(20)], "/v1/messages/count_tokens"))
    assert set(statuses) <= {200, 400}
    assert 400 in statuses


def test_hostile_bodies_that_are_counted_here(house: House, seed: random.Random) -> None:
    """R9: the estimator, too, meets whatever passes the checks, and lives."""
    before = _workers(house)
    bodies = [MAKERS[number % len(MAKERS)](seed) for number in range(COUNT // 2)]
    statuses = Counter(asyncio.run(_send_all(house, bodies, "/v1/messages/count_tokens", "status=404")))
    assert set(statuses) <= REFUSALS | {200}
    assert statuses[200] > 0
    assert _workers(house) == before


def _workers(house: House) -> set[tuple[int, str]]:
    """Every process below the supervisor, by its pid and its start."""
    found = set()
    for pid in house.gateway.children():
        found.add((pid, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]))
    return found


async def _send_all(house: House, bodies: list[bytes], path: str = "/v1/messages", script: str = "") -> list[int]:
    """The statuses, in order; the bodies are spread over some connections, which stay open."""
    shares = [bodies[number::CONNECTIONS] for number in range(CONNECTIONS)]
    answers = await asyncio.gather(*(_send(house, share, path, script) for share in shares if share))
    return [status for share in answers for status in share]


async def _send(house: House, bodies: list[bytes], path: str, script: str) -> list[int]:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.gateway.port)
    statuses = []
    head = (
        f"POST {path} HTTP/1.1\r\nhost: g\r\nx-api-key: {house.key}\r\nx-simulate: {script}\r\n"
        "anthropic-version: 2023-06-01\r\ncontent-type: application/json\r\n"
    )
    async with asyncio.timeout(DEADLINE_S * max(1, len(bodies) / 100)):
        for body in bodies:
            writer.write(head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body)
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            told = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:] if line)}
            if "content-length" in told:
                answer = await reader.readexactly(int(told["content-length"]))
            else:  # `stream` became true
                answer = await reader.readuntil(b"\r\n0\r\n\r\n")
            statuses.append(int(lines[0].split()[1]))
            if statuses[-1] != 200:
                _check_envelope(json.loads(answer), told["request-id"], body)
    writer.close()
    return statuses


def _check_envelope(document: dict[str, Any], request_id: str, body: bytes) -> None:
    assert document["type"] == "error", body[:200]
    assert document["error"]["type"] in ("invalid_request_error", "request_too_large"), body[:200]
    assert document["error"]["message"]
    assert document["request_id"] == request_id
    ids.bytes_of("req", document["request_id"])
