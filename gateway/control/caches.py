"""Prompt caches and money, as far as usage shows it. Pure.

    saved      tokens read from a cache, times what fresh input costs more than that
    lost       of what writing to the cache cost beyond fresh input, the share that was written and not read again: for each key
               and model, (written - read) / written, if more was written than read
    affinity   of what was saved at a provider with n upstream keys, the share (n - 1) / n: a key picked by chance would have
               missed the cache so often

All at the ordinary rate: at models where long prompts cost more, it is at least so much.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

# What is needed of the rollups.
COLUMNS = (
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_saved_nanodollars",
    "cache_paid_nanodollars",
)


class Cached(NamedTuple):
    """Tokens, and nanodollars."""

    read_tokens: int
    written_tokens: int
    saved: int
    lost: int
    affinity: int


def cached(sums: Iterable[tuple[int, str, str, list[int]]], credentials: Mapping[str, int]) -> Cached:
    """What (key, model, provider, sums of COLUMNS) come to; `credentials` is how many upstream keys each provider has."""
    of_keys: defaultdict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    saved = affinity = 0
    for key_id, model, provider, (read, written_5m, written_1h, kept, paid) in sums:
        seats = credentials.get(provider, 1)
        saved += kept
        affinity += kept * (seats - 1) // seats
        for place, value in enumerate((read, written_5m + written_1h, paid)):
            of_keys[key_id, model][place] += value
    lost = sum(paid * max(0, written - read) // written for read, written, paid in of_keys.values() if written)
    read_tokens, written_tokens = (sum(line[place] for line in of_keys.values()) for place in (0, 1))
    return Cached(read_tokens, written_tokens, saved, lost, affinity)
