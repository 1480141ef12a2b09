"""The heap: what was freed goes back to the system."""

import platform
from pathlib import Path

import pytest

from gateway.core import heap


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library has no malloc_trim")
def test_freed_memory_goes_back() -> None:
    pieces = [bytes(3000) for _ in range(20_000)]  # too large for Python's own pools, too small for mappings of their own
    keeper = bytes(3000)  # lies behind them, so that the heap cannot simply end earlier
    full = resident_bytes()
    pieces.clear()
    assert heap.trim()
    assert resident_bytes() < full - 20_000 * 3000 // 2
    assert len(keeper) == 3000
