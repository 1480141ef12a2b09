"""The bytes of a settlement and of its charges."""

import struct
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.faults import FaultKind
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from gateway.state.journal import RingWriter, Settlement
from gateway.state.record import Flags, Surface, charged, charges, choice_in
from gateway.state.shared import SharedFile
from gateway.state.workers import WorkerSlot
from tests.state.conftest import numbered

I64_MAX = 2**63 - 1
TOKENS = [field.name for field in fields(Usage)]
FULL = Settlement(
    request_id=bytes(range(16)),
    started_ns=1_790_000_000_123_456_789,
    outcome=Outcome.CLIENT_GONE,
    surface=Surface.MESSAGES,
    duration_us=4_000_000_000,
    ttft_us=123_456,
    key_id=4_294_967_295,
    workspace_id=4_294_967_294,
    status=200,
    fault=FaultKind.TRUNCATED,
    flags=Flags.STREAM | Flags.OUTPUT_ESTIMATED,
    attempts=3,
    credential=255,
    usage=Usage(1, 2, 3, 4, I64_MAX),
    request_bytes=400_000,
    response_bytes=I64_MAX,
    model_asked="asked",
    model_served="served",
    path="/v1/messages",
    upstream_request_id="req_011CSHoEeqs5C35K2UUqR7Fy",
    method="OPTIONS",
    provider="sixteen-bytes-pr",
    cost_nanodollars=I64_MAX,
    held_nanodollars=7,
    held_tokens=8,
    price_tag=2**64 - 1,
    choice=bytes(range(1, 49)),
)


def test_the_bytes_of_a_record() -> None:
    record = FULL.pack()
    assert len(record) == 464
    assert record[:16] == bytes(range(16))
    assert int.from_bytes(record[16:24], "little") == FULL.started_ns
    assert record[36:44] == b"\xc8\x00\x04\x0f\x05\x03\xff\x01"
    assert record[44:48] == b"\xfe\xff\xff\xff"
    assert record[104:109] == b"asked"
    assert record[360:384] == b"OPTIONS\0sixteen-bytes-pr"
    assert struct.unpack("<4Q", record[384:416]) == (I64_MAX, 7, 8, 2**64 - 1)
    assert record[416:] == bytes(range(1, 49))


def test_every_field_comes_back() -> None:
    assert Settlement.unpack(FULL.pack()) == FULL
    bare = numbered(5)
    assert Settlement.unpack(bare.pack()) == bare
    assert bare.ttft_us is None


numbers = st.integers(-(2**70), 2**70)
texts = st.text(max_size=90) | st.text(st.characters(codec=None), max_size=90)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_anything_packs_and_comes_back_within_range(data: st.DataObject) -> None:
    fields: dict[str, Any] = {
        name: data.draw(numbers)
        for name in (
            "started_ns",
            "duration_us",
            "ttft_us",
            "key_id",
            "workspace_id",
            "status",
            "attempts",
            "credential",
            "request_bytes",
            "response_bytes",
            "cost_nanodollars",
            "held_nanodollars",
            "held_tokens",
            "price_tag",
        )
    }
    names = ("model_asked", "model_served", "path", "upstream_request_id", "method", "provider")
    fields |= {name: data.draw(texts) for name in names}
    usage = Usage(*(data.draw(numbers) for _ in range(5)))
    back = Settlement.unpack(numbered(1, usage=usage, **fields).pack())
    limits = {"duration_us": 2**32 - 1, "key_id": 2**32 - 1, "workspace_id": 2**32 - 1, "status": 65535, "attempts": 255}
    limits |= {"credential": 255, "price_tag": 2**64 - 1}
    for name in fields.keys() - {"started_ns", "ttft_us", *names}:
        assert getattr(back, name) == min(max(fields[name], 0), limits.get(name, I64_MAX))
    for name in ("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "output_tokens"):
        assert getattr(back.usage, name) == min(max(getattr(usage, name), 0), I64_MAX)
    assert abs(back.started_ns) <= 2**63
    for name in names:
        size = {"method": 8, "provider": 16}.get(name, 64)
        expected = fields[name].encode("utf-8", "replace").decode()
        while len(expected.encode()) > size:
            expected = expected[:-1]
        assert getattr(back, name) == expected.rstrip("\0")


OTHER_FIGURES = ("request_bytes", "response_bytes", "cost_nanodollars", "held_nanodollars", "held_tokens", "price_tag")


@pytest.mark.parametrize("name", [*OTHER_FIGURES, *TOKENS])
def test_one_negative_figure_alone_becomes_zero(name: str) -> None:
    settlement = numbered(1, usage=Usage(5, 5, 5, 5, 5), **dict.fromkeys(OTHER_FIGURES, 5))
    setattr(settlement.usage if name in TOKENS else settlement, name, -1)
    back = Settlement.unpack(settlement.pack())
    figures = {field: getattr(back.usage, field) for field in TOKENS}
    figures |= {figure: getattr(back, figure) for figure in OTHER_FIGURES}
    assert figures == dict.fromkeys(figures, 5) | {name: 0}


def test_texts_are_cut_at_a_character() -> None:
    back = Settlement.unpack(
        numbered(1, model_asked="\u00e9" * 40, model_served="a" + "\u00e9" * 40, path="x" * 65, method="PROPFIND2").pack()
    )
    assert back.model_asked == "\u00e9" * 32
    assert back.model_served == "a" + "\u00e9" * 31
    assert back.path == "x" * 64
    assert back.method == "PROPFIND"


def test_a_time_too_long_is_not_taken_for_none() -> None:
    assert Settlement.unpack(numbered(1, ttft_us=2**32).pack()).ttft_us == 2**32 - 2
    assert Settlement.unpack(numbered(1, ttft_us=-1).pack()).ttft_us == 0


@pytest.mark.parametrize(("at", "value"), [(38, 0), (38, 99), (39, 200), (43, 0)])
def test_what_is_no_record_is_refused(at: int, value: int) -> None:
    record = bytearray(FULL.pack())
    record[at] = value
    with pytest.raises(ValueError, match="unknown"):
        Settlement.unpack(bytes(record))
    for wrong in (b"", FULL.pack()[:-1], FULL.pack() + b"\0"):
        with pytest.raises(ValueError, match="464 bytes"):
            Settlement.unpack(wrong)


@given(st.binary(max_size=60))
def test_a_note_comes_back_as_far_as_there_is_room(raw: bytes) -> None:
    """NUL bytes at its end are lost, and all of it that begins with one: no note does."""
    record = numbered(1, choice=raw).pack()
    cut = raw[:48].rstrip(b"\0")
    assert choice_in(record) == Settlement.unpack(record).choice == (b"" if raw[:1] == b"\0" else cut)
    assert choice_in(charged(record, CHARGES)) == choice_in(record)
    assert record[:416] == numbered(1).pack()[:416]


CHARGES = ((1, 1_795_000_000, 1), (2**32 - 1, 0, -5), (7, 2**32 - 1, I64_MAX))


def test_charges_lie_behind_the_record(shared: SharedFile, run_dir: Path) -> None:
    record = FULL.pack()
    assert charges(record) == charges(charged(record, ())) == ()
    with_them = charged(record, CHARGES)
    assert with_them[464:488] == (3).to_bytes(8, "little") + struct.pack("<IIq", *CHARGES[0])
    assert charges(with_them) == CHARGES
    assert Settlement.unpack(with_them) == FULL
    slot = WorkerSlot.claim(shared, run_dir)
    writer = RingWriter(slot)
    for written in [with_them, record] * 12:
        assert writer.append(written)
        (read,) = shared.journal.readers[0].read(1)
        shared.journal.readers[0].release(1)
        assert len(read) == 856
        assert Settlement.unpack(read) == FULL
        assert charges(read) == charges(written)
    slot.release()


def test_charges_that_cannot_be_are_refused() -> None:
    record = FULL.pack()
    assert len(charges(charged(record, CHARGES[:1] * 24))) == 24
    for wrong in (record + (25).to_bytes(8, "little") + bytes(400), charged(record, CHARGES)[:488]):
        with pytest.raises(ValueError, match="more charges"):
            charges(wrong)
    for bare, amounts in ((record, CHARGES[:1] * 25), (record[:-1], ()), (charged(record, ()), ())):
        with pytest.raises(ValueError, match="at most 24 charges"):
            charged(bare, amounts)
