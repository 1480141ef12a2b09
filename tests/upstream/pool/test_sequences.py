"""R8: whatever happens to a pool over several workers: nobody is picked early, and nobody is out past its last deadline."""

from random import Random

import pytest

from gateway.upstream.pool.lease import Lease
from gateway.upstream.pool.pool import Pool
from gateway.upstream.pool.reading import FINE, Told
from gateway.upstream.pool.standing import LEAST_MS, MOVES, NO_WAIT_GIVEN, OUT_MS_MAX, PROBE_MS, Ending
from tests import torture
from tests.upstream.pool.conftest import Town, provider, settle

WORKERS, CREDENTIALS, EVENTS_MAX = 3, 3, 30
SEQUENCES = torture.rounds(10_000, 100_000)
# Good and bad about as often, so that states come and go.
ENDINGS = [Ending.FINE] * 6 + [ending for ending in Ending if ending is not Ending.FINE]


class Run:
    """One sequence: calls of several workers under way at the same time, and what upstreams have asked for."""

    def __init__(self, town: Town, pools: list[Pool], chance: Random) -> None:
        self.town = town
        self.pools = pools
        self.chance = chance
        self.asked_ms = [0] * CREDENTIALS  # until when each wants to be left alone
        self.last_ms = town.now_ms  # when everything is over at the latest
        self.picked = 0

    def play(self) -> None:
        under_way: list[Lease] = []
        for _ in range(self.chance.randrange(EVENTS_MAX)):
            self.town.advance(int(self.chance.expovariate(1 / self.chance.choice((5, 500, 20_000)))))
            if not under_way or self.chance.random() < 0.6:
                lease = self.town.pick(self.chance.choice(self.pools), self.chance.randrange(8))
                if lease is not None:
                    self.picked += 1
                    early_ms = self.asked_ms[lease.credential] - self.town.now_ms
                    assert early_ms <= 0, f"picked {early_ms} ms early"
                    self.last_ms = max(self.last_ms, self.town.now_ms + PROBE_MS)
                    under_way.append(lease)
                continue
            lease = under_way.pop(self.chance.randrange(len(under_way)))
            if self.chance.random() < 0.05:
                continue  # its worker died: nobody ever tells of its end
            ending = self.chance.choice(ENDINGS)
            asks = ending in (Ending.LIMITED, Ending.OVERLOADED) and self.chance.random() < 0.6
            wait_ms = self.chance.choice((0, self.chance.randrange(40_000), 10**12)) if asks else NO_WAIT_GIVEN
            self.note(lease.credential, ending, wait_ms)
            lease.end(Told(ending, 0, wait_ms), self.town.now_ms)
        for lease in under_way:
            lease.end(Told(Ending.ABANDONED), self.town.now_ms)

    def note(self, credential: int, ending: Ending, wait_ms: int) -> None:
        now_ms, bounded_ms = self.town.now_ms, min(max(wait_ms, LEAST_MS), OUT_MS_MAX)
        most_ms = max((moves[ending].most_ms for moves in MOVES.values() if ending in moves), default=0)
        self.last_ms = max(self.last_ms, now_ms + (bounded_ms if wait_ms >= 0 else most_ms))
        if wait_ms >= 0:
            for one in range(CREDENTIALS) if ending is Ending.OVERLOADED else (credential,):
                self.asked_ms[one] = max(self.asked_ms[one], now_ms + bounded_ms)

    def everybody_is_back(self) -> None:
        self.town.advance(max(self.last_ms - self.town.now_ms, 0))
        for credential in range(CREDENTIALS):
            others = ~(1 << credential) & (1 << CREDENTIALS) - 1
            lease = self.town.pick(self.chance.choice(self.pools), tried=others)
            assert lease is not None, "out past the last deadline"
            lease.end(FINE, self.town.now_ms)


@pytest.mark.torture
def test_random_sequences_of_events(town: Town) -> None:
    chance = torture.dice("sequences of the pool")
    pools = [town.worker(provider(CREDENTIALS)) for _ in range(WORKERS)]
    settle(town, *pools)
    picked = 0
    for _ in range(SEQUENCES):
        run = Run(town, pools, chance)
        run.play()
        run.everybody_is_back()
        picked += run.picked
    assert picked > 4 * SEQUENCES
    torture.proved("R8", f"{SEQUENCES} sequences over {WORKERS} workers, {picked} picks: none early, nobody out for ever")
