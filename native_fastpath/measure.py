"""Measures every operation in both implementations: `python -m native_fastpath.measure` prints the table of README.md.

Best of five runs each, loop cost of a Python call included, on a file in the temporary directory.
"""

import json
import struct
import sys
import tempfile
import timeit
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

from native_fastpath import load

_SIZE = 1 << 20
_RING, _KEYS, _ROW = 4096, 262144, 524288
_TABLE, _LOG, _BARE_ROW = 655360, 786432, 802816
_RECORD = bytes(464)
_RING_RECORD = len(_RECORD) + 8 + 24 * 16
_DIGEST = bytes(range(32))

# A caller with five limits: requests and output tokens a minute, messages in five hours, cost in all, calls at once.
_LIMITS = ((1, 1, 10**9), (3, 1, 10**12), (7, 2, 10**15), (5, 5, 10**15), (6, 5, 10**6))
_FULL, _LEAST, _REAL = (
    (0, 1, 1000, 4096, 0, 10**7, 1, 1000),
    (0, 1, 1000, 1, 0, 10**6, 1, 1000),
    (0, 1, 1000, 300, 0, 10**6, 1, 1000),
)
_MOMENT = (1_800_000_000, 1_799_971_200, 1_800_057_600, 1_798_761_600, 1_801_440_000, 10**15)
_OWNER = 1 << 16 | 1

_KEPT_BACK = frozenset((b"host", b"x-api-key", b"content-length", b"connection"))
_NOTED = frozenset((b"host", b"x-api-key", b"content-length", b"anthropic-version"))
_HEADERS = [
    (b"host", b"127.0.0.1:8080"),
    (b"x-api-key", b"k" * 108),
    (b"anthropic-version", b"2023-06-01"),
    (b"content-length", b"2000"),
    *((b"x-stainless-header-%d" % number, b"a value of it") for number in range(12)),
]

# A record like those of `gateway/state/record.py`: figures of all sizes, and six texts of which most are short.
_FORM = (
    b"s\x10i\x08" + b"u\x04" * 3 + b"u\x02" + b"u\x01" * 6 + b"u\x04" + b"n\x08" * 7 + b"s\x40" * 4 + b"s\x08s\x10" + b"n\x08" * 4
)
_FORM += b"s\x30"
_FIELDS = (bytes(16), 1_795_262_400_000_000_000, *range(1, 19), "a model's name", "a model's longer name", "/v1/messages")
_FIELDS += ("req_011CSHoEeqs5C35K2UUqR7Fy", "POST", "anthropic", *range(10**6, 10**6 + 4), b"")

_FIGURES = (50, 49, 0, 9000, 8000, 0, 9000, 8000, 0, 9000, 8000, 0)
_MOMENTS_NS = count(1_795_262_400_000_000_000, 100_000)  # 10 000 calls a second


def operations(implementation: ModuleType, path: Path) -> dict[str, Callable[[], object]]:
    """What is measured, by the name it has in the table."""
    region = implementation.Region(path, _SIZE)
    region.store(_RING + 128, 64)
    region.store(_RING + 136, _RING_RECORD)
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
    french = [{"type": "text", "text": "L'été dernier, à l'aube, nous étions déjà partis.\n" * 24} for _ in range(300)]
    large, nested = _body(prompt), _body(code)
    spoken = json.dumps({"messages": [{"role": "user", "content": french}]}, ensure_ascii=False).encode()
    return {
        "load": lambda: region.load(64),
        "store": lambda: region.store(64, 7),
        "bump": lambda: region.bump(64, 1),
        "add": lambda: region.add(64, 1),
        "compare_swap": lambda: region.compare_swap(72, 0, 0),
        "read, 464 bytes": lambda: region.read(_ROW, 464),
        "write, 464 bytes": lambda: region.write(_ROW + 4096, _RECORD),
        "find_key, hit": lambda: region.find_key(_KEYS, 1024, 128, _DIGEST),
        "find_key, miss": lambda: region.find_key(_KEYS, 1024, 128, absent),
        "ring_append": append,
        "ring_append, read, release of 32": drain,
        "ring_free": lambda: region.ring_free(_RING),
        "row_close + row_open": open_close,
        "row_rewrite": lambda: region.row_rewrite(_ROW, _RECORD),
        "row_progress": lambda: region.row_progress(_ROW, 4096, 12),
        **_limits(region),
        f"members, {len(small)} bytes": lambda: implementation.members(small),
        f"members, {len(large) // 1000} kB, one string": lambda: implementation.members(large),
        f"members, {len(nested) // 1000} kB, code in 300 blocks": lambda: implementation.members(nested),
        f"outline, {len(nested) // 1000} kB, code in 300 blocks": lambda: implementation.outline(nested, 512),
        f"outline, {len(spoken) // 1000} kB, French in 300 blocks": lambda: implementation.outline(spoken, 512),
        "sort_headers, 16 headers": lambda: implementation.sort_headers(_HEADERS, _KEPT_BACK, _NOTED),
        "keep_headers, 16 headers": lambda: implementation.keep_headers(_HEADERS, _KEPT_BACK, (b"cf-",)),
        "fold_names, 16 headers": lambda: implementation.fold_names(_HEADERS),
        "pack_fields, 31 fields": lambda: implementation.pack_fields(_FORM, *_FIELDS),
        "base62": lambda: implementation.base62(_DIGEST[:16]),
        "tell_limits, 20 headers": lambda: implementation.tell_limits(_FIGURES, next(_MOMENTS_NS)),
    }


def _limits(region: Any) -> dict[str, Callable[[], object]]:
    """The steps of a request that is counted against five limits; each leaves everything as it found it."""
    head, count = struct.Struct("=10Q"), len(_LIMITS)
    region.write(_TABLE, head.pack(count + 2, 64, *[0] * 8))
    region.write(_TABLE + 128, head.pack(1 << 4 | 1, 1 << 32, 1 << 32 | 2, *[0] * 7))
    for place, (metric, window, amount) in enumerate(_LIMITS, 2):
        following = place + 1 if place <= count else 0
        kind = window << 16 | metric << 8 | 4
        region.write(_TABLE + 128 * place, head.pack(kind, place, 1 << 32 | following, amount, *[0] * 6))
    holds = _ROW + 64 + 2 * len(_RECORD)
    now_ns = _MOMENT[5]

    def counted() -> None:
        region.limits_take(_TABLE, _LOG, _OWNER, 1, holds, 1, _FULL, _LEAST, _MOMENT)
        region.limits_settle(_RING, _ROW, _RECORD, _TABLE, _LOG, _OWNER, _REAL, now_ns)
        region.row_open(_ROW, 1, _RECORD)
        region.ring_release(_RING, 1)

    def uncounted() -> None:
        region.limits_settle(_RING, _BARE_ROW, _RECORD, _TABLE, _LOG, _OWNER, _REAL, now_ns)
        region.row_open(_BARE_ROW, 1, _RECORD)
        region.ring_release(_RING, 1)

    def ended() -> None:
        region.ring_append(_RING, _RECORD)
        region.row_close(_BARE_ROW)
        region.row_open(_BARE_ROW, 1, _RECORD)
        region.ring_release(_RING, 1)

    region.ring_release(_RING, 64 - region.ring_free(_RING))
    region.row_close(_BARE_ROW)
    region.row_open(_BARE_ROW, 1, _RECORD)
    return {
        "limits_peek, 5 limits": lambda: region.limits_peek(_TABLE, 1, 1, _MOMENT),
        "row_open, limits_take, limits_settle of 5 limits, release": counted,
        "row_open, limits_settle without limits, release": uncounted,
        "row_open, ring_append, row_close, release": ended,
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
