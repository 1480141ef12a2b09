"""Sizes and offsets, and the header that states them."""

import struct

import pytest

from gateway.state.layout import HEADER_BYTES, Layout, LayoutError, read_header
from tests.state.conftest import SMALL


@pytest.mark.parametrize("layout", [Layout(), SMALL, Layout(1, 1, 1, 1, 2, 1)])
def test_no_two_tables_overlap(layout: Layout) -> None:
    last = layout.slots - 1
    starts = [0, layout.workers_at, layout.counters_at, layout.keys_at, layout.rows_at, layout.rings_at]
    starts += [layout.limits_at, layout.undo_at, layout.patterns_at, layout.credentials_at, layout.leases_at, layout.size]
    ends = [
        HEADER_BYTES,
        layout.worker_at(last) + 64,
        layout.counters_of(last) + 512,
        layout.keys_at + layout.keys_capacity * 128,
        layout.row_at(last, layout.rows_per_slot - 1) + 64 + 2 * 464 + 32 + 24 * 32,
        layout.ring_at(last) + 192 + layout.ring_capacity * 864,
        layout.limits_at + layout.limits_capacity * 128,
        layout.undo_of(layout.slots) + 32 + 24 * 56,
        layout.patterns_at + 56 * 64,
        layout.credential_at(layout.credentials_capacity - 1) + 64 + 8 * 96,
        layout.lease_at(last, layout.credentials_capacity - 1) + 128,
    ]
    for start, end, following in zip(starts, ends, starts[1:], strict=False):
        assert start < end <= following
    assert all(start % 4096 == 0 for start in starts)
    if layout.slots > 1:
        assert layout.row_at(1, 0) == layout.row_at(0, layout.rows_per_slot - 1) + 1792
    assert layout.undo_of(layout.slots) == layout.undo_of(0) + 1408 * layout.slots


def test_slots_and_rows_outside_are_refused() -> None:
    for slot in (-1, SMALL.slots):
        for place in (SMALL.worker_at, SMALL.counters_of, SMALL.ring_at, lambda slot: SMALL.row_at(slot, 0)):
            with pytest.raises(IndexError):
                place(slot)
    for slot in (-1, SMALL.slots + 1):
        with pytest.raises(IndexError):
            SMALL.undo_of(slot)
    for credential in (-1, SMALL.credentials_capacity):
        with pytest.raises(IndexError):
            SMALL.credential_at(credential)
        with pytest.raises(IndexError):
            SMALL.lease_at(0, credential)
    for row in (-1, SMALL.rows_per_slot):
        with pytest.raises(IndexError):
            SMALL.row_at(0, row)


@pytest.mark.parametrize(
    "counts",
    [
        (3, 1, 1, 1, 2, 1),
        (0, 1, 1, 1, 2, 1),
        (1, 0, 1, 1, 2, 1),
        (1, 1, 0, 1, 2, 1),
        (1, 1, 1, 6, 2, 1),
        (1 << 25, 1, 1, 1, 2, 1),
        (1, 2000, 1, 1, 2, 1),
        (1, 1, 1, 1, 1, 1),
        (1, 1, 1, 1, (1 << 20) + 1, 1),
        (1, 1, 1, 1, 2, 0),
        (1, 1, 1, 1, 2, (1 << 12) + 1),
    ],
)
def test_odd_capacities_are_refused(counts: tuple[int, int, int, int, int, int]) -> None:
    with pytest.raises(ValueError):
        Layout(*counts)


def test_a_header_states_its_layout() -> None:
    assert read_header(SMALL.header(77), SMALL.size) == (SMALL, 77)


def changed(word: int, value: int) -> bytes:
    header = bytearray(SMALL.header(1))
    struct.pack_into("=Q", header, word * 8, value)
    return bytes(header)


@pytest.mark.parametrize(
    ("header", "size", "message"),
    [
        (b"", 0, "too short"),
        (bytes(4096), 4096, "not a shared file"),
        (b"SQLite format 3\0" * 16, 4096, "not a shared file"),
        (changed(1, 999), SMALL.size, "version 999"),
        (changed(10, 512), SMALL.size, "version"),
        (changed(1, 1), SMALL.size, "version 1; this gateway writes version 5"),
        (changed(8, 1), SMALL.size, "damaged"),
        (changed(4, 63), SMALL.size, "damaged"),
        (changed(5, 2**63), SMALL.size, "damaged"),
        (changed(6, 9), SMALL.size, "its tables need"),
        (changed(9, 0), SMALL.size, "damaged"),
        (changed(2, 4096), 4096, "its tables need"),
        (SMALL.header(1), SMALL.size - 1, "its header says"),
    ],
)
def test_any_other_file_is_refused_with_the_reason(header: bytes, size: int, message: str) -> None:
    with pytest.raises(LayoutError, match=message):
        read_header(header, size)
