"""Several real processes on one pool: bounds hold, one probe, nothing is lost, and a death gives back what it held."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.state.credentials import STATE_AT, Tally
from gateway.state.shared import SharedFile
from gateway.upstream.pool.reading import Told
from gateway.upstream.pool.standing import Ending, Reason, State, pack, unpack
from tests.upstream.pool.conftest import MODEL, NAMER, SMALL, Town, provider, settle

ROOT = Path(__file__).parents[3]
TRUTH_AT = 2048  # words of the header's page that nobody uses
BOUND = 6

WORKER = """
import json, random, sys, time
from pathlib import Path
from gateway.state.shared import SharedFile
from gateway.state.workers import WorkerSlot
from gateway.state.credentials import begin_leases
from gateway.upstream.pool.pool import Pool
from gateway.upstream.pool.reading import FINE, Told
from gateway.upstream.pool.standing import Ending
from tests.upstream.pool.conftest import BOOT, MODEL, NAMER, provider
from tests.upstream.pool.test_processes import BOUND, TRUTH_AT
shared = SharedFile.open(Path(sys.argv[1]))
slot = WorkerSlot.claim(shared, Path(sys.argv[2]))
begin_leases(slot)

def now_ms():
    return time.monotonic_ns() // 1_000_000

def pool_of(keys, bound=0):
    slot.beat(time.monotonic_ns())
    return Pool(shared, slot, NAMER, provider(keys, concurrency_max=bound), now_ms(), BOOT)

def go():
    print("ready", flush=True)
    sys.stdin.readline()
    slot.beat(time.monotonic_ns())

def tell(**facts):
    print(json.dumps(facts), flush=True)
"""

Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def file(tmp_path: Path) -> Iterator[SharedFile]:
    (tmp_path / "run").mkdir()
    shared = SharedFile.create(tmp_path / "shared.map", SMALL)
    yield shared
    shared.close()


@pytest.fixture
def start(file: SharedFile) -> Iterator[Start]:
    running: list[subprocess.Popen[str]] = []

    def run(script: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER + script, str(file.path), str(file.path.parent / "run")],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield run
    for process in running:
        process.kill()
        process.communicate()


def go(processes: list["subprocess.Popen[str]"]) -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def facts(process: "subprocess.Popen[str]") -> dict[str, int]:
    assert process.stdout is not None
    return dict(json.loads(process.stdout.readline()))


HAMMER = """
pool = pool_of(2, BOUND)
go()
chance = random.Random(slot.index)
endings = [Ending.FINE] * 20 + [Ending.ABANDONED, Ending.ANSWERED]
held, picked, most, none = [], 0, 0, 0
until = time.monotonic() + 1.0
while time.monotonic() < until:
    if held and chance.random() < 0.5:
        lease = held.pop(chance.randrange(len(held)))
        shared.region.add(TRUTH_AT + 8 * lease.credential, -1)
        lease.end(Told(chance.choice(endings)), now_ms())
    else:
        lease = pool.pick(MODEL, chance.randrange(50), now_ms())
        if lease is None:
            none += 1
            continue
        picked += 1
        most = max(most, shared.region.add(TRUTH_AT + 8 * lease.credential, 1))
        held.append(lease)
for lease in held:
    shared.region.add(TRUTH_AT + 8 * lease.credential, -1)
    lease.end(FINE, now_ms())
tell(picked=picked, most=most, none=none)
"""


def test_the_bound_holds_while_three_processes_hammer(file: SharedFile, start: Start) -> None:
    processes = [start(HAMMER) for _ in range(3)]
    go(processes)
    told = [facts(process) for process in processes]
    assert max(one["most"] for one in told) == BOUND
    assert all(one["none"] > 0 for one in told)
    rows = [row for row in range(8) if file.credentials.totals(row, [])[Tally.PICKS]]
    totals = [file.credentials.totals(row, range(SMALL.slots)) for row in rows]
    assert sum(one[Tally.PICKS] for one in totals) == sum(one["picked"] for one in told)
    assert sum(one[Tally.IN_FLIGHT] for one in totals) == 0


PROBE = """
pool = pool_of(1)
go()
probes, until = [], time.monotonic() + 0.6
while time.monotonic() < until:
    lease = pool.pick(MODEL, 1, now_ms())
    if lease is not None:
        probes.append((lease.is_probe, now_ms()))
tell(probes=sum(is_probe for is_probe, _ in probes), others=sum(not is_probe for is_probe, _ in probes),
     first_ms=probes[0][1] if probes else 0)
"""


def test_one_probe_over_all_processes_and_not_early(file: SharedFile, start: Start) -> None:
    """R8: with the machine's own clock."""
    processes = [start(PROBE) for _ in range(3)]
    row = file.credentials.find(NAMER.credential("main", "sk-main-0"))
    assert row is not None
    at = file.layout.credential_at(row) + STATE_AT
    back_ms = time.monotonic_ns() // 1_000_000 + 300
    file.region.store(at, pack(State(Reason.REFUSED, 1, back_ms)))
    go(processes)
    told = [facts(process) for process in processes]
    assert sum(one["probes"] for one in told) == 1
    assert sum(one["others"] for one in told) == 0
    first_ms = max(one["first_ms"] for one in told)
    assert back_ms <= first_ms <= back_ms + 1000
    assert unpack(file.region.load(at)).probing


HOLD = """
pool = pool_of(1, 4)
go()
tell(held=sum(pool.pick(MODEL, 0, now_ms()) is not None for _ in range(10)))
sys.stdin.read()
"""

BEATS = """
pool = pool_of(1, 4)
go()
slot.beat(time.monotonic_ns())
tell(held=sum(pool.pick(MODEL, 0, now_ms()) is not None for _ in range(10)))
"""


def test_a_killed_process_gives_back_what_it_held(file: SharedFile, start: Start) -> None:
    holder = start(HOLD)
    go([holder])
    assert facts(holder)["held"] == 4
    waiting = start(BEATS)
    go([waiting])
    assert facts(waiting)["held"] == 0
    holder.kill()
    holder.wait()
    again = start(BEATS)  # takes the dead one's place in the shared file
    go([again])
    assert facts(again)["held"] == 4


def test_states_moved_by_many_at_once_are_never_lost(tmp_path: Path) -> None:
    """Two workers' pools in one process, in every order of their reports: the longest wait counts."""
    town = Town(tmp_path)
    pools = [town.worker(provider(1)) for _ in range(2)]
    settle(town, *pools)
    held = [town.pick(pool) for pool in pools for _ in range(10)]
    for number, lease in enumerate(held):
        assert lease is not None
        lease.end(Told(Ending.LIMITED, 429, 1000 + 7919 * number % 9000), town.now_ms)
    longest = max(1000 + 7919 * number % 9000 for number in range(20))
    assert pools[1].waiting(MODEL, town.now_ms).wait_ms == longest
    town.close()
