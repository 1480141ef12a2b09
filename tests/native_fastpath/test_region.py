"""Words and bytes of a mapped file, in both implementations."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.native_fastpath.conftest import Start

WORD_MAX = 2**64 - 1


def test_maps_only_a_file_of_the_stated_size(twin: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "region"
    path.write_bytes(bytes(64))
    for size in (0, -8, 63, 65, 2**70):
        with pytest.raises(ValueError, match="64 bytes"):
            twin.Region(path, size)
    with pytest.raises(FileNotFoundError) as caught:
        twin.Region(tmp_path / "absent", 64)
    assert str(caught.value.filename) == str(tmp_path / "absent")
    assert twin.Region(str(path), size=64).size == 64


def test_what_is_written_is_in_the_file_and_in_other_mappings(twin: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "region"
    path.write_bytes(bytes(32))
    first, second = twin.Region(path, 32), twin.Region(path, 32)
    first.write(3, b"abc")
    first.store(16, 0x0102030405060708)
    assert second.read(0, 8) == b"\0\0\0abc\0\0"
    assert second.load(16) == 0x0102030405060708
    first.close()
    assert second.read(0, 8) == b"\0\0\0abc\0\0"
    assert path.read_bytes()[:8] == b"\0\0\0abc\0\0"


def test_every_byte_is_in_reach_and_none_outside(region: Any) -> None:
    assert region.read(0, 8192) == bytes(8192)
    assert region.read(8192, 0) == b""
    region.write(8191, b"z")
    assert region.read(8191, 1) == b"z"
    region.store(8184, WORD_MAX)
    assert region.load(8184) == WORD_MAX
    for offset, length in [(-1, 1), (8192, 1), (8193, 0), (0, 8193), (0, -1), (2**63, 1), (1, 2**64)]:
        with pytest.raises(IndexError):
            region.read(offset, length)
    for offset, data in [(-1, b"a"), (8192, b"a"), (8190, b"abc"), (2**64, b"")]:
        with pytest.raises(IndexError):
            region.write(offset, data)


WORD_CALLS = [
    ("load", ()),
    ("store", (1,)),
    ("bump", (1,)),
    ("add", (1,)),
    ("compare_swap", (0, 1)),
    ("row_progress", (1, 1)),
    ("row_close", ()),
    ("row_open", (1, b"")),
    ("row_rewrite", (b"",)),
    ("find_key", (1, 40, bytes(32))),
    ("ring_append", (b"",)),
    ("ring_read", (1,)),
    ("ring_release", (0,)),
    ("ring_free", ()),
]


@pytest.mark.parametrize(("name", "rest"), WORD_CALLS)
def test_word_offsets_are_proved(region: Any, name: str, rest: tuple[object, ...]) -> None:
    call = getattr(region, name)
    for offset in (-8, 8192, 2**63, 2**64, -(2**70)):
        with pytest.raises(IndexError):
            call(offset, *rest)
    for offset in (1, 7, 8179):
        with pytest.raises(ValueError, match="not 8-aligned"):
            call(offset, *rest)
    for wrong in ("8", None):
        with pytest.raises(TypeError):
            call(wrong, *rest)
    with pytest.raises(TypeError):
        call(0, *rest, 1, 1, 1)
    region.close()
    with pytest.raises(ValueError, match="closed"):
        call(0, *rest)


def test_words_hold_64_bits(region: Any) -> None:
    assert region.add(0, 5) == 5
    assert region.add(0, -6) == WORD_MAX
    assert region.add(0, 2**64 + 2) == 1
    region.bump(8, -1)
    assert region.load(8) == WORD_MAX
    region.bump(8, 3)
    assert region.load(8) == 2
    for value in (-1, 2**64):
        for call, *words in ((region.store, value), (region.compare_swap, value, 0), (region.compare_swap, 0, value)):
            with pytest.raises(OverflowError):
                call(0, *words)
    with pytest.raises(TypeError):
        region.store(0, "1")
    with pytest.raises(TypeError):
        region.write(0, bytearray(1))


def test_compare_swap_changes_only_what_is_expected(region: Any) -> None:
    assert region.compare_swap(24, 0, 7) is True
    assert region.compare_swap(24, 0, 8) is False
    assert region.load(24) == 7


def resident_bytes(path: Path) -> int:
    """How much of the mapping of a file counts as this process's memory."""
    lines = Path("/proc/self/smaps").read_text().splitlines()
    at = next(place for place, line in enumerate(lines) if line.endswith(f" {path}"))
    return next(int(line.split()[1]) * 1024 for line in lines[at:] if line.startswith("Rss:"))


def test_released_pages_are_nobodys_memory_and_lose_nothing(twin: ModuleType, tmp_path: Path) -> None:
    path, size = tmp_path / "region", 1 << 20
    path.write_bytes(bytes(size))
    first = twin.Region(path, size)
    for offset in range(0, size, 4096):
        first.store(offset, offset + 1)
    assert resident_bytes(path) == size
    first.release_pages()
    assert resident_bytes(path) == 0
    assert first.add(8192, 1) == 8194
    assert [first.load(offset) for offset in range(0, size, 4096) if offset != 8192] == [
        offset + 1 for offset in range(0, size, 4096) if offset != 8192
    ]
    first.close()
    with pytest.raises(ValueError, match="closed"):
        first.release_pages()


def test_a_closed_region_refuses_and_says_so(region: Any) -> None:
    assert repr(region) == "<Region 8192 bytes>"
    region.close()
    region.close()
    assert repr(region) == "<Region closed>"
    for call, argument in ((region.read, 1), (region.write, b"a")):
        with pytest.raises(ValueError, match="closed"):
            call(0, argument)


def test_a_region_smaller_than_a_word_has_no_words(twin: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "region"
    path.write_bytes(b"abcde")
    region = twin.Region(path, 5)
    assert region.read(0, 5) == b"abcde"
    with pytest.raises(IndexError):
        region.load(0)


HAMMER = """
import sys, native_fastpath
region = native_fastpath.load(sys.argv[1]).Region(sys.argv[2], 8192)
for _ in range(int(sys.argv[3])):
    region.add(64, 3)
    while True:
        seen = region.load(128)
        if region.compare_swap(128, seen, seen + 1):
            break
"""


def test_add_and_compare_swap_are_exact_between_processes(twin: ModuleType, region: Any, tmp_path: Path, start: Start) -> None:
    name, rounds = ("native", 60_000) if "_native" in twin.__name__ else ("pure", 4_000)
    hammers = [start(HAMMER, name, tmp_path / "region", rounds) for _ in range(3)]
    assert [hammer.wait(60) for hammer in hammers] == [0, 0, 0]
    assert region.load(64) == 9 * rounds
    assert region.load(128) == 3 * rounds
