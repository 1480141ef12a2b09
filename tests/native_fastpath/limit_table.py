"""A limit table, undo logs, in-flight rows and a ring in one small region, made word by word."""

import struct
from pathlib import Path
from typing import Any

TABLE, ROWS_MAX = 4096, 64
LOGS, LOG_BYTES, LOGS_MAX = 12_288, 1408, 3
RECORD = 16
ROW, ROW_BYTES, INFLIGHT_MAX = 20_480, 64 + 2 * RECORD + 32 + 24 * 32, 4
RING, RING_CAPACITY = 24_576, 4
RING_RECORD = RECORD + 8 + 24 * 16
SIZE = 32_768

REQUESTS, INPUT, OUTPUT, TOTAL_TOKENS, COST, CONCURRENCY, MESSAGES = range(1, 8)
MINUTE, FIVE_HOURS, DAY, MONTH, TOTAL = range(1, 6)
WORKSPACE, PLAN, KEY, LIMIT = 1, 2, 3, 4
WORDS = ("head", "owner", "links", "amount", "used", "held", "start_s", "end_s", "debt_ns", "fraction")
LOCK = 120
LIMIT_PLACES = 24  # limits that a chain can have at most

NOW_S = 1_800_000_000
DAY_S = 86_400
NOON = (NOW_S, NOW_S - NOW_S % DAY_S, NOW_S - NOW_S % DAY_S + DAY_S, 1_798_761_600, 1_801_440_000, 10**15)
OWNER, OTHER = 7 << 16 | 1, 3 << 16 | 2
ME, THEM = LOGS, LOGS + LOG_BYTES


def by_metric(**amounts: int) -> tuple[int, ...]:
    """Eight amounts, of which some are named."""
    numbers = [0] * 8
    for name, amount in amounts.items():
        numbers[globals()[name.upper()]] = amount
    return tuple(numbers)


def at(now: tuple[int, ...], *, wall_s: int = 0, mono_ns: int = 0) -> tuple[int, ...]:
    """A moment later by so much, on the same day."""
    return now[0] + wall_s, *now[1:5], now[5] + mono_ns


def row_at(index: int) -> int:
    return TABLE + index * 128


def inflight_at(number: int) -> int:
    return ROW + number * ROW_BYTES


def holds_at(number: int) -> int:
    return inflight_at(number) + 64 + 2 * RECORD


def log_at(number: int) -> int:
    return LOGS + number * LOG_BYTES


def prepare(path: Path) -> None:
    """An empty table and an empty ring."""
    image = bytearray(SIZE)
    struct.pack_into("=2Q", image, TABLE, 1, ROWS_MAX)
    struct.pack_into("=2Q", image, RING + 128, RING_CAPACITY, RING_RECORD)
    path.write_bytes(image)


def put_anchor(region: Any, index: int, following: int, *, account: int = 1, kind: int = WORKSPACE, generation: int = 0) -> int:
    """Writes an anchor and returns its reference."""
    head = generation << 32 | kind << 4 | kind
    region.write(row_at(index), struct.pack("=3Q", head, 0, account << 32 | following))
    return (generation & 0xFFF) << 20 | index


def put_limit(
    region: Any,
    index: int,
    following: int,
    metric: int,
    window: int,
    amount: int,
    *,
    account: int = 1,
    class_bit: int = 0,
    generation: int = 0,
    **words: int,
) -> None:
    """Writes a limit whose id is ten times its row."""
    head = generation << 32 | class_bit << 24 | window << 16 | metric << 8 | LIMIT
    state = [words.get(name, 0) for name in WORDS[4:]]
    region.write(row_at(index), struct.pack("=10Q", head, index * 10, account << 32 | following, amount, *state))


def put_chain(region: Any, *limits: tuple[int, int, int], **words: int) -> int:
    """A workspace's anchor in row 1 and limits (metric, window, amount) from row 2 on; returns the anchor's reference."""
    for index, (metric, window, amount) in enumerate(limits, 2):
        put_limit(region, index, index + 1 if index < len(limits) + 1 else 0, metric, window, amount, **words)
    return put_anchor(region, 1, 2 if limits else 0)


def words_of(region: Any, index: int) -> dict[str, int]:
    """A row's words by name."""
    return dict(zip(WORDS, struct.unpack("=10Q", region.read(row_at(index), 80)), strict=True))


def held_of(region: Any, number: int = 0) -> tuple[int, list[tuple[int, ...]]]:
    """State of an in-flight row's hold area, and its holds: row, generation, since, held, charged."""
    state, count, _, _ = struct.unpack("=4Q", region.read(holds_at(number), 32))
    return state, list(struct.iter_unpack("=IIQqq", region.read(holds_at(number) + 32, 32 * count)))


def open_row(region: Any, number: int = 0) -> None:
    region.row_open(inflight_at(number), 9, bytes(RECORD))


def take(
    region: Any,
    first: int,
    full: tuple[int, ...],
    least: tuple[int, ...] | None = None,
    *,
    mask: int = 1,
    now: tuple[int, ...] = NOON,
    number: int = 0,
    owner: int = OWNER,
    log: int = ME,
) -> Any:
    """`limits_take` with what most tests do not care for."""
    return region.limits_take(TABLE, log, owner, first, holds_at(number), mask, full, full if least is None else least, now)


def settle(
    region: Any, real: tuple[int, ...], *, ring: int = RING, number: int = 0, record: bytes = b"r" * RECORD, mono_ns: int = 10**15
) -> Any:
    """`limits_settle` likewise."""
    return region.limits_settle(ring, inflight_at(number), record, TABLE, ME, OWNER, real, mono_ns)


def granted(figures: bytes) -> tuple[int, ...]:
    """By metric."""
    return struct.unpack("=20q", figures)[:8]


def tightest(figures: bytes) -> list[tuple[int, ...]]:
    """Limit, remaining, reset of requests, tokens, input, output."""
    numbers = struct.unpack("=20q", figures)[8:]
    return [numbers[place : place + 3] for place in range(0, 12, 3)]


def charges(record: bytes) -> list[tuple[int, ...]]:
    """What lies behind a ring's record."""
    count = int.from_bytes(record[RECORD : RECORD + 8], "little")
    return list(struct.iter_unpack("=IIq", record[RECORD + 8 : RECORD + 8 + 16 * count]))
