"""R4: whoever dies at whatever instruction, nothing stays held and every charge is counted once."""

import time

from gateway.state.limits import LimitSpec, LimitTable, Metric, Window
from gateway.state.shared import SharedFile
from tests.state.conftest import Start
from tests.state.limits.conftest import NOON_S

# A mother that bears two workers and a control plane, lets them work for a moment and kills them; then she keeps the books as a
# control plane does and looks whether they agree with the table.
MOTHER = """
import os, random, signal, time
from collections import Counter
from gateway.control.lock import ControlLock
from gateway.state.record import charges
from gateway.state.limits import HoldState, Limits, LimitsBusyError, LimitSpec, LimitTable, Metric, Scope, Taken, Window
from gateway.state.workers import control_lock_path
from tests.state.limits.conftest import MONO_NS, asked

seed, seconds = {seed}, {seconds}
random.seed(seed)
NOW = ({noon_s}, {noon_s} - 43_200, {noon_s} + 43_200, {noon_s} - 10**6, {noon_s} + 10**6, MONO_NS)

def amounts(cost):
    return asked(requests=1, cost=cost, output_tokens=cost, messages=1000, concurrency=1)

def work(number):
    while True:
        try:
            slot = WorkerSlot.claim(shared, run_dir)
            rows = InflightRows(slot)
            limits = Limits(shared, slot, rows)
            break
        except LimitsBusyError:
            slot.release()
    random.seed(os.getpid())
    keys = [reference for scope, _, reference in table.anchors() if scope is Scope.KEY]
    served = 0
    while True:
        limits.settle_late(MONO_NS)
        if limits._rows.count >= 4 or RingWriter(slot).free() <= rows.count:
            continue
        served += 1
        started = (number * 10_000 + slot.epoch) * 10**9 + served
        cost, real = random.randrange(1, 1000), random.randrange(1500)
        row = rows.open(numbered(started, cost_nanodollars=cost).pack())
        try:
            taken = limits.take(random.choice(keys), row, 1, amounts(cost), amounts(cost), NOW)
        except LimitsBusyError:
            taken = None
        if isinstance(taken, Taken):
            limits.settle(row, numbered(started, cost_nanodollars=real, status=200).pack(), amounts(real), MONO_NS)
        else:
            rows.close(row)

def govern():
    with ControlLock.take(control_lock_path(run_dir), 5.0):
        random.seed(os.getpid())
        mine = LimitTable(shared)
        anchors = [reference for _, _, reference in mine.anchors()]
        key, plan, workspace = (mine.anchor(scope, 1) for scope in (Scope.KEY, Scope.PLAN, Scope.WORKSPACE))
        while True:
            try:
                extra = [state.limit_id for state in mine.states() if state.limit_id >= 100]
                if len(extra) > 4 or (extra and random.random() < 0.4):
                    mine.remove(random.choice(extra))
                else:
                    metric = random.choice([Metric.COST, Metric.OUTPUT_TOKENS, Metric.CONCURRENCY])
                    spec = LimitSpec(100 + shared.bump_generation(), metric, random.choice([*Window]), 0, 10**15)
                    mine.add(random.choice(anchors), spec)
                mine.change(1, 10**15 + random.randrange(100))
                mine.move(key, random.choice([plan, workspace]))
            except LimitsBusyError:
                pass

def bear(task, *arguments):
    child = os.fork()
    if child == 0:
        try:
            task(*arguments)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(3)
    return child

def bury(child):
    os.kill(child, signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1]), (seed, "died of itself")

entered, counted, settled_by_us = set(), Counter(), Counter()

def drain():
    for reader in shared.journal.readers:
        records = reader.read(1000)
        for record in records:
            one = Settlement.unpack(record)
            assert one.request_id not in entered, seed
            entered.add(one.request_id)
            for limit_id, start_s, amount in charges(record):
                counted[limit_id, start_s] += amount
        reader.release(len(records))

def settle_orphans(table):
    for orphan in shared.inflight.orphans(run_dir):
        one = Settlement.unpack(orphan.record)
        settled_by_us[orphan.holds.name] += 1
        if one.request_id in entered:
            assert orphan.holds is not HoldState.HELD, seed
        else:
            assert orphan.holds is not HoldState.SETTLED or one.status == 200, seed
            for limit_id, start_s, amount in table.settle_orphan(orphan, orphan.record, amounts(one.cost_nanodollars), MONO_NS):
                counted[limit_id, start_s] += amount
            entered.add(one.request_id)
        assert shared.inflight.free_orphan(orphan)

def check(table):
    for state in table.states():
        assert state.held == 0, (seed, state)
        if state.is_durable and state.window_end_s + state.used:
            assert state.used == counted[state.limit_id, state.window_start_s], (seed, state)

print("ready", flush=True)
table = LimitTable(shared)
workers = [bear(work, 1), bear(work, 2)]
governor = bear(govern)
ends_s = time.monotonic() + seconds
lives = 0
while time.monotonic() < ends_s:
    lives += 1
    until_s = time.monotonic() + random.uniform(0.002, 0.02)
    while time.monotonic() < until_s:
        drain()
    for child in (*workers, governor):
        bury(child)
    with ControlLock.take(control_lock_path(run_dir), 5.0):
        table = LimitTable(shared)
        drain()
        settle_orphans(table)
        check(table)
    assert all(shared.inflight.count(slot) == 0 for slot in range(shared.layout.slots)), seed
    workers = [bear(work, 2 * lives + 1), bear(work, 2 * lives + 2)]
    governor = bear(govern)
for child in (*workers, governor):
    bury(child)
print(lives, len(entered), settled_by_us["HELD"], settled_by_us["SETTLED"], flush=True)
"""


def test_nothing_stays_held_and_every_charge_counts_once(shared: SharedFile, start: Start) -> None:
    table = LimitTable(shared)
    workspace = table.workspace_anchor(1)
    plan = table.plan_anchor(1, workspace)
    keys = [table.key_anchor(number, parent) for number, parent in ((1, plan), (2, workspace))]
    specs = [
        (workspace, Metric.COST, Window.MONTH, 10**15),
        (workspace, Metric.CONCURRENCY, Window.TOTAL, 3),
        (plan, Metric.MESSAGES, Window.FIVE_HOURS, 10**15),
        (keys[0], Metric.OUTPUT_TOKENS, Window.MINUTE, 10**12),
        (keys[1], Metric.REQUESTS, Window.DAY, 10**15),
    ]
    for limit_id, (anchor, metric, window, amount) in enumerate(specs, 1):
        table.add(anchor, LimitSpec(limit_id, metric, window, 0, amount))
    script = MOTHER
    for name, value in (("seed", time.time_ns()), ("seconds", 3), ("noon_s", NOON_S)):
        script = script.replace("{" + name + "}", str(value))
    mother = start(script)
    told, _ = mother.communicate(timeout=40)
    assert mother.returncode == 0
    lives, entered, held, _ = map(int, told.split())
    assert lives > 20
    assert entered > 10 * lives
    assert held > 0
