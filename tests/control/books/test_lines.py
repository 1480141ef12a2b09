import io
import json
import os

import pytest

from gateway.catalog.prices import Price, PriceList, Rate
from gateway.control.books import lines
from gateway.control.books.entry import Pricing, Row
from gateway.control.books.lines import LineWriter, RequestLog
from gateway.core import ids
from gateway.core.faults import FaultKind
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from gateway.state.record import Flags, Surface
from tests.control.office import MODEL, STARTED_NS, settlement

PRICING = Pricing(PriceList([Price(MODEL, 0, Rate(10, 20, 30, 40, 50))], "v1"), 7)


def row(**changes: object) -> Row:
    return PRICING.row(settlement(**changes).pack())


def nobody(key_id: int) -> None:
    return None


def test_lines_arrive_in_order() -> None:
    stream = io.BytesIO()
    dropped: list[int] = []
    log = RequestLog(stream, dropped.append)
    for number in range(100):
        log.write([b"%d\n" % number, b"-\n"])
    log.close()
    assert stream.getvalue() == b"".join(b"%d\n-\n" % number for number in range(100))
    assert dropped == []


def test_a_reader_that_is_stuck_holds_nobody_up() -> None:
    """A pipe that nobody reads: writing returns at once, and what does not fit is counted."""
    reading, writing = os.pipe()
    dropped: list[int] = []
    with open(reading, "rb") as reader, open(writing, "wb") as writer:
        log = RequestLog(writer, dropped.append)
        batch = [b"x" * 1023 + b"\n"] * 128
        for _ in range(lines.BATCHES_MAX + 10):
            log.write(batch)
        assert len(dropped) >= 8
        expected = (lines.BATCHES_MAX + 10 - len(dropped)) * 128 * 1024
        received = 0
        while received < expected:
            received += len(reader.read1(1 << 20))
        log.close()
    assert received == expected
    assert set(dropped) == {128}


def test_a_reader_that_has_left_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    dropped: list[int] = []
    with open(writing, "wb", buffering=0) as writer:
        log = RequestLog(writer, dropped.append)
        log.write([b"a\n"])
        log.write([b"b\n", b"c\n"])
        log.close()
    assert sum(dropped) == 3


def test_a_line_says_what_happened() -> None:
    writer = LineWriter({1: "key_public"}.get)
    request_id = ids.fresh_id()
    entered = row(
        request_id=request_id,
        started_ns=STARTED_NS + 123_456_789,
        outcome=Outcome.REJECTED,
        fault=FaultKind.LIMITED,
        status=429,
        flags=Flags.STREAM | Flags.OUTPUT_ESTIMATED,
        usage=Usage(1, 2, 3, 4, 5),
        upstream_request_id="req_up",
    )
    line = writer.line(entered)
    assert line.endswith(b"}\n")
    assert json.loads(line) == {
        "ts": "2026-11-18T11:06:40.123Z",
        "event": "request",
        "request_id": ids.text_of("req", request_id),
        "key": "key_public",
        "surface": "messages",
        "method": "POST",
        "path": "/v1/messages",
        "model": MODEL,
        "model_served": MODEL,
        "provider": "anthropic",
        "credential": 0,
        "attempts": 1,
        "status": 429,
        "outcome": "rejected",
        "fault": "limited",
        "stream": True,
        "estimated": True,
        "input_tokens": 1,
        "cache_read_tokens": 2,
        "cache_write_5m_tokens": 3,
        "cache_write_1h_tokens": 4,
        "output_tokens": 5,
        "cost_usd": "0.00000049",
        "duration_ms": 2000.0,
        "ttft_ms": 300.0,
        "request_bytes": 0,
        "response_bytes": 0,
        "upstream_request_id": "req_up",
    }


def test_a_line_of_a_caller_without_a_key() -> None:
    line = json.loads(
        LineWriter(nobody).line(row(key_id=0, surface=Surface.OTHER, ttft_us=None, flags=Flags.NONE, usage=Usage()))
    )
    assert (line["key"], line["surface"], line["ttft_ms"], line["stream"], line["estimated"]) == (
        None,
        "other",
        None,
        False,
        False,
    )


@pytest.mark.parametrize("second", [0, -5, 2**33])
def test_any_moment_can_be_written(second: int) -> None:
    assert LineWriter(nobody).line(row(started_ns=second * 10**9))


def test_names_of_keys_are_asked_for_once_and_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "NAMES_REMEMBERED_MAX", 3)
    asked: list[int] = []

    def key_id_of(number: int) -> str:
        asked.append(number)
        return f"key_{number}"

    writer = LineWriter(key_id_of)
    for number in (1, 1, 2, 1, 3, 3):
        writer.line(row(key_id=number))
    assert asked == [1, 2, 3]


def test_a_line_for_a_terminal_gives_it_no_orders() -> None:
    line = LineWriter({1: "key_a"}.get, "text").line(
        row(request_id=b"\0" * 16, path="/v1/\x1b[2J\n", status=413, fault=FaultKind.OVERSIZED)
    )
    assert line.decode() == (
        "2026-11-18T11:06:40.000Z req_0000000000000000000000 POST /v1/\ufffd[2J\ufffd 413 finished key=key_a "
        "model=claude-sonnet-4-5 input_tokens=1000 output_tokens=200 cost_usd=0.000014 duration_ms=2000.0 fault=oversized\n"
    )
