"""Upstream credentials in the shared file: rows by name, lanes by model, tallies by worker, all of it by real processes too."""

from pathlib import Path

import pytest

from gateway.state.credentials import (
    BOOT_AT,
    KEEP_UNUSED_MS,
    LANES_AT,
    STATE_AT,
    USED_AT,
    CredentialTableFullError,
    Tally,
    begin_leases,
)
from gateway.state.layout import LANES_MAX
from gateway.state.shared import SharedFile
from gateway.state.workers import WorkerSlot
from tests.state.conftest import SMALL, Start, kill

BOOT, NOW = 77, 10_000_000


def state_at(shared: SharedFile, row: int) -> int:
    return shared.layout.credential_at(row) + STATE_AT


def test_a_name_has_one_row_for_all(shared: SharedFile) -> None:
    table = shared.credentials
    first, second = table.take(111, BOOT, NOW), table.take(222, BOOT, NOW)
    assert first != second
    assert table.take(111, BOOT, NOW + 1) == table.find(111) == first
    assert table.find(333) is None
    for name in range(1000, 1006):
        table.take(name, BOOT, NOW)
    with pytest.raises(CredentialTableFullError, match="places for 8"):
        table.take(1006, BOOT, NOW)
    assert table.take(222, BOOT, NOW) == second  # those that have a row keep it


def test_what_another_start_of_the_machine_left_is_cleared(shared: SharedFile) -> None:
    table = shared.credentials
    row = table.take(111, BOOT, NOW)
    lane = table.lane(row, 5, take=True)
    shared.region.store(state_at(shared, row), 12345)
    shared.region.store(lane + 8, 6789)
    assert table.take(111, BOOT, NOW) == row
    assert shared.region.load(state_at(shared, row)) == 12345
    assert table.take(111, BOOT + 1, 5) == row
    assert shared.region.load(state_at(shared, row)) == shared.region.load(lane + 8) == 0
    assert list(table.lanes(row)) == []


def test_a_model_takes_a_lane_only_when_it_is_told_to(shared: SharedFile) -> None:
    table = shared.credentials
    row = table.take(111, BOOT, NOW)
    first = shared.layout.credential_at(row) + LANES_AT
    shared_lane = first + (LANES_MAX - 1) * 96
    assert table.lane(row, 1, take=False) == shared_lane
    assert table.is_shared(row, shared_lane)
    own = [table.lane(row, model, take=True) for model in range(1, LANES_MAX)]
    assert own == [first + number * 96 for number in range(LANES_MAX - 1)]
    assert not any(table.is_shared(row, lane) for lane in own)
    assert table.lane(row, 3, take=False) == own[2]
    assert table.lane(row, 99, take=True) == shared_lane  # there are no more
    assert [model for model, _ in table.lanes(row)] == list(range(1, LANES_MAX))
    shared.region.store(shared_lane + 8, 1)
    assert list(table.lanes(row))[-1] == (0, shared_lane)


def test_tallies_are_sums_and_what_is_in_flight_is_that_of_the_living(shared: SharedFile, run_dir: Path) -> None:
    table = shared.credentials
    row = table.take(111, BOOT, NOW)
    slots = [WorkerSlot.claim(shared, run_dir) for _ in range(3)]
    for slot in slots:
        at = shared.layout.lease_at(slot.index, row)
        shared.region.bump(at + 8 * Tally.IN_FLIGHT, 2)
        shared.region.bump(at + 8 * Tally.FINE, 5)
    totals = table.totals(row, [0, 2])
    assert (totals[Tally.IN_FLIGHT], totals[Tally.FINE], totals[Tally.FAILED]) == (4, 15, 0)
    begin_leases(slots[0])
    assert table.totals(row, [0, 2])[Tally.IN_FLIGHT] == 2
    assert table.totals(row, [0, 2])[Tally.FINE] == 15
    for slot in slots:
        slot.release()


def test_rows_that_nobody_names_and_uses_are_freed(shared: SharedFile, run_dir: Path) -> None:
    table = shared.credentials
    kept, used, unused = (table.take(name, BOOT, NOW) for name in (1, 2, 3))
    old = table.take(4, BOOT - 1, NOW + KEEP_UNUSED_MS)  # of another start of the machine
    shared.region.store(shared.layout.credential_at(used) + USED_AT, NOW + 1000)
    shared.region.bump(shared.layout.lease_at(0, unused) + 8 * Tally.FINE, 5)
    assert table.forget_others({1}, BOOT, NOW + KEEP_UNUSED_MS + 500) == 2
    assert [table.find(name) for name in (1, 2, 3, 4)] == [kept, used, None, None]
    assert table.take(5, BOOT, NOW) == unused
    assert table.totals(unused, [])[Tally.FINE] == 0
    assert shared.region.load(shared.layout.credential_at(old) + BOOT_AT) == 0
    assert SMALL.credentials_capacity == 8


TAKING = """
slot = WorkerSlot.claim(shared, run_dir)
rows = [shared.credentials.take(name, 77, 1) for name in range(1, 6)]
lanes = [shared.credentials.lane(row, 9, take=True) for row in rows]
at = shared.layout.lease_at(slot.index, rows[0])
for _ in range(1000):
    shared.region.bump(at, 1)
ready()
"""


def test_real_processes_find_the_same_rows_and_a_death_gives_back_what_it_held(
    shared: SharedFile, run_dir: Path, start: Start
) -> None:
    processes = [start(TAKING) for _ in range(3)]
    rows = [shared.credentials.find(name) for name in range(1, 6)]
    assert sorted(row for row in rows if row is not None) == [0, 1, 2, 3, 4]
    assert [shared.credentials.lane(row, 9, take=False) for row in range(5)] == [
        shared.layout.credential_at(row) + LANES_AT for row in range(5)
    ]
    first = shared.credentials.take(1, BOOT, NOW)
    assert shared.credentials.totals(first, shared.workers.alive(run_dir))[Tally.IN_FLIGHT] == 3000
    kill(processes[1])
    assert shared.credentials.totals(first, shared.workers.alive(run_dir))[Tally.IN_FLIGHT] == 2000
    again = WorkerSlot.claim(shared, run_dir)
    begin_leases(again)
    assert shared.credentials.totals(first, shared.workers.alive(run_dir))[Tally.IN_FLIGHT] == 2000
    again.release()
