"""The key table, rings and rows of a region, in both implementations."""

import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.native_fastpath.conftest import Start


def digest_at(index: int, tail: int = 0) -> bytes:
    """A digest whose probe starts at `index` of a table of up to 256 rows."""
    return bytes([index]) + bytes(30) + bytes([tail])


def put_key(region: Any, row: int, digest: bytes, state: int = 1) -> None:
    region.write(64 + row * 48 + 8, digest)
    region.store(64 + row * 48, state)


def find(region: Any, digest: bytes) -> int:
    """The number of the row in a table of eight rows of 48 bytes at 64; -1 when there is none."""
    offset: int = region.find_key(64, 8, 48, digest)
    return offset if offset < 0 else (offset - 64) // 48


def test_probing_goes_on_over_others_and_tombstones_and_around_the_end(region: Any) -> None:
    put_key(region, 6, digest_at(6, 1))
    put_key(region, 7, digest_at(6, 2), state=2)
    put_key(region, 0, digest_at(6, 3))
    assert find(region, digest_at(6, 1)) == 6
    assert find(region, digest_at(6, 2)) == -1
    assert find(region, digest_at(6, 3)) == 0
    region.store(64 + 7 * 48, 0)
    assert find(region, digest_at(6, 3)) == -1


def test_a_full_table_without_the_key_ends(region: Any) -> None:
    for row in range(8):
        put_key(region, row, digest_at(row))
    assert find(region, digest_at(3)) == 3
    assert find(region, digest_at(3, 9)) == -1


@pytest.mark.parametrize(
    ("capacity", "row_size"), [(0, 48), (-8, 48), (3, 48), (8, 32), (8, 41), (8, -48), (2**70, 48), (8, 2**40)]
)
def test_key_tables_of_odd_shape_are_refused(region: Any, capacity: int, row_size: int) -> None:
    with pytest.raises(ValueError, match="key table"):
        region.find_key(0, capacity, row_size, bytes(32))


def test_key_tables_lie_inside(region: Any) -> None:
    assert region.find_key(8192 - 8 * 40, 8, 40, bytes(32)) == -1
    for offset, capacity, row_size in [(8192 - 8 * 40 + 8, 8, 40), (0, 256, 40), (0, 2**32, 2**32)]:
        with pytest.raises(IndexError):
            region.find_key(offset, capacity, row_size, bytes(32))
    with pytest.raises(ValueError, match="32 bytes"):
        region.find_key(0, 8, 40, bytes(31))
    with pytest.raises(TypeError):
        region.find_key(0, 8, 40, "x" * 32)


RING = 256


def make_ring(region: Any, capacity: int = 4, record_size: int = 16) -> None:
    region.store(RING + 128, capacity)
    region.store(RING + 136, record_size)


def record(number: int) -> bytes:
    return number.to_bytes(8, "little") * 2


def test_a_ring_gives_back_in_order_what_was_appended_round_after_round(region: Any) -> None:
    make_ring(region)
    for number in range(0, 30, 3):
        for step in range(3):
            assert region.ring_append(RING, record(number + step))
        assert region.ring_free(RING) == 1
        assert region.ring_read(RING, 2) == [record(number), record(number + 1)]
        assert region.ring_read(RING, 99) == [record(number + step) for step in range(3)]
        region.ring_release(RING, 1)
        assert region.ring_read(RING, 2**80) == [record(number + 1), record(number + 2)]
        region.ring_release(RING, 2)
        assert region.ring_read(RING, 99) == []
    assert region.load(RING) == region.load(RING + 64) == 30


def test_a_full_ring_takes_nothing_until_released(region: Any) -> None:
    make_ring(region)
    assert [region.ring_append(RING, record(number)) for number in range(6)] == [True] * 4 + [False] * 2
    assert region.ring_free(RING) == 0
    assert region.ring_read(RING, 9) == [record(number) for number in range(4)]
    region.ring_release(RING, 1)
    assert region.ring_append(RING, record(4))
    assert region.ring_read(RING, 9) == [record(number) for number in range(1, 5)]
    for count in (5, -1, 2**70):
        with pytest.raises(ValueError, match="more records released"):
            region.ring_release(RING, count)
    for limit in (0, -1, -(2**70)):
        assert region.ring_read(RING, limit) == []


def test_counts_go_on_past_the_largest_word(region: Any) -> None:
    make_ring(region)
    region.store(RING, 2**64 - 2)
    region.store(RING + 64, 2**64 - 2)
    assert [region.ring_append(RING, record(number)) for number in range(5)] == [True] * 4 + [False]
    assert region.ring_read(RING, 9) == [record(number) for number in range(4)]
    region.ring_release(RING, 4)
    assert region.load(RING + 64) == 2


@pytest.mark.parametrize("wrong", [b"", bytes(7), bytes(15), bytes(17), bytes(24)])
def test_records_of_parts_of_words_and_longer_ones_are_refused(region: Any, wrong: bytes) -> None:
    make_ring(region)
    with pytest.raises(ValueError, match="up to 16 bytes"):
        region.ring_append(RING, wrong)


def test_a_shorter_record_ends_in_a_word_of_zero(region: Any) -> None:
    make_ring(region, capacity=1, record_size=32)
    for written, read in ((b"a" * 32, b"a" * 32), (b"b" * 8, b"b" * 8 + bytes(8) + b"a" * 16), (b"c" * 24, b"c" * 24 + bytes(8))):
        assert region.ring_append(RING, written)
        assert region.ring_read(RING, 1) == [read]
        region.ring_release(RING, 1)


def test_a_damaged_record_stops_reading_where_it_lies(region: Any) -> None:
    make_ring(region)
    for number in range(3):
        region.ring_append(RING, record(number))
    region.store(RING + 192 + 24, 77)
    assert region.ring_read(RING, 9) == [record(0)]
    region.ring_release(RING, 1)
    with pytest.raises(ValueError, match="wrong sequence"):
        region.ring_read(RING, 9)
    region.ring_release(RING, 1)
    assert region.ring_read(RING, 9) == [record(2)]


@pytest.mark.parametrize(
    ("head", "tail", "capacity", "record_size"),
    [
        (0, 0, 0, 16),
        (0, 0, 3, 16),
        (0, 0, 4, 12),
        (0, 0, 2**63, 16),
        (0, 0, 4, 2**64 - 8),
        (5, 0, 4, 16),
        (0, 1, 4, 16),
        (0, 0, 512, 16),
    ],
)
def test_a_damaged_ring_header_is_refused(region: Any, head: int, tail: int, capacity: int, record_size: int) -> None:
    make_ring(region, capacity, record_size)
    region.store(RING, head)
    region.store(RING + 64, tail)
    calls = ((region.ring_append, bytes(16)), (region.ring_read, 1), (region.ring_release, 0), (region.ring_free,))
    for call, *rest in calls:
        with pytest.raises(ValueError, match="header makes no sense"):
            call(RING, *rest)
    with pytest.raises(IndexError):
        region.ring_free(8192 - 184)


ROW = 512


def row_words(region: Any) -> list[int]:
    return [region.load(ROW + word * 8) for word in range(4)]


def test_a_row_from_open_to_close(region: Any) -> None:
    region.write(ROW + 8, bytes(range(1, 25)))
    region.row_open(ROW, 9, b"a" * 24)
    assert row_words(region) == [9, 0, 0, 0]
    assert region.read(ROW + 64, 24) == b"a" * 24
    region.row_progress(ROW, 1000, 3)
    assert row_words(region) == [9, 1000, 3, 0]
    region.row_rewrite(ROW, b"b" * 24)
    assert row_words(region) == [9, 1000, 3, 1]
    assert region.read(ROW + 64, 48) == b"a" * 24 + b"b" * 24
    region.row_rewrite(ROW, b"c" * 24)
    assert row_words(region) == [9, 1000, 3, 0]
    assert region.read(ROW + 64, 48) == b"c" * 24 + b"b" * 24
    with pytest.raises(ValueError, match="not free"):
        region.row_open(ROW, 10, b"d" * 24)
    region.row_close(ROW)
    assert region.load(ROW) == 0
    with pytest.raises(ValueError, match="is free"):
        region.row_rewrite(ROW, b"e" * 24)


def test_rows_lie_inside_and_have_an_epoch(region: Any) -> None:
    region.row_open(8192 - 64, 1, b"")
    region.row_open(8192 - 64 - 16, 1, bytes(8))
    with pytest.raises(IndexError):
        region.row_open(8192 - 72, 1, bytes(8))
    with pytest.raises(IndexError):
        region.row_rewrite(8192 - 72, bytes(8))
    with pytest.raises(IndexError):
        region.row_progress(8192 - 56, 1, 1)
    with pytest.raises(ValueError, match="epoch"):
        region.row_open(0, 0, b"")
    with pytest.raises(TypeError):
        region.row_open(0, 1, "text")
    with pytest.raises(OverflowError):
        region.row_progress(0, -1, 0)
    with pytest.raises(OverflowError):
        region.row_progress(0, 0, 2**64)


PRODUCER = """
import sys, native_fastpath
region = native_fastpath.load(sys.argv[1]).Region(sys.argv[2], 8192)
number = 0
while number < int(sys.argv[3]):
    if region.ring_append(256, number.to_bytes(8, "little") * 2):
        number += 1
"""


def drain(region: Any, least: int, deadline_s: float = 30) -> list[bytes]:
    """Reads and releases until at least `least` records have come."""
    records: list[bytes] = []
    until = time.monotonic() + deadline_s
    while len(records) < least and time.monotonic() < until:
        fresh = region.ring_read(RING, 3)
        records += fresh
        region.ring_release(RING, len(fresh))
    return records


def test_a_consumer_in_another_process_gets_every_record_once(
    twin: ModuleType, region: Any, tmp_path: Path, start: Start
) -> None:
    make_ring(region, capacity=8)
    producer = start(PRODUCER, "native" if "_native" in twin.__name__ else "pure", tmp_path / "region", 5000)
    assert drain(region, 5000) == [record(number) for number in range(5000)]
    assert producer.wait(10) == 0


def test_a_producer_killed_in_mid_stream_leaves_whole_records_only(
    twin: ModuleType, region: Any, tmp_path: Path, start: Start
) -> None:
    make_ring(region, capacity=64)
    seen = 0
    for life in range(6):
        producer = start(PRODUCER, "native" if "_native" in twin.__name__ else "pure", tmp_path / "region", 2**60)
        records = drain(region, 500 + 137 * life)
        producer.kill()
        producer.wait(10)
        records += drain(region, region.load(RING) - region.load(RING + 64))
        assert records == [record(number) for number in range(len(records))]
        seen += len(records)
        assert region.ring_free(RING) == 64
    assert region.load(RING) == region.load(RING + 64) == seen
