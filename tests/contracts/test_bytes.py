"""What passes through is not written anew: bodies and streams byte for byte, model names spliced and nothing else."""

import asyncio
import gzip
import hashlib
import http.client
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.conftest import GOLDEN, House

STREAMS = sorted(path.stem for path in GOLDEN.glob("*.sse"))
MESSAGES = sorted(path.stem for path in GOLDEN.glob("message_*.json"))
# What the upstream cuts off itself is ended by the gateway with an error event: the bytes before it are the upstream's.
CUT_OFF = frozenset({"stream_truncated"})
# Side by side these put the upstream out for a second, and one that begins later than the others would be refused. One by one
# they do not: content heals.
FAILING = CUT_OFF | {"stream_error_midway"}


async def call(house: House, body: bytes, script: str = "", *, path: str = "/v1/messages", head: str = "") -> tuple[bytes, bytes]:
    """Head and payload of the answer, chunk framing removed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.gateway.port)
    simulate = f"x-simulate: {script}\r\n" if script else ""
    writer.write(
        f"POST {path} HTTP/1.1\r\nhost: g\r\nconnection: close\r\nx-api-key: {house.key}\r\nanthropic-version: 2023-06-01\r\n"
        f"content-type: application/json\r\n{simulate}{head}content-length: {len(body)}\r\n\r\n".encode()
        + body
    )
    async with asyncio.timeout(20):
        raw = await reader.read()
    writer.close()
    answer_head, _, rest = raw.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in answer_head.lower():
        return answer_head, rest
    payload = b""
    while True:
        size, _, rest = rest.partition(b"\r\n")
        if int(size, 16) == 0:
            return answer_head, payload
        payload += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]


def message(**more: Any) -> bytes:
    document = {"model": "claude-sonnet-5-5", "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]}
    return json.dumps(document | more).encode()


@pytest.mark.parametrize("name", STREAMS)
def test_recorded_streams_arrive_byte_for_byte(house: House, name: str) -> None:
    """Whole, byte by byte and in random pieces: what a client gets is what the upstream sent."""
    sent = (GOLDEN / f"{name}.sse").read_bytes()
    seed = random.Random(len(sent))

    async def run() -> list[tuple[bytes, bytes]]:
        splits = [0, 1, *(seed.randrange(2, 200) for _ in range(4))]
        scripts = [f"fixture={name}" + (f";split={split}" if split else "") for split in splits]
        if name in FAILING:
            return [await call(house, message(stream=True), script) for script in scripts]
        return list(await asyncio.gather(*(call(house, message(stream=True), script) for script in scripts)))

    for head, payload in asyncio.run(run()):
        assert head.startswith(b"HTTP/1.1 200")
        if name in CUT_OFF:
            whole = sent[: sent.rindex(b"\n\n") + 2]
            assert payload.startswith(whole)
            assert payload[len(whole) :].startswith(b"event: error\n")
        else:
            assert payload == sent


@pytest.mark.parametrize("name", MESSAGES)
def test_recorded_messages_arrive_byte_for_byte(house: House, name: str) -> None:
    sent = (GOLDEN / f"{name}.json").read_bytes()
    for split in (0, 7):
        head, payload = asyncio.run(call(house, message(), f"fixture={name}" + (f";split={split}" if split else "")))
        assert head.startswith(b"HTTP/1.1 200")
        assert payload == sent


def test_fields_nobody_here_knows_arrive_in_a_large_body(house: House) -> None:
    """Two megabytes with unknown fields, odd spacing and order: the upstream sees the very same bytes."""
    words = [f"w\u00f6rd {number} \\ \U0001f600" for number in range(20_000)]
    text = json.dumps(
        {"zz_unknown": {"b": 1, "a": [None, 1.50, "x"]}, "messages": [{"role": "user", "content": words[0], "odd": words}]}
    )
    body = (text[:-1] + ' ,  "max_tokens" : 5, "other": 1e2,"model":"claude-sonnet-5-5"  ,"metadata" :{"x":{}} }\n').encode()
    body = body.replace(b"w\\u00f6rd", "wörd".encode(), 1000)
    body += b" " * (2_000_000 - len(body))
    assert len(body) == 2_000_000
    head, _ = asyncio.run(call(house, body, "sha", head="x-request-tag: large\r\n"))
    digest = hashlib.sha256(body).hexdigest()
    assert head.startswith(b"HTTP/1.1 200"), head
    assert f"x-body-sha256: {digest}".encode() in head
    record = house.tagged("large")
    assert (record.body_sha256, record.body_bytes) == (digest, len(body))


@pytest.mark.parametrize(("asked", "served"), [("fast", "claude-haiku-5-5"), ('gpt-4o "mini"', "claude-sonnet-5-5")])
@pytest.mark.parametrize("spelling", ["plain", "escaped"])
def test_an_alias_is_spliced_in_place(house: House, asked: str, served: str, spelling: str) -> None:
    """A14: the upstream gets its own name for the model and every other byte as it was; the reply bears the name asked for."""
    name = json.dumps(asked) if spelling == "plain" else '"' + "".join(f"\\u{ord(letter):04x}" for letter in asked) + '"'
    template = '{ "max_tokens": 50,"zz" : [1.0 ,"model"],\t"model" :  %s , "messages":[{"role":"user","content":"model: fast"}] }'
    tag = hashlib.sha256((asked + spelling).encode()).hexdigest()[:12]
    head, payload = asyncio.run(call(house, (template % name).encode(), head=f"x-request-tag: {tag}\r\n"))
    assert head.startswith(b"HTTP/1.1 200"), payload
    assert json.loads(payload)["model"] == asked
    record = house.tagged(tag)
    assert record.model == served
    assert record.body_sha256 == hashlib.sha256((template % json.dumps(served)).encode()).hexdigest()


def test_an_alias_changes_nothing_else_of_a_message(house: House) -> None:
    """A14: of a recorded message only the value of `model` differs."""
    sent = (GOLDEN / "message_tool_use.json").read_bytes()
    _, payload = asyncio.run(call(house, message(model="fast"), "fixture=message_tool_use"))
    assert payload == _renamed(sent, "fast")


@pytest.mark.parametrize("name", ["stream_text", "stream_tool_use", "stream_unicode", "stream_empty", "stream_error_midway"])
@pytest.mark.parametrize("split", [0, 1, 61])
def test_an_alias_changes_nothing_else_of_a_stream(house: House, name: str, split: int) -> None:
    """A14: the name asked for stands in `message_start`, and every other byte is the upstream's."""
    sent = (GOLDEN / f"{name}.sse").read_bytes()
    script = f"fixture={name}" + (f";split={split}" if split else "")
    _, payload = asyncio.run(call(house, message(model="fast", stream=True), script))
    assert payload == _renamed(sent, "fast")


def test_a_compressed_body_goes_on_as_it_came(house: House) -> None:
    """It is opened to be checked; the upstream gets what the client sent, and here it is the upstream that does not take it."""
    sent = gzip.compress(message())
    head, payload = asyncio.run(call(house, sent, head="content-encoding: gzip\r\nx-request-tag: packed\r\n"))
    assert head.startswith(b"HTTP/1.1 400"), payload
    assert json.loads(payload)["error"]["details"]["error_code"] == "request_body_encoding_unsupported"
    record = house.tagged("packed")
    assert record.body_sha256 == hashlib.sha256(sent).hexdigest()
    assert dict(record.headers)["content-encoding"] == "gzip"


def test_an_alias_in_a_compressed_body(house: House) -> None:
    """A14: the name cannot be spliced into gzip, so the upstream gets the body open, and is not told otherwise."""
    head, payload = asyncio.run(
        call(house, gzip.compress(message(model="fast")), head="content-encoding: gzip\r\nx-request-tag: unpacked\r\n")
    )
    assert head.startswith(b"HTTP/1.1 200"), payload
    assert json.loads(payload)["model"] == "fast"
    record = house.tagged("unpacked")
    assert record.body_sha256 == hashlib.sha256(message(model="claude-haiku-5-5")).hexdigest()
    assert "content-encoding" not in dict(record.headers)


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "fast"])
@pytest.mark.parametrize("stream", [False, True])
def test_answers_that_come_compressed_unasked(house: House, model: str, stream: bool) -> None:
    """Opened or not, the client can read what it gets, and the header says the truth."""
    name = "stream_text.sse" if stream else "message_text.json"
    script = f"fixture={name.partition('.')[0]};gzip"
    head, payload = asyncio.run(call(house, message(model=model, stream=stream), script))
    assert head.startswith(b"HTTP/1.1 200")
    if b"content-encoding: gzip" in head.lower():
        payload = gzip.decompress(payload)
    sent = (GOLDEN / name).read_bytes()
    assert payload == (_renamed(sent, model) if model == "fast" else sent)


def test_a_mark_of_the_client_is_no_part_of_a_name(house: House) -> None:
    """`[1m]` is taken off for the upstream and comes back in the reply."""
    _, payload = asyncio.run(call(house, message(model="claude-opus-5-5[1m]"), head="x-request-tag: mark\r\n"))
    assert json.loads(payload)["model"] == "claude-opus-5-5[1m]"
    assert house.tagged("mark").model == "claude-opus-5-5"


def test_a_large_file_is_passed_on_as_it_comes(house: House, tmp_path: Path) -> None:
    """A8: 20 MB, with and without a length known before; what comes back on download is what was sent."""
    content = random.Random(20).randbytes(20 * 1024 * 1024)
    form = (
        b'--edge\r\ncontent-disposition: form-data; name="file"; filename="big"\r\ncontent-type: application/octet-stream\r\n\r\n'
        + content
        + b"\r\n--edge--\r\n"
    )
    for chunked in (False, True):
        sent = (form[start : start + 100_000] for start in range(0, len(form), 100_000)) if chunked else form
        tag = f"file-{chunked}"
        status, document = _ask(
            house, "POST", "/v1/files", sent, {"content-type": "multipart/form-data; boundary=edge", "x-request-tag": tag}
        )
        assert status == 200, document[:300]
        file_id = json.loads(document)["id"]
        assert house.tagged(tag).body_sha256 == hashlib.sha256(form).hexdigest()
        status, downloaded = _ask(house, "GET", f"/v1/files/{file_id}/content", None, {})
        assert (status, hashlib.sha256(downloaded).digest()) == (200, hashlib.sha256(content).digest())


def _ask(house: House, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", house.gateway.port, timeout=20)
    try:
        own = {"x-api-key": house.key, "anthropic-version": "2023-06-01"}
        connection.request(method, path, body, own | headers, encode_chunked=True)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _renamed(sent: bytes, name: str) -> bytes:
    """With another name in the first `"model": "..."`, found by eye and not by the gateway's own reader."""
    changed, count = re.subn(rb'("model"\s*:\s*)"[^"]*"', rb'\g<1>"%b"' % name.encode(), sent, count=1)
    assert count == 1
    return changed
