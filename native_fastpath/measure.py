"""Measures every operation in both implementations: `python -m native_fastpath.measure` prints the table of README.md.

Best of five runs each, loop cost of a Python call included, on a file in the temporary directory.
"""

import json
import sys
import tempfile
import timeit
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from native_fastpath import load

_SIZE = 1 << 20
_RING, _KEYS, _ROW = 4096, 262144, 524288
_RECORD = bytes(384)
_DIGEST = bytes(range(32))


_KEPT_BACK = frozenset((b"host", b"x-api-key", b"content-length", b"connection"))
_NOTED = frozenset((b"host", b"x-api-key", b"content-length", b"anthropic-version"))
_HEADERS = [
    (b"host", b"127.0.0.1:8080"),
    (b"x-api-key", b"k" * 108),
    (b"anthropic-version", b"2023-06-01"),
    (b"content-length", b"2000"),
    *((b"x-stainless-header-%d" % number, b"a value of it") for number in range(12)),
]


def operations(implementation: ModuleType, path: Path) -> dict[str, Callable[[], object]]:
    """What is measured, by the name it has in the table."""
    region = implementation.Region(path, _SIZE)
    region.store(_RING + 128, 64)
    region.store(_RING + 136, len(_RECORD))
    row = region.find_key(_KEYS, 1024, 128, _DIGEST)
    if row < 0:
        row = _KEYS + (int.from_bytes(_DIGEST[:8], "little") & 1023) * 128
        region.write(row + 8, _DIGEST)
        region.store(row, 1)
    absent = _DIGEST[::-1]
    region.row_close(_ROW)
    region.row_open(_ROW, 1, _RECORD)

    def append() -> None:
        if not region.ring_append(_RING, _RECORD):
            region.ring_release(_RING, 64)

    def open_close() -> None:
        region.row_close(_ROW)
        region.row_open(_ROW, 1, _RECORD)

    def drain() -> None:
        for _ in range(32):
            region.ring_append(_RING, _RECORD)
        region.ring_release(_RING, len(region.ring_read(_RING, 64)))

    prompt = 'Some prose with "quotes" and\nlines. ' * 10_000
    code = [{"type": "text", "text": 'if (x == "y") {\n\tprint("z");\n}\n' * 30} for _ in range(300)]
    small = _body("Hello, world")
    large, nested = _body(prompt), _body(code)
    return {
        "load": lambda: region.load(64),
        "store": lambda: region.store(64, 7),
        "bump": lambda: region.bump(64, 1),
        "add": lambda: region.add(64, 1),
        "compare_swap": lambda: region.compare_swap(72, 0, 0),
        "read, 384 bytes": lambda: region.read(8192, 384),
        "write, 384 bytes": lambda: region.write(8192, _RECORD),
        "find_key, hit": lambda: region.find_key(_KEYS, 1024, 128, _DIGEST),
        "find_key, miss": lambda: region.find_key(_KEYS, 1024, 128, absent),
        "ring_append": append,
        "ring_append, read, release of 32": drain,
        "ring_free": lambda: region.ring_free(_RING),
        "row_close + row_open": open_close,
        "row_rewrite": lambda: region.row_rewrite(_ROW, _RECORD),
        "row_progress": lambda: region.row_progress(_ROW, 4096, 12),
        f"members, {len(small)} bytes": lambda: implementation.members(small),
        f"members, {len(large) // 1000} kB, one string": lambda: implementation.members(large),
        f"members, {len(nested) // 1000} kB, code in 300 blocks": lambda: implementation.members(nested),
        "sort_headers, 16 headers": lambda: implementation.sort_headers(_HEADERS, _KEPT_BACK, _NOTED),
    }


def nanoseconds(call: Callable[[], object]) -> float:
    """Of one call, best of five runs of about 20 ms."""
    timer = timeit.Timer(call)
    number = max(1, int(0.02 / max(timer.timeit(3) / 3, 1e-8)))
    return min(timer.repeat(5, number)) / number * 1e9


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "region")
        path.write_bytes(bytes(_SIZE))
        native = {name: nanoseconds(call) for name, call in operations(load("native"), path).items()}
        pure = {name: nanoseconds(call) for name, call in operations(load("pure"), path).items()}
    sys.stdout.write("| operation | native ns | pure ns | gain |\n|---|---:|---:|---:|\n")
    for name, cost_ns in native.items():
        sys.stdout.write(f"| {name} | {cost_ns:,.0f} | {pure[name]:,.0f} | {pure[name] / cost_ns:.1f}x |\n")


def _body(content: object) -> bytes:
    return json.dumps(
        {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": content}], "stream": True}
    ).encode()


if __name__ == "__main__":
    main()
