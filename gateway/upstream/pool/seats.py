"""Seats: a credential as one worker sees it, and a credential at one model.

Owns where their words lie and what is remembered of them between two looks: looking costs 60 ns a word, and a pick looks at many.
Refuses to know which credential is chosen.

What other workers have in flight is looked up at most once a millisecond, meters at most fifty times a second: both are hints for
the choice. States are never remembered.
"""

from collections.abc import Sequence
from typing import Final

from gateway.state.credentials import (
    ACCOUNT_AT,
    LANE_STATE_AT,
    METER_BYTES,
    METERS_AT,
    METERS_MAX,
    SPEED_AT,
    STATE_AT,
    SUCCESS_AT,
)
from gateway.state.layout import Layout
from gateway.upstream.pool import headroom
from native_fastpath import Region

METERS_LOOKED_MS: Final = 20
# From this share of a limit downwards a credential is spared.
ROOM_SCARCE: Final = 0.2
BYTES_PER_TOKEN: Final = 4
SUCCESS_ONE: Final = 1 << 20
_SUCCESS_WEIGHT: Final = 4  # an average over about 2^4 calls
_SPEED_WEIGHT: Final = 3
_HALF: Final = (1 << 31) - 1


class Credential:
    """One credential of a provider in one worker. `place` is its place in the provider's pool, `name` its number."""

    __slots__ = (
        "_looked_ms",
        "_others",
        "account",
        "account_at",
        "in_flight",
        "in_flight_at",
        "name",
        "place",
        "region",
        "row",
        "state_at",
    )

    def __init__(self, region: Region, layout: Layout, slot: int, place: int, name: int, row: int) -> None:
        at = layout.credential_at(row)
        self.region = region
        self.place = place
        self.name = name
        self.row = row
        self.state_at = at + STATE_AT
        self.account_at = at + ACCOUNT_AT
        self.in_flight_at = layout.lease_at(slot, row)
        self.in_flight = 0  # of this worker
        self.account = 0
        self._others = 0
        self._looked_ms = -1

    def load(self, now_ms: int, others: Sequence[int]) -> int:
        """Calls under way over all workers, nearly. `others` are the distances of living workers' tallies from ours, in bytes."""
        if now_ms != self._looked_ms:
            self._looked_ms = now_ms
            self._others = self.count_others(others)
        return self.in_flight + self._others

    def forget_load(self) -> None:
        """The next look is a new one, whatever the time."""
        self._looked_ms = -1

    def count_others(self, others: Sequence[int]) -> int:
        """Calls that other workers have under way at this moment."""
        total = 0
        for distance in others:
            total += self.region.load(self.in_flight_at + distance)
        return total

    def tally(self, word: int, amount: int) -> None:
        """Counts on."""
        self.region.bump(self.in_flight_at + 8 * word, amount)


class Seat:
    """A credential at one model."""

    __slots__ = ("_amounts", "_at", "_looked_ms", "_success", "_told", "credential", "read_ms", "region", "state_at", "words")

    def __init__(self, credential: Credential, at: int) -> None:
        self.credential = credential
        self.region = credential.region
        self.state_at = at + LANE_STATE_AT
        self.read_ms = -1  # before this moment an answer's meters need not be read
        self.words = ""  # of the upstream, when it was last limited
        self._at = at
        self._amounts = [0] * METERS_MAX
        self._told = [0] * METERS_MAX
        self._success = SUCCESS_ONE
        self._looked_ms = -METERS_LOOKED_MS

    def score(self, now_ms: int, load: int, request_bytes: int) -> float:
        """How good a choice it is, from 0 to 1: success, room under its limits, and few calls under way."""
        if now_ms - self._looked_ms >= METERS_LOOKED_MS:
            self._look(now_ms)
        return self._success * self._room(now_ms, load, request_bytes) / (SUCCESS_ONE * (1.0 + load * 0.125))

    def note_meters(self, meters: Sequence[headroom.Meter], now_ms: int) -> None:
        """Writes down what an answer told of the limits."""
        for which, amounts, told in meters:
            at = self._at + METERS_AT + which * METER_BYTES
            self.region.store(at, amounts)
            self.region.store(at + 8, told)
        self._looked_ms = now_ms - METERS_LOOKED_MS

    def note_success(self, fine: bool) -> None:
        """Takes one call into the average of those that went well. The word holds what is missing to all, so 0 is the best."""
        at = self._at + SUCCESS_AT
        missing = self.region.load(at)
        if missing or not fine:
            target = 0 if fine else SUCCESS_ONE
            self.region.store(at, missing + ((target - missing) >> _SUCCESS_WEIGHT))

    def note_speed(self, first_token_us: int, tokens_per_s_thousandths: int) -> None:
        """Takes one call into the averages of speed; 0 stands for what is not known."""
        at = self._at + SPEED_AT
        word = self.region.load(at)
        first_us, speed = averaged(word & _HALF, first_token_us), averaged(word >> 31, tokens_per_s_thousandths)
        self.region.store(at, speed << 31 | first_us)

    def room(self, now_ms: int) -> float:
        """What is left of the scarcest limit, as a share of it."""
        self._look(now_ms)
        return self._room(now_ms, 0, 0, scarce=1.0)

    def _look(self, now_ms: int) -> None:
        self._looked_ms = now_ms
        load = self.region.load
        at = self._at + METERS_AT
        for which in range(METERS_MAX):
            self._amounts[which] = load(at)
            self._told[which] = load(at + 8)
            at += METER_BYTES
        self._success = SUCCESS_ONE - min(load(self._at + SUCCESS_AT), SUCCESS_ONE)

    def _room(self, now_ms: int, load: int, request_bytes: int, scarce: float = ROOM_SCARCE) -> float:
        """1 while every meter has more than `scarce` of its limit left, then down to 0 in a straight line."""
        least = scarce
        for which in range(METERS_MAX):
            amounts = self._amounts[which]
            if amounts:
                left = headroom.remaining(amounts, self._told[which], now_ms)
                if which == headroom.REQUESTS:
                    left -= load
                elif which != headroom.OUTPUT:
                    left -= request_bytes // BYTES_PER_TOKEN
                share = left / headroom.limit_of(amounts)
                if share < least:
                    least = share
        return max(least, 0.0) / scarce


def averaged(average: int, sample: int) -> int:
    """A moving average; the first sample counts whole, 0 is no sample."""
    if sample <= 0:
        return average
    sample = min(sample, _HALF)
    return average + ((sample - average) >> _SPEED_WEIGHT) if average else sample


def speed_of(word: int) -> tuple[int, int]:
    """Time to the first token in microseconds, and tokens per second in thousandths, of a lane's word; 0 where unknown."""
    return word & _HALF, word >> 31
