"""A rollup: sums of some requests by minute, key, workspace, model and provider.

Owns what is counted of a request and in which class. Pure, and compiled where it can be, because it sees every request. Knows
nothing of where the sums are kept: `books.rollups` enters them in the transaction of the receipts.

A time to the first token is counted in one of 29 classes, each reaching to 1.41 times the one before: enough to tell percentiles
within a few per cent, and histograms can be added up where percentiles cannot.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any, Final

from gateway.control.store.rollups import SUMS, TTFT_CLASSES
from gateway.core.outcome import Outcome
from gateway.state.record import Flags

MINUTE_NS: Final = 60_000_000_000

# Minute since 1970, key, workspace, model as it was called, provider.
Group = tuple[int, int, int, str, str]

# Upper bounds of the classes but the last, which has none: 16 ms to 185 s.
TTFT_BOUNDS_US: Final = [round(16_000 * 2 ** (place / 2)) for place in range(TTFT_CLASSES - 1)]

# Places in the sums.
SUCCEEDED: Final = 0
CLIENT_GONE: Final = 1
LIMITED: Final = 2
CLIENT_ERROR: Final = 3
SERVER_ERROR: Final = 4
BROKEN: Final = 5
INPUT: Final = 6
CACHE_READ: Final = 7
CACHE_WRITE_5M: Final = 8
CACHE_WRITE_1H: Final = 9
OUTPUT: Final = 10
COST: Final = 11
CACHE_SAVED: Final = 12
CACHE_PAID: Final = 13
STREAM_US: Final = 14
STREAM_TOKENS: Final = 15
TTFT: Final = 16
WIDTH: Final = 16 + TTFT_CLASSES
assert SUMS[:TTFT] + SUMS[WIDTH:] == SUMS[:16]  # the places above are those of the columns

_FINISHED: Final = int(Outcome.FINISHED)
_BUDGET_ENDED: Final = int(Outcome.BUDGET_ENDED)
_LEFT: Final = int(Outcome.CLIENT_GONE)
_STREAM: Final = int(Flags.STREAM)


class Rollup:
    """Sums by group, in the order of `store.rollups.SUMS`. What the cache saved and cost is 0 here: prices decide that."""

    def __init__(self) -> None:
        self.sums: dict[Group, list[int]] = {}

    def add(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Adds request rows, in the order of the columns of `requests`."""
        sums = self.sums
        for row in rows:
            started_ns: int = row[1]
            outcome: int = row[6]
            group = (started_ns // MINUTE_NS, row[4], row[27], row[20] or row[19], row[21])
            line = sums.get(group)
            if line is None:
                line = sums[group] = [0] * WIDTH
            line[ending(row[5], outcome)] += 1
            fresh: int = row[12]
            read: int = row[13]
            written_5m: int = row[14]
            written_1h: int = row[15]
            output: int = row[16]
            if fresh | read | written_5m | written_1h | output:
                cost: int = row[25]
                line[INPUT] += fresh
                line[CACHE_READ] += read
                line[CACHE_WRITE_5M] += written_5m
                line[CACHE_WRITE_1H] += written_1h
                line[OUTPUT] += output
                line[COST] += cost
            flags: int = row[8]
            if flags & _STREAM and row[3] is not None:
                ttft_us: int = row[3]
                duration_us: int = row[2]
                line[TTFT + bisect_left(TTFT_BOUNDS_US, ttft_us)] += 1
                if outcome == _FINISHED and output and duration_us > ttft_us:
                    line[STREAM_US] += duration_us - ttft_us
                    line[STREAM_TOKENS] += output

    def coarsen(self, before: int) -> None:
        """Adds up the minutes before one by quarters of an hour: so many sums are not kept longer."""
        for group in [group for group in self.sums if group[0] < before and group[0] % 15]:
            line = self.sums.pop(group)
            quarter = (group[0] // 15 * 15, group[1], group[2], group[3], group[4])
            so_far = self.sums.get(quarter)
            self.sums[quarter] = line if so_far is None else [one + other for one, other in zip(so_far, line, strict=True)]


def ending(status: int, outcome: int) -> int:
    """How a request ended, as the place of its sum. All but the first two are errors, the same as in totals of usage."""
    if status >= 500:
        return SERVER_ERROR
    if status >= 400:
        return LIMITED if status == 429 else CLIENT_ERROR
    if outcome in (_FINISHED, _BUDGET_ENDED):
        return SUCCEEDED
    return CLIENT_GONE if outcome == _LEFT else BROKEN


def percentile_us(counts: list[int], share: float) -> int | None:
    """The time within which that share of streams had their first token, from the counts of a histogram; None without any.

    Inside of a class times are taken to be spread evenly on a logarithmic scale. Beyond the last bound that bound is told.
    """
    total = sum(counts)
    if not total:
        return None
    wanted, below = share * total, 0
    for place, count in enumerate(counts):
        if count and below + count >= wanted:
            upper = TTFT_BOUNDS_US[min(place, len(TTFT_BOUNDS_US) - 1)]
            if place >= len(TTFT_BOUNDS_US):
                return upper
            return round(upper / 2**0.5 * 2 ** ((wanted - below) / count / 2))
        below += count
    return TTFT_BOUNDS_US[-1]
