"""R8: the pool on a virtual clock, over several workers: who is picked, who leaves, who comes back and when."""

from collections import Counter

import pytest

from gateway.state.credentials import Tally
from gateway.upstream.pool import affinity, names
from gateway.upstream.pool.lease import Lease
from gateway.upstream.pool.pool import CONSIDERED_MAX, Pool, Wait
from gateway.upstream.pool.reading import FINE, Told
from gateway.upstream.pool.standing import DRAINED, PROBE_MS, Ending, Reason, State, pack, unpack
from tests.upstream.pool.conftest import MODEL, NAMER, Town, key, preferring, provider, settle, stood


def picks(pool: Pool, town: Town, count: int, key: int = 0) -> Counter[int]:
    return Counter(town.call(pool, key=key) for _ in range(count))


def test_without_a_conversation_credentials_take_turns(town: Town) -> None:
    pool = town.worker(provider(3))
    assert picks(pool, town, 30) == {0: 10, 1: 10, 2: 10}
    assert repr(pool) == "<Pool of 3 credential(s) of main>"


def test_sixty_conversations_use_all_and_one_uses_one(town: Town) -> None:
    pools = [town.worker(provider(3)) for _ in range(2)]
    assert set(Counter(town.call(pools[number % 2], key=key(number)) for number in range(60))) == {0, 1, 2}
    assert len({town.call(pools[turn % 2], key=key(5)) for turn in range(12)}) == 1


@pytest.mark.parametrize("ending", [Ending.LIMITED, Ending.REFUSED, Ending.FORBIDDEN, Ending.UNPAID])
def test_a_credential_leaves_with_its_answer_in_all_workers(town: Town, ending: Ending) -> None:
    """R8: after 429, 401, 403, 402 it is picked by nobody."""
    one, other = town.worker(provider(3)), town.worker(provider(3))
    settle(town, one, other)
    chosen = preferring(one, 1)
    assert town.call(one, Told(ending), key=chosen) == 1
    for pool in (one, other):
        assert set(picks(pool, town, 50, key=chosen)) <= {0, 2}
        assert len(picks(pool, town, 50, key=chosen)) == 1  # its conversations stay together
        assert 1 not in picks(pool, town, 50)


@pytest.mark.parametrize("asked_ms", [1_000, 7_000, 90_000, 3_600_000])
def test_retry_after_is_kept_to_the_millisecond_and_ends_with_one_probe(town: Town, asked_ms: int) -> None:
    """R8: never early, back within a second, one probe over all workers."""
    pools = [town.worker(provider(1)) for _ in range(3)]
    settle(town, *pools)
    assert town.call(pools[0], Told(Ending.LIMITED, 429, asked_ms)) == 0
    for passed_ms in (0, asked_ms // 2, asked_ms - asked_ms // 2 - 1):
        town.advance(passed_ms)
        assert all(town.pick(pool) is None for pool in pools)
        wait = pools[1].waiting(MODEL, town.now_ms)
        assert (wait.reason, wait.wait_ms) == ("limited", asked_ms - (town.now_ms - 1_000_000))
    town.advance(1)
    leases = [lease for _ in range(100) for pool in pools if (lease := town.pick(pool)) is not None]
    assert [lease.is_probe for lease in leases] == [True]
    assert pools[2].waiting(MODEL, town.now_ms).wait_ms == 1_000  # the probe tells soon
    leases[0].content(town.now_ms)
    assert all(town.call(pool) == 0 for pool in pools)
    leases[0].end(FINE, town.now_ms)


def test_a_529_takes_the_provider_away_at_the_second_in_a_row(town: Town) -> None:
    """R8: at most one more pick, whoever makes it and with whichever credential."""
    one, other = town.worker(provider(3)), town.worker(provider(3))
    settle(town, one, other)
    town.call(one, Ending.OVERLOADED)
    town.call(other)  # it answers in between: a stray one
    town.call(one, Ending.OVERLOADED)
    town.call(other, Ending.OVERLOADED)
    assert town.pick(one) is town.pick(other) is None
    assert one.waiting(MODEL, town.now_ms).reason == "overloaded"
    assert town.call(one, model="claude-haiku-5-5") >= 0  # another model may be well
    town.advance(999)
    assert town.pick(one) is None
    town.advance(1)
    (probe,) = [lease for pool in (one, other) for _ in range(50) if (lease := town.pick(pool)) is not None]
    probe.end(Told(Ending.OVERLOADED), town.now_ms)
    town.advance(1_999)
    assert town.pick(one) is town.pick(other) is None
    town.advance(1)
    assert town.call(other) >= 0


def test_a_529_with_retry_after_counts_at_once(town: Town) -> None:
    """R8."""
    pool = town.worker(provider(3))
    settle(town, pool)
    town.call(pool, Told(Ending.OVERLOADED, 529, 5_000, "Overloaded"))
    wait = pool.waiting(MODEL, town.now_ms)
    assert wait == Wait("overloaded", 5_000, "Overloaded", wait.note)
    assert stood(wait) == {0: "overloaded", 1: "overloaded", 2: "overloaded"}  # it is the provider that is out, with all its keys


def test_the_breaker_opens_half_opens_and_closes(town: Town) -> None:
    """R8: three failures of one credential, five of a provider, two connections that cannot be made; one probe each."""
    pool = town.worker(provider(3))
    settle(town, pool)
    chosen = preferring(pool, 2)
    for _ in range(3):
        assert town.call(pool, Ending.FAILED, key=chosen) == 2
        town.call(pool, key=preferring(pool, 0))  # the others are well
    assert town.call(pool, key=chosen) != 2
    town.advance(1_000)
    probe = town.pick(pool, chosen)
    assert probe is not None
    assert (probe.credential, probe.is_probe) == (2, True)
    assert town.call(pool, key=chosen) != 2
    probe.end(Told(Ending.ANSWERED), town.now_ms)  # even a 400 shows that it lives
    assert town.call(pool, key=chosen) == 2

    for _ in range(2):
        assert town.call(pool, Ending.UNREACHABLE) >= 0
    assert pool.waiting(MODEL, town.now_ms).reason == "failing"
    assert town.pick(pool) is None
    assert town.pick(pool, model="another") is None  # nothing can be reached, whatever the model


def test_a_probe_whose_worker_died_is_over_after_its_time(town: Town) -> None:
    """R8: nothing stays out for ever."""
    one, other = town.worker(provider(1)), town.worker(provider(1))
    settle(town, one, other)
    town.call(one, Told(Ending.LIMITED, 429, 1_000))
    town.advance(1_000)
    assert town.pick(one) is not None
    town.advance(PROBE_MS - 1)
    assert town.pick(other) is None
    town.advance(1)
    second = town.pick(other)
    assert second is not None
    assert second.is_probe


def test_a_probe_that_showed_nothing_is_followed_by_another_at_once(town: Town) -> None:
    pool = town.worker(provider(1))
    settle(town, pool)
    town.call(pool, Told(Ending.LIMITED, 429, 1_000))
    town.advance(1_000)
    assert town.call(pool, Ending.ABANDONED) == 0
    assert town.call(pool, Ending.ANSWERED) == 0
    assert town.call(pool) == 0
    assert [lease.is_probe for lease in (town.pick(pool), town.pick(pool)) if lease] == [False, False]


def test_five_hundred_callers_make_one_probe_of_each_credential(town: Town) -> None:
    """R8: while the provider comes back, at most one call of each credential goes out until one is answered."""
    pools = [town.worker(provider(3)) for _ in range(4)]
    settle(town, *pools)
    for place in range(3):
        tried = 7 & ~(1 << place)
        assert town.call(pools[0], Told(Ending.LIMITED, 429, 3_000), tried=tried) == place
    town.advance(3_000)
    leases = [lease for number in range(500) if (lease := town.pick(pools[number % 4], key(number))) is not None]
    assert sorted(lease.credential for lease in leases) == [0, 1, 2]
    for lease in leases:
        lease.content(town.now_ms)
    assert all(town.call(pools[number % 4], key=key(number)) >= 0 for number in range(500))


def test_a_call_that_began_before_brings_nobody_back(town: Town) -> None:
    """R8: never early."""
    pool = town.worker(provider(1))
    settle(town, pool)
    early, late = town.pick(pool), town.pick(pool)
    assert early is not None
    assert late is not None
    late.end(Told(Ending.LIMITED, 429, 5_000), town.now_ms)
    early.content(town.now_ms + 10)
    early.end(FINE, town.now_ms + 20)
    assert town.pick(pool) is None


def test_an_account_without_money_takes_all_its_credentials(town: Town) -> None:
    """R8: 402 and spend limits hold for the account."""
    pool, other = town.worker(provider(3)), town.worker(provider(3))
    settle(town, pool, other)
    for place, owner in enumerate((b"org-a", b"org-b", b"org-a")):
        lease = town.pick(pool, tried=7 & ~(1 << place))
        assert lease is not None
        lease._seat.read_ms = 0
        lease.head(200, [(b"anthropic-organization-id", owner)], town.now_ms, 0)
        lease.end(FINE, town.now_ms)
    assert town.call(pool, Ending.UNPAID, tried=6) == 0
    assert set(picks(pool, town, 20)) == set(picks(other, town, 20)) == {1}


def test_a_drained_credential_is_left_alone_until_it_is_resumed(town: Town) -> None:
    pool = town.worker(provider(2))
    settle(town, pool)
    at = pool._credentials[0].state_at
    town.shared.region.store(at, DRAINED)
    assert set(picks(pool, town, 10)) == {1}
    assert pool.waiting(MODEL, town.now_ms, tried=2).reason == "drained"
    town.shared.region.store(at, 0)
    assert set(picks(pool, town, 10)) == {0, 1}
    under_way = town.pick(pool, tried=2)
    assert under_way is not None
    town.shared.region.store(at, DRAINED)
    under_way.end(Told(Ending.REFUSED), town.now_ms)
    town.advance(60_000)
    assert set(picks(pool, town, 10)) == {1}  # a state that comes and goes does not bring it back


def test_a_probe_that_cannot_be_made_is_given_back(town: Town) -> None:
    """The last place was taken by another worker after we had looked: the next call must be able to probe at once."""
    one, other = (town.worker(provider(1, concurrency_max=1)) for _ in range(2))
    settle(town, one, other)
    credential = one._credentials[0]
    assert credential.load(town.now_ms, one._others) == 0
    held = town.pick(other)
    assert held is not None
    town.shared.region.store(credential.state_at, pack(State(Reason.REFUSED, 1, town.now_ms)))
    assert town.pick(one) is None
    assert not unpack(town.shared.region.load(credential.state_at)).probing
    held.end(Told(Ending.ABANDONED), town.now_ms)
    town.advance(1)
    probe = town.pick(one)
    assert probe is not None
    assert probe.is_probe


def test_of_two_probes_that_are_needed_both_or_none_are_begun(town: Town) -> None:
    """Another worker took the provider's probe between our look at it and our own."""
    pool = town.worker(provider(1))
    settle(town, pool)
    lanes, credential = pool._lanes[MODEL], pool._credentials[0]
    due_now = State(Reason.REFUSED, 1, town.now_ms)
    town.shared.region.store(credential.state_at, pack(due_now))
    town.shared.region.store(lanes.provider_state_at, pack(State(Reason.OVERLOADED, 1, town.now_ms + 5, True)))
    assert pool._lease(lanes.seats[0], lanes, town.now_ms, healthy=False) is None
    assert unpack(town.shared.region.load(credential.state_at)) == due_now


def test_a_limit_of_one_model_leaves_the_others(town: Town) -> None:
    one, other = town.worker(provider(1)), town.worker(provider(1))
    settle(town, one, other)
    settle(town, one, other, model="claude-haiku-5-5")
    town.call(one, Told(Ending.LIMITED, 429, 60_000))
    assert town.pick(other) is None
    assert town.call(other, model="claude-haiku-5-5") == 0
    town.call(one, Ending.REFUSED, model="claude-haiku-5-5")
    assert town.pick(other, model="claude-haiku-5-5") is None


def test_names_that_nobody_answered_for_share_a_lane_and_take_none(town: Town) -> None:
    """A caller who invents names must not use up what tells models apart."""
    pool, other = town.worker(provider(1)), town.worker(provider(1))
    settle(town, pool)
    for number in range(100):
        town.call(pool, Ending.ANSWERED, model=f"invented-{number}")
    assert [number for number, _ in town.shared.credentials.lanes(pool._credentials[0].row)] == [names.model(MODEL)]
    town.call(pool, Told(Ending.LIMITED, 429, 60_000), model="unheard-of")
    assert town.call(pool) == 0
    # Both workers had seen the name before it was answered for; then both use its own lane.
    assert town.call(other, model="new") == -1
    town.advance(60_000)
    assert town.call(pool, model="new") == 0
    town.call(pool, Told(Ending.LIMITED, 429, 60_000), model="new")
    assert town.pick(other, model="new") is None
    assert town.call(other, model="unheard-of") == 0


def test_a_burst_of_one_conversation_spreads(town: Town) -> None:
    """Warm, a conversation may have some more calls under way than the others have, not all of them."""
    pool = town.worker(provider(3))
    settle(town, pool)
    held = [town.pick(pool, key(1)) for _ in range(30)]
    counts = Counter(lease.credential for lease in held if lease)
    assert len(counts) == 3
    assert max(counts.values()) - min(counts.values()) <= 8
    long = town.worker(provider(3, "other"))
    held = [town.pick(long, key(1), request_bytes=400_000) for _ in range(8)]
    assert len({lease.credential for lease in held if lease}) == 1  # a longer prompt is worth more


def limits(requests: int, left: int) -> list[tuple[bytes, bytes]]:
    prefix = b"anthropic-ratelimit-requests-"
    return [
        (prefix + b"limit", b"%d" % requests),
        (prefix + b"remaining", b"%d" % left),
        (prefix + b"reset", b"2100-01-01T00:00:00Z"),
    ]


def told_limits(town: Town, pool: Pool, place: int, requests: int, left: int) -> None:
    lease = town.pick(pool, tried=(1 << len(pool)) - 1 & ~(1 << place))
    assert lease is not None
    lease._seat.read_ms = 0
    lease.head(200, limits(requests, left), town.now_ms, 0)
    lease.end(FINE, town.now_ms)


def test_calls_leave_a_credential_before_its_limit_is_reached(town: Town) -> None:
    """A burst spreads by the headroom that answers told, in all workers."""
    pools = [town.worker(provider(2)) for _ in range(2)]
    settle(town, *pools)
    chosen = preferring(pools[0], 0)
    told_limits(town, pools[0], 0, 50, 8)
    told_limits(town, pools[0], 1, 50, 50)
    town.advance(20)
    held = [town.pick(pools[number % 2], chosen) for number in range(16)]
    counts = Counter(lease.credential for lease in held if lease)
    assert 0 < counts[0] < 8
    assert counts[1] > counts[0]


def test_a_credential_that_often_fails_is_chosen_less(town: Town) -> None:
    pool = town.worker(provider(2))
    settle(town, pool)
    for _ in range(40):
        town.call(pool, Ending.FAILED, tried=2)
        town.call(pool, tried=2)  # never three in a row
    town.advance(20)
    assert picks(pool, town, 50)[1] == 50


def test_the_bound_on_calls_at_a_time_holds_over_all_workers(town: Town) -> None:
    pools = [town.worker(provider(2, concurrency_max=5)) for _ in range(3)]
    held = [town.pick(pools[number % 3], key(number)) for number in range(40)]
    counts = Counter(lease.credential for lease in held if lease)
    assert counts == {0: 5, 1: 5}
    assert pools[0].waiting(MODEL, town.now_ms).reason == "busy"
    next(lease for lease in held if lease).end(FINE, town.now_ms)
    town.advance(1)
    assert sum(town.pick(pool) is not None for pool in pools) == 1


def test_what_a_dead_worker_had_under_way_is_forgotten(town: Town) -> None:
    one, other = (town.worker(provider(1, concurrency_max=5)) for _ in range(2))
    assert sum(town.pick(other) is not None for _ in range(5)) == 5
    town.advance(500)
    assert town.pick(one) is None
    town.slots.pop().release()  # it beats no more
    town.advance(5_500)
    assert sum(town.pick(one) is not None for _ in range(6)) == 5


def test_tried_places_are_not_picked_again(town: Town) -> None:
    pool = town.worker(provider(3))
    order = affinity.order(key(1), pool._names)
    tried, seen = 0, []
    for _ in range(3):
        lease = town.pick(pool, key(1), tried=tried)
        assert lease is not None
        seen.append(lease.credential)
        tried |= 1 << lease.credential
    assert tuple(seen) == order
    assert town.pick(pool, key(1), tried=tried) is None
    assert pool.waiting(MODEL, town.now_ms, tried=tried).reason == "tried"


def test_large_pools_compare_only_some(town: Town) -> None:
    pool = town.worker(provider(30))
    held: list[Lease] = [lease for _ in range(200) if (lease := town.pick(pool, key(3))) is not None]
    assert len({lease.credential for lease in held}) <= CONSIDERED_MAX
    for lease in held:
        lease.end(FINE, town.now_ms)
    assert len(picks(pool, town, 60)) == 30


def test_tallies(town: Town) -> None:
    pool = town.worker(provider(2))
    settle(town, pool)
    row = pool._credentials[0].row
    before = town.shared.credentials.totals(row, [0])
    lease = town.pick(pool, preferring(pool, 0))
    assert lease is not None
    lease.end(
        FINE,
        town.now_ms,
        first_token_us=400_000,
        stream_us=2_000_000,
        output_tokens=100,
        cache_read_tokens=5_000,
        cache_write_tokens=70,
    )
    lease.end(FINE, town.now_ms)  # once
    town.call(pool, Ending.FAILED, key=preferring(pool, 0))
    town.call(pool, key=preferring(pool, 1), tried=2)
    after = town.shared.credentials.totals(row, [0])
    changed = {tally: after[tally] - before[tally] for tally in Tally if after[tally] != before[tally]}
    assert changed == {
        Tally.PICKS: 3,
        Tally.KEPT: 2,
        Tally.MOVED: 1,
        Tally.FINE: 2,
        Tally.FAILED: 1,
        Tally.FIRST_TOKENS: 1,
        Tally.FIRST_TOKEN_US: 400_000,
        Tally.CACHE_READ_TOKENS: 5_000,
        Tally.CACHE_WRITE_TOKENS: 70,
    }
    assert repr(lease) == "<Lease of credential 0 ended>"


def test_what_a_client_that_left_says_of_the_upstream_is_nothing(town: Town) -> None:
    pool = town.worker(provider(1))
    for _ in range(20):
        town.call(pool, Ending.ABANDONED)
    assert town.call(pool) == 0
    assert town.shared.credentials.totals(pool._credentials[0].row, [0])[Tally.IN_FLIGHT] == 0


def test_no_secret_is_in_the_shared_file(town: Town) -> None:
    """R12: nor anything that could be made from one without the pepper."""
    upstream = provider(1, "canary")
    town.call(town.worker(upstream))
    data = town.shared.path.read_bytes()
    assert b"canary" not in data
    assert NAMER.credential("canary", "sk-canary-0").to_bytes(8, "little") in data
