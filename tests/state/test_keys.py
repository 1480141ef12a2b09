"""The key table: found at once, changed at once, seen whole."""

import os
from collections.abc import Callable
from typing import cast

import pytest

from gateway.state import keys
from gateway.state.keys import KeyRow, KeyState, KeyTable, KeyTableFullError
from gateway.state.shared import SharedFile
from native_fastpath import Region
from tests.state.conftest import Start, kill

DIGEST = bytes(range(32))
ROW = KeyRow(7, 3, KeyState.ACTIVE, 1_900_000_000)


def test_what_is_put_is_found_in_every_mapping(shared: SharedFile) -> None:
    worker = SharedFile.open(shared.path)
    assert worker.keys.find(DIGEST) is None
    shared.keys.put(DIGEST, ROW)
    assert worker.keys.find(DIGEST) == ROW
    assert worker.keys.find(DIGEST) is worker.keys.find(DIGEST)
    assert worker.keys.find(DIGEST[::-1]) is None
    assert len(worker.keys) == 1
    worker.close()


def test_changes_are_seen_at_the_very_next_call(shared: SharedFile) -> None:
    worker = SharedFile.open(shared.path)
    for expires_at_s in range(5):
        row = KeyRow(7, 3, KeyState.ACTIVE, expires_at_s, 10 + expires_at_s)
        shared.keys.put(DIGEST, row)
        assert worker.keys.find(DIGEST) == row
    assert shared.keys.revoke(DIGEST) is True
    assert worker.keys.find(DIGEST) == KeyRow(7, 3, KeyState.REVOKED, 4, 14)
    assert shared.keys.revoke(DIGEST[::-1]) is False
    assert len(worker.keys) == 1
    worker.close()


def test_putting_the_same_row_again_changes_nothing(shared: SharedFile) -> None:
    shared.keys.put(DIGEST, ROW)
    before = shared.path.read_bytes()
    shared.keys.put(DIGEST, ROW)
    assert shared.path.read_bytes() == before


@pytest.mark.parametrize(
    "row", [KeyRow(2**32 - 1, 2**32 - 1, KeyState.REVOKED, 2**64 - 1, 2**32 - 1, 2**64 - 1), KeyRow(1, 0, KeyState.ACTIVE, 0)]
)
def test_the_largest_and_smallest_rows_fit(shared: SharedFile, row: KeyRow) -> None:
    shared.keys.put(DIGEST, row)
    assert SharedFile.open(shared.path).keys.find(DIGEST) == row


@pytest.mark.parametrize(
    "row",
    [
        KeyRow(0, 1, KeyState.ACTIVE, 0),
        KeyRow(2**32, 1, KeyState.ACTIVE, 0),
        KeyRow(1, -1, KeyState.ACTIVE, 0),
        KeyRow(1, 1, KeyState.ACTIVE, 0, -1),
        KeyRow(1, 1, KeyState.ACTIVE, 0, 2**32),
        KeyRow(1, 1, KeyState.ACTIVE, -1),
        KeyRow(1, 1, KeyState.ACTIVE, 0, 0, 2**64),
        KeyRow(1, 1, KeyState.ACTIVE, 0, 0, -1),
    ],
)
def test_rows_out_of_range_are_refused(shared: SharedFile, row: KeyRow) -> None:
    with pytest.raises(ValueError, match="out of range"):
        shared.keys.put(DIGEST, row)
    assert shared.keys.find(DIGEST) is None


def test_a_full_table_says_so_and_keeps_what_it_has(shared: SharedFile) -> None:
    digests = [os.urandom(32) for _ in range(56)]
    for number, digest in enumerate(digests, 1):
        shared.keys.put(digest, KeyRow(number, 1, KeyState.ACTIVE, 0))
    with pytest.raises(KeyTableFullError, match="56 keys"):
        shared.keys.put(DIGEST, ROW)
    shared.keys.put(digests[0], KeyRow(99, 1, KeyState.ACTIVE, 0))
    worker = SharedFile.open(shared.path)
    found = [worker.keys.find(digest) for digest in digests]
    assert [row and row.key_id for row in found] == [99, *range(2, 57)]
    assert worker.keys.find(DIGEST) is None
    assert len(worker.keys) == 56


def test_the_bits_that_keys_in_force_name(shared: SharedFile) -> None:
    digests = [bytes([number]) + bytes(31) for number in range(4)]
    for number, digest in enumerate(digests):
        shared.keys.put(digest, KeyRow(number + 1, 1, KeyState.ACTIVE, 0, 0, 1 << 60 + number))
    shared.keys.put(digests[1], KeyRow(2, 1, KeyState.ACTIVE, 0, 0, 0b110))
    shared.keys.revoke(digests[2])
    shared.keys.replace(
        {digest: KeyRow(9, 1, KeyState.ACTIVE, 0, 0, 1 << 60) for digest in digests[:1]}
        | {digests[1]: KeyRow(2, 1, KeyState.ACTIVE, 0, 0, 0b110), digests[2]: KeyRow(3, 1, KeyState.REVOKED, 0, 0, 1 << 62)}
    )
    assert shared.keys.allowed_bits() == 1 << 60 | 0b110


def test_cleared_rows_are_gone_for_who_had_them_and_can_come_back(shared: SharedFile) -> None:
    worker = SharedFile.open(shared.path)
    twin = bytes(31) + b"x"
    shared.keys.put(bytes(32), ROW)
    assert worker.keys.find(bytes(32)) == ROW
    shared.keys.clear()
    assert len(worker.keys) == 0
    assert worker.keys.find(bytes(32)) is None
    shared.keys.put(twin, KeyRow(8, 3, KeyState.ACTIVE, 0))
    assert worker.keys.find(bytes(32)) is None
    assert worker.keys.find(twin) == KeyRow(8, 3, KeyState.ACTIVE, 0)
    shared.keys.put(bytes(32), ROW)
    assert worker.keys.find(bytes(32)) == ROW


def test_replacing_removes_what_is_not_named(shared: SharedFile) -> None:
    worker = SharedFile.open(shared.path)
    digests = [bytes(31) + bytes([number]) for number in range(6)]  # all probe from the same row
    rows = {digest: KeyRow(number, 1, KeyState.ACTIVE, 0) for number, digest in enumerate(digests, 1)}
    for kept in (digests[:4], digests[2:], digests[1:2], digests):
        shared.keys.replace({digest: rows[digest] for digest in kept})
        assert len(shared.keys) == len(kept)
        assert [worker.keys.find(digest) for digest in digests] == [
            rows[digest] if digest in kept else None for digest in digests
        ]
    shared.keys.replace({})
    assert [worker.keys.find(digest) for digest in digests] == [None] * 6


def test_what_a_worker_keeps_is_bounded(shared: SharedFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "CACHED_ROWS_MAX", 4)
    digests = [os.urandom(32) for _ in range(10)]
    for number, digest in enumerate(digests, 1):
        shared.keys.put(digest, KeyRow(number, 1, KeyState.ACTIVE, 0))
    for _ in range(2):
        found = [shared.keys.find(digest) for digest in digests]
        assert [row and row.key_id for row in found] == [*range(1, 11)]
        assert len(shared.keys._cached) <= 4


def write_half_of_a_change(shared: SharedFile, digest: bytes = bytes(32)) -> None:
    """What a writer has done just before it would publish the next version."""
    offset = shared.region.find_key(shared.layout.keys_at, shared.layout.keys_capacity, 128, digest)
    version = shared.region.load(offset + 40)
    shared.region.write(offset + 48 + (~version & 1) * 32, b"\xff" * 11)


def test_a_writer_that_dies_half_way_has_changed_nothing(shared: SharedFile) -> None:
    shared.keys.put(DIGEST, ROW)
    write_half_of_a_change(shared, DIGEST)
    assert SharedFile.open(shared.path).keys.find(DIGEST) == ROW
    shared.keys.put(DIGEST, KeyRow(8, 3, KeyState.ACTIVE, 0))
    assert SharedFile.open(shared.path).keys.find(DIGEST) == KeyRow(8, 3, KeyState.ACTIVE, 0)


class Interrupted:
    """A region in which something happens before the n-th call."""

    def __init__(self, region: Region, before_call: int, steps: list[Callable[[], object]]) -> None:
        self._region = region
        self._left = before_call
        self._steps = steps

    def __getattr__(self, name: str) -> object:
        if self._left == 0:
            for step in self._steps:
                step()
        self._left -= 1
        return getattr(self._region, name)


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize(
    "change",
    ["one put", "two puts", "one put and half of another", "revoke", "replace", "clear", "clear and put", "clear and another"],
)
def test_a_change_at_any_point_of_a_find_gives_the_row_before_or_after(shared: SharedFile, change: str, cached: bool) -> None:
    other, second, third = bytes(31) + b"x", KeyRow(7, 3, KeyState.ACTIVE, 2), KeyRow(7, 3, KeyState.ACTIVE, 3)
    table = shared.keys
    changes: dict[str, tuple[list[Callable[[], object]], KeyRow | None]] = {
        "one put": ([lambda: table.put(bytes(32), second)], second),
        "two puts": ([lambda: table.put(bytes(32), second), lambda: table.put(bytes(32), third)], third),
        "one put and half of another": ([lambda: table.put(bytes(32), second), lambda: write_half_of_a_change(shared)], second),
        "revoke": ([lambda: table.revoke(bytes(32))], KeyRow(7, 3, KeyState.REVOKED, ROW.expires_at_s)),
        "replace": ([lambda: table.replace({other: second})], None),
        "clear": ([table.clear], None),
        "clear and put": ([table.clear, lambda: table.put(bytes(32), third)], third),
        "clear and another": ([table.clear, lambda: table.put(other, third)], None),
    }
    steps, after = changes[change]
    for before_call in range(8):
        table.clear()
        table.put(bytes(32), ROW)
        reader = KeyTable(shared.region, shared.layout)
        if cached:
            reader.find(bytes(32))
        interrupted = Interrupted(shared.region, before_call, steps)
        reader._region = cast(Region, interrupted)
        assert reader.find(bytes(32)) in (ROW, after)
        if interrupted._left < 0:
            assert reader.find(bytes(32)) == after


CHANGER = """
digest = bytes(32)
print("ready", flush=True)
n = 0
while True:
    n += 1
    shared.keys.put(digest, KeyRow(n, n, KeyState(1 + n % 2), n))
    if n % 50 == 0:
        shared.keys.replace({})
        shared.keys.put(bytes([0] * 31 + [1]), KeyRow(1, 2, KeyState.REVOKED, 3))
        shared.keys.clear()
"""


def test_a_row_under_change_is_seen_whole_or_not_at_all(shared: SharedFile, start: Start) -> None:
    changer = start(CHANGER)
    seen: set[int] = set()
    while len(seen) < 100:
        row = shared.keys.find(bytes(32))
        if row is not None:
            assert row == KeyRow(row.key_id, row.key_id, KeyState(1 + row.key_id % 2), row.key_id)
            seen.add(row.key_id)
        assert changer.poll() is None
    kill(changer)
