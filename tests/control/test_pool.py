"""The pool as operators see it: states in words, tests against a real upstream, draining that outlives everything."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.catalog.providers import Origin, Provider, Secret, read_origin
from gateway.control.orders import MissingError
from gateway.control.pool import PoolDesk
from gateway.core.clock import ManualClock
from gateway.simulator.process import SimulatorProcess
from gateway.state.credentials import Tally
from gateway.state.workers import WorkerSlot
from gateway.upstream.key_test import Verdict
from gateway.upstream.pool import names
from gateway.upstream.pool.pool import Pool, open_pools
from gateway.upstream.pool.reading import FINE, Told
from gateway.upstream.pool.standing import Ending
from tests.control.office import PEPPER, Office

MODEL = "claude-sonnet-5"
GOOD, BAD = "sk-ant-api03-taken-by-the-upstream", "sk-ant-api03-canary-refused"


def provider(*keys: str, url: str = "http://127.0.0.1:9") -> Provider:
    return Provider("anthropic", "anthropic", read_origin(url, "anthropic"), tuple(Secret(key) for key in keys))


class Place:
    """A desk, and a worker's pool on the same file."""

    def __init__(self, office: Office, upstream: Provider) -> None:
        self.office = office
        self.clock = ManualClock(monotonic_ns=time.monotonic_ns())
        self.upstream = upstream
        self.slot = WorkerSlot.claim(office.shared, office.paths.run_dir)
        self.pool: Pool = open_pools(office.shared, self.slot, PEPPER, [upstream], self.now_ms)["anthropic"]
        self.desk = self.made()

    def made(self) -> PoolDesk:
        """A desk as at a start of the control plane."""
        desk = PoolDesk(self.office.store, [self.upstream], PEPPER, self.clock, self.office.shared)
        desk.rebuild()
        return desk

    @property
    def now_ms(self) -> int:
        return self.clock.monotonic_ns() // 1_000_000

    def call(self, told: Told = FINE, tried: int = 0, **figures: int) -> int:
        lease = self.pool.pick(MODEL, 0, self.now_ms, tried=tried)
        if lease is None:
            return -1
        lease.end(told, self.now_ms, **figures)
        return lease.credential


@pytest.fixture
def place(office: Office) -> Iterator[Place]:
    place = Place(office, provider(GOOD, BAD))
    yield place
    place.slot.release()


def test_states_in_words(place: Place) -> None:
    first, second = place.desk
    assert [place.desk.standing(one).word for one in (first, second)] == ["healthy", "healthy"]
    place.call(tried=2)
    place.call(Told(Ending.REFUSED), tried=2)
    standing = place.desk.standing(first)
    assert (standing.word, standing.out_ms) == ("refused", 60_000)
    place.clock.advance(60)
    assert (place.desk.standing(first).word, place.desk.standing(first).reason) == ("due", "refused")
    lease = place.pool.pick(MODEL, 0, place.now_ms, tried=2)
    assert lease is not None
    assert (place.desk.standing(first).word, place.desk.standing(first).reason) == ("probing", "refused")
    lease.end(Told(Ending.REFUSED), place.now_ms)
    for _ in range(2):
        place.call(Told(Ending.UNREACHABLE))
    assert place.desk.provider_standing("anthropic").word == "failing"


def test_what_was_counted_and_measured(place: Place) -> None:
    place.call(tried=2, first_token_us=200_000, stream_us=1_000_000, output_tokens=80, cache_read_tokens=9)
    place.call(Told(Ending.LIMITED, 429, 7_000), tried=2)
    first, second = place.desk
    totals = place.desk.totals(first)
    assert (totals[Tally.PICKS], totals[Tally.FINE], totals[Tally.LIMITED], totals[Tally.CACHE_READ_TOKENS]) == (2, 1, 1, 9)
    # The model had no lane of its own when it was first asked for.
    lanes = {lane.model: lane for lane in place.desk.lanes(first, [MODEL, "other"])}
    assert lanes[MODEL].standing.word == "limited"
    assert lanes[MODEL].standing.out_ms == 7_000
    assert [lane.model for lane in place.desk.lanes(second, [MODEL])] == [MODEL]
    assert place.desk.totals(second)[Tally.PICKS] == 0
    unknown = place.made().lanes(first, [])
    assert unknown[0].model.startswith("#")


def test_a_drained_key_stays_drained(place: Place, office: Office) -> None:
    """Over a restart of the control plane, the loss of the shared file, and whatever states it goes through."""
    first, _ = place.desk
    place.desk.drain(first)
    assert {place.call() for _ in range(6)} == {1}
    assert place.desk.is_drained(first)
    again = place.made()
    assert again.is_drained(next(iter(again)))
    office.renewed()
    lost = PoolDesk(office.store, [place.upstream], PEPPER, place.clock, office.shared)
    lost.rebuild()
    assert [lost.is_drained(one) for one in lost] == [True, False]
    asleep = PoolDesk(office.store, [place.upstream], PEPPER, place.clock, None)
    assert [asleep.is_drained(one) for one in asleep] == [True, False]
    lost.resume(next(iter(lost)))
    assert not any(lost.is_drained(one) for one in lost)
    assert not any(asleep.is_drained(one) for one in asleep)


def test_a_resumed_key_is_tried_at_once(place: Place) -> None:
    first, _ = place.desk
    place.call(Told(Ending.UNPAID), tried=2)
    assert place.call(tried=2) == -1
    place.desk.resume(first)
    assert place.desk.standing(first).word == "due"
    assert place.call(tried=2) == 0
    assert place.desk.standing(first).word == "healthy"


@pytest.mark.parametrize(
    ("told", "times"),
    [(Told(Ending.LIMITED, 429, 3_600_000), 1), (Told(Ending.OVERLOADED, 529, 3_600_000), 1), (Told(Ending.UNREACHABLE), 2)],
)
def test_whatever_kept_a_key_out_is_over_when_it_is_resumed(place: Place, told: Told, times: int) -> None:
    """Also a limit at one model, and what its whole provider did."""
    first, _ = place.desk
    place.call(tried=2)
    for _ in range(times):
        assert place.call(told, tried=2) == 0
    assert place.call(tried=2) == -1
    place.desk.resume(first)
    assert place.call(tried=2) == 0


def test_a_key_that_a_test_shows_to_be_unknown_is_out(office: Office) -> None:
    with SimulatorProcess(keys=[GOOD]) as sim:
        place = Place(office, provider(GOOD, BAD, url=sim.url))
        first, second = place.desk
        assert place.desk.test(second).verdict is Verdict.REFUSED
        assert [place.desk.standing(one).word for one in (first, second)] == ["healthy", "refused"]
        place.desk.drain(second)
        place.desk.test(second)
        assert place.desk.is_drained(second)
        place.slot.release()


def test_keys_are_tested_at_their_upstream(office: Office) -> None:
    with SimulatorProcess(keys=[GOOD]) as sim:
        place = Place(office, provider(GOOD, BAD, url=sim.url))
        first, second = place.desk
        for tried in (2, 1):
            place.call(Told(Ending.REFUSED), tried=tried)
        assert place.desk.test(first).verdict is Verdict.TAKEN
        found = place.desk.test(second)
        assert (found.verdict, found.status) == (Verdict.REFUSED, 401)
        assert [place.desk.standing(one).word for one in (first, second)] == ["healthy", "refused"]
        assert place.call() == 0
        # What no question of ours can show is only tried again.
        place.call(Told(Ending.UNPAID), tried=2)
        place.desk.test(first)
        assert place.desk.standing(first).word == "due"
        place.slot.release()


def test_keys_are_named_by_their_number(place: Place) -> None:
    assert place.desk.find("anthropic", "2").number == 2
    for name, number in (("anthropic", "0"), ("anthropic", "3"), ("openai", "1"), ("anthropic", "x"), ("", "")):
        with pytest.raises(MissingError):
            place.desk.find(name, number)
    assert "canary" not in repr(list(place.desk))


def test_rows_of_keys_that_are_gone_are_forgotten(place: Place, office: Office) -> None:
    place.call()
    place.clock.advance(7200)
    place.upstream = provider(GOOD)
    desk = place.made()
    assert [one.number for one in desk] == [1]
    table = office.shared.credentials
    namer = desk._namer
    assert table.find(namer.credential("anthropic", GOOD)) is not None
    assert table.find(namer.credential("anthropic", BAD)) is None
    assert table.find(namer.provider("anthropic")) is not None
    assert names.boot() == names.boot()


def test_without_a_shared_file_nothing_is_known(office: Office) -> None:
    desk = PoolDesk(
        office.store, [Provider("a", "anthropic", Origin("http", "h", 80), (Secret("k"),))], PEPPER, ManualClock(), None
    )
    desk.rebuild()
    (only,) = desk
    assert desk.standing(only).word == desk.provider_standing("a").word == "healthy"
    assert desk.lanes(only, ["m"]) == desk.provider_lanes("a", ["m"]) == []
    assert not any(desk.totals(only).values())
    desk.drain(only)
    assert desk.is_drained(only)


def test_no_secret_is_in_the_database(place: Place, office: Office, tmp_path: Path) -> None:
    """R12."""
    place.desk.drain(next(iter(place.desk)))
    office.store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for file in office.paths.data_dir.rglob("*"):
        if file.is_file():
            assert GOOD.encode() not in file.read_bytes()


def test_chances_are_what_a_pick_compares(place: Place) -> None:
    untouched = place.desk.chances("anthropic", MODEL)
    assert [(one.number, one.score, one.in_flight) for one in untouched] == [(1, 1.0, 0), (2, 1.0, 0)]
    lease = place.pool.pick(MODEL, 0, place.now_ms, tried=2)
    assert lease is not None
    busy, idle = place.desk.chances("anthropic", MODEL)
    assert (busy.in_flight, busy.score, idle.score) == (1, 1 / 1.125, 1.0)
    lease.end(FINE, place.now_ms)
    place.call(tried=1)
    place.call(Told(Ending.FAILED), tried=1)
    first, second = place.desk.chances("anthropic", MODEL)
    assert first.score == 1.0
    assert second.score is not None
    assert 0.0 < second.score < 1.0
    assert place.desk.provider_chance("anthropic", MODEL).word == "healthy"


def test_a_key_that_can_take_no_call_has_no_score(place: Place) -> None:
    first, _ = place.desk
    place.call(tried=2)
    place.call(Told(Ending.REFUSED), tried=2)
    place.desk.drain(place.desk.find("anthropic", "2"))
    out, drained = place.desk.chances("anthropic", MODEL)
    assert (out.standing.word, out.standing.out_ms, out.drained, out.score) == ("refused", 60_000, False, None)
    assert (drained.standing.word, drained.drained, drained.score) == ("healthy", True, None)
    place.clock.advance(60)
    assert place.desk.standing(first).word == "due"
    assert place.desk.chances("anthropic", MODEL)[0].score is not None  # the next call may be its probe


def test_chances_where_nothing_serves(office: Office) -> None:
    desk = PoolDesk(office.store, [provider(GOOD)], PEPPER, ManualClock(), None)
    assert desk.chances("anthropic", MODEL) == []
    assert desk.provider_chance("anthropic", MODEL).word == "healthy"
