"""Notes: what a pick compared, and how each credential stood when none could be had."""

import pytest

from gateway.upstream.pool import affinity
from gateway.upstream.pool.choice import Considered, considered
from gateway.upstream.pool.pool import CONSIDERED_MAX, Pool
from gateway.upstream.pool.reading import FINE, Told
from gateway.upstream.pool.standing import DRAINED, Ending
from tests.upstream.pool.conftest import MODEL, Town, key, provider, settle, stood


def test_a_wait_notes_how_each_credential_stood(town: Town) -> None:
    pool = town.worker(provider(5, concurrency_max=1))
    settle(town, pool)
    town.shared.region.store(pool._credentials[0].state_at, DRAINED)
    assert town.call(pool, Told(Ending.LIMITED, 429, 60_000), tried=0b11100) == 1
    full = town.pick(pool, tried=0b11011)
    assert full is not None
    assert full.credential == 2
    assert town.call(pool, Told(Ending.LIMITED, 429, 1_000), tried=0b10111) == 3
    town.advance(1_000)
    probe = town.pick(pool, tried=0b10111)
    assert probe is not None
    assert probe.is_probe
    assert town.pick(pool, tried=0b10000) is None
    wait = pool.waiting(MODEL, town.now_ms, tried=0b10000)
    assert stood(wait) == {0: "drained", 1: "limited", 2: "full", 3: "probing", 4: "tried"}
    assert [one.in_flight for one in considered(wait.note)] == [None, None, 1, None, None]


def looked_at(town: Town, pool: Pool, key: int, tried: int = 0) -> tuple[int, list[Considered]]:
    """The place that a call in no time goes to, and what is noted of the choice."""
    lease = town.pick(pool, key, tried=tried)
    assert lease is not None
    lease.end(FINE, town.now_ms)
    return lease.credential, considered(lease.choice)


def test_one_credential_leaves_no_note(town: Town) -> None:
    for pool in (town.worker(provider(1)), town.worker(provider(1, "bounded", concurrency_max=2))):
        lease = town.pick(pool)
        assert lease is not None
        assert lease.choice == b""


def test_a_choice_is_noted_as_it_was_compared(town: Town) -> None:
    """The preferred one is limited, the next one is warm and busy, the third idle."""
    pool, other = town.worker(provider(4)), town.worker(provider(4))
    settle(town, pool, other)
    first, second, third, last = affinity.order(key(5), pool._names)
    assert looked_at(town, pool, key(5)) == (first, [Considered(first, "healthy", True, 0, 1.5)]), "who is idle is taken at once"
    town.call(pool, Told(Ending.LIMITED, 429, 5_000), key=key(5))
    tried = 15 & ~(1 << second)
    held = [town.pick(one, tried=tried) for one in (pool, other) for _ in range(3)]
    town.advance(500)
    chosen, found = looked_at(town, pool, key(5))
    assert chosen == third
    assert found[0] == Considered(first, "limited", False, None, None)
    assert found[1][:4] == (second, "healthy", True, 6)
    assert found[1].score == pytest.approx(1.5 / (1 + 6 / 8), abs=1e-4)
    assert found[2] == Considered(third, "healthy", False, 0, 1.0)
    assert len(found) == 3, "behind an idle one nothing is looked at"
    assert [one.place for one in looked_at(town, pool, key(5), tried=1 << first | 1 << third)[1]] == [first, second, third, last]
    assert [lease is not None for lease in held] == [True] * 6


def test_why_credentials_are_passed_over_is_noted(town: Town) -> None:
    pool = town.worker(provider(5, concurrency_max=2))
    settle(town, pool)
    order = affinity.order(key(1), pool._names)
    drained, probed, due, full, free = order
    town.shared.region.store(pool._credentials[drained].state_at, DRAINED)
    everybody_but = [31 & ~(1 << place) for place in range(5)]
    for place in (probed, due):
        town.call(pool, Told(Ending.LIMITED, 429, 1_000), tried=everybody_but[place])
    held = [town.pick(pool, tried=everybody_but[full]) for _ in range(2)]
    town.advance(1_000)
    held.append(town.pick(pool, tried=everybody_but[probed]))
    busy = town.pick(pool, tried=everybody_but[free])
    assert None not in [busy, *held]
    lease = town.pick(pool, key(1))
    assert lease is not None
    assert (lease.credential, lease.is_probe) == (due, True)
    assert considered(lease.choice) == [
        Considered(drained, "drained", False, None, None),
        Considered(probed, "probing", False, None, None),
        Considered(due, "due", True, 0, 1.5),
    ]
    again = town.pick(pool, key(1), tried=1 << due)
    assert again is not None
    found = considered(again.choice)
    assert found[2:4] == [Considered(due, "tried", False, None, None), Considered(full, "full", False, 2, None)]
    assert (found[4].place, found[4].in_flight, again.credential) == (free, 1, free)


def test_a_note_of_many_has_all_that_were_compared(town: Town) -> None:
    pool = town.worker(provider(CONSIDERED_MAX + 6))
    settle(town, pool)
    everybody = (1 << len(pool)) - 1
    order = affinity.order(key(2), pool._names)
    for place in order * 5:  # so many that even the warm one may lose
        town.pick(pool, tried=everybody & ~(1 << place))
    for place in order[:5]:
        town.shared.region.store(pool._credentials[place].state_at, DRAINED)
    lease = town.pick(pool, key(2))
    assert lease is not None
    found = considered(lease.choice)
    assert [one.place for one in found] == list(order[5 : 5 + CONSIDERED_MAX])
    assert max(found, key=lambda one: one.score or 0).place == lease.credential
