"""R1: of what a budget allows, all of it is admitted and nothing more, however many workers ask at once."""

import subprocess

import pytest

from gateway.state.limits import LimitSpec, LimitTable, Metric, Window
from gateway.state.shared import SharedFile
from tests import torture
from tests.state.conftest import Start
from tests.state.limits.conftest import NOON_S

ROUNDS = torture.rounds(20, 500)
WORKERS = 3

# In every round each worker asks until it has been refused several times running, and says how often it was not. Beginning is a
# change of the header's generation, so that all begin within the same microsecond.
RACE = """
from gateway.state.limits import Limits, Taken, LimitsBusyError
from tests.state.limits.conftest import asked
slot = WorkerSlot.claim(shared, run_dir)
rows = InflightRows(slot)
limits = Limits(shared, slot, rows)
record = numbered(1).pack()
full = asked(requests=1, cost=10, output_tokens=3, messages=5000, concurrency=1)
now = limits.moment({noon_s} * 10**9, 10**15)

def is_admitted(row):
    while True:
        try:
            return isinstance(limits.take(first, row, 1, full, full, now), Taken)
        except LimitsBusyError:  # on a machine that has no time for whoever holds the lock
            continue

print("ready", flush=True)
for line in sys.stdin:
    first, round_number, at_once = map(int, line.split())
    while shared.generation < round_number:
        pass
    admitted = refused = 0
    while refused < 20:
        held = [rows.open(record) for _ in range(at_once)]
        taken = [row for row in held if is_admitted(row)]
        admitted += len(taken)
        refused = refused + 1 if len(taken) < at_once else 0
        for row in held:
            assert limits.settle(row, record, full if row in taken else asked(), now[5])
        while limits.settle_late(now[5]):
            pass
        reader = shared.journal.readers[slot.index]  # nobody else keeps books here
        reader.release(reader.depth)
    print(admitted, flush=True)
"""


def ask(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def answer(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


@pytest.mark.torture
@pytest.mark.parametrize("at_once", [1, 3])
def test_exactly_as_many_as_a_budget_allows(shared: SharedFile, start: Start, at_once: int) -> None:
    """Several limits in turn are the tightest; the others must not have counted anybody who was refused."""
    table = LimitTable(shared)
    workspace = table.workspace_anchor(1)
    key = table.key_anchor(1, table.plan_anchor(1, workspace))
    workers = [start(RACE.replace("{noon_s}", str(NOON_S))) for _ in range(WORKERS)]
    for round_number in range(1, ROUNDS + 1):
        allowed = 1000 + 137 * (round_number % 20)
        tight, wide = allowed, 2 * allowed
        sizes = [tight if round_number % 4 == place else wide for place in range(4)]
        specs = [
            (key, Metric.REQUESTS, Window.MINUTE, sizes[0]),
            (workspace, Metric.COST, Window.MONTH, 10 * sizes[1] + 9),
            (workspace, Metric.OUTPUT_TOKENS, Window.FIVE_HOURS, 3 * sizes[2] + 2),
            (key, Metric.MESSAGES, Window.TOTAL, 5000 * sizes[3]),
            (workspace, Metric.CONCURRENCY, Window.TOTAL, WORKERS * at_once - (round_number % 3 == 0)),
        ]
        for limit_id, (anchor, metric, window, amount) in enumerate(specs, 1):
            table.add(anchor, LimitSpec(limit_id, metric, window, 0, amount))
        for worker in workers:
            ask(worker, f"{key} {round_number} {at_once}")
        shared.bump_generation()
        assert sum(answer(worker) for worker in workers) == allowed, round_number
        states = {state.metric: state for state in table.states()}
        assert all(state.held == 0 for state in states.values())
        assert states[Metric.COST].used == 10 * allowed
        assert states[Metric.OUTPUT_TOKENS].used == 3 * allowed
        assert states[Metric.MESSAGES].used == 5000 * allowed
        for limit_id in range(1, len(specs) + 1):
            table.remove(limit_id)
    torture.proved("R1", f"{ROUNDS} rounds, {WORKERS} workers, {at_once} at once, each limit in turn the tightest: overrun 0")
