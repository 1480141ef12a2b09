import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from gateway.control.store import StoreError, requests
from gateway.core.faults import FaultKind
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from gateway.state.journal import Settlement
from gateway.state.record import Flags, Surface
from tests.control.office import LAYOUT, MODEL, Office, Worker, settlement


def test_settlements_become_rows_lines_and_figures(office: Office, worker: Worker) -> None:
    first, second = settlement(), settlement(status=400, outcome=Outcome.REJECTED, usage=Usage())
    worker.settle(first, second)
    assert office.drain().enter_all() == 2
    assert [row["request_id"] for row in office.rows()] == [first.request_id, second.request_id]
    assert office.rows()[0]["cost_nanodollars"] == 1000 * 3000 + 200 * 15000
    assert [line["status"] for line in office.lines()] == [200, 400]
    assert office.tally.requests == {(MODEL, 200, Outcome.FINISHED): 1, (MODEL, 400, Outcome.REJECTED): 1}
    assert worker.ring.free() == LAYOUT.ring_capacity


def test_all_rings_are_read(office: Office) -> None:
    workers = [Worker(office) for _ in range(LAYOUT.slots)]
    for worker in workers:
        worker.settle(settlement(), settlement())
    assert office.drain().enter_all() == 2 * LAYOUT.slots
    assert len(office.rows()) == 2 * LAYOUT.slots


def test_what_comes_while_the_books_are_written_waits_for_the_next_pass(
    office: Office, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy gateway something always comes, and each transaction for a few requests costs as much as one for all."""
    observe, late = office.tally.observe, [settlement() for _ in range(3)]

    def observe_and_settle(row: tuple[object, ...]) -> None:
        observe(row)
        if late:
            worker.settle(late.pop())

    monkeypatch.setattr(office.tally, "observe", observe_and_settle)
    worker.settle(settlement())
    drain = office.drain()
    assert drain.enter_all() == 1
    assert len(office.rows()) == 1
    assert [drain.enter_all() for _ in range(4)] == [1, 1, 1, 0]
    assert len(office.rows()) == 4


def test_an_empty_pass_writes_nothing(office: Office, worker: Worker) -> None:
    drain = office.drain()
    before = office.store.connection.total_changes
    assert drain.enter_all() == 0
    assert office.store.connection.total_changes == before
    assert worker.ring.free() == LAYOUT.ring_capacity


def test_a_request_without_a_key_is_logged_but_has_no_row(office: Office, worker: Worker) -> None:
    worker.settle(settlement(key_id=0, status=401, outcome=Outcome.REFUSED, usage=Usage()), settlement())
    assert office.drain().enter_all() == 2
    assert [row["key_id"] for row in office.rows()] == [1]
    assert [line["key"] for line in office.lines()] == [None, None]


def test_a_key_the_database_has_lost_is_still_entered(office: Office, worker: Worker) -> None:
    worker.settle(settlement(key_id=4711))
    office.drain().enter_all()
    assert [row["key_id"] for row in office.rows()] == [4711]


def test_a_record_that_makes_no_sense_stops_nothing(office: Office, worker: Worker) -> None:
    broken = bytearray(settlement().pack())
    broken[38] = 250  # no such outcome
    worker.ring.append(bytes(broken))
    worker.settle(settlement())
    assert office.drain().enter_all() == 2
    assert len(office.rows()) == 1
    assert office.tally.records_unreadable == 1


def test_an_unwritten_place_is_passed_over(office: Office, worker: Worker) -> None:
    worker.settle(settlement(), settlement())
    place = office.shared.layout.ring_at(worker.slot.index) + 192  # the oldest slot's sequence word
    office.shared.region.store(place, 999)
    assert office.drain().enter_all() == 2
    assert len(office.rows()) == 1
    assert office.tally.records_unreadable == 1


def test_a_locked_database_loses_nothing(office: Office, worker: Worker) -> None:
    """R19: nothing is released while the books cannot be written, and the next pass enters all of it."""
    office.store.connection.execute("PRAGMA busy_timeout = 10")
    drain = office.drain()
    worker.settle(*(settlement() for _ in range(5)))
    other = sqlite3.connect(office.paths.gateway_db, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(3):
        with pytest.raises(StoreError, match="locked"):
            drain.enter_all()
    assert worker.ring.free() == LAYOUT.ring_capacity - 5
    other.execute("ROLLBACK")
    other.close()
    assert drain.enter_all() == 5
    assert len(office.rows()) == 5
    assert len(office.lines()) == 5
    assert sum(office.tally.requests.values()) == 5


def test_a_full_disk_fills_the_ring_and_then_recovers(office: Office, worker: Worker) -> None:
    """R19: disk full. The worker sees a full ring, and space alone heals it, without a restart."""
    drain = office.drain()
    office.store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages = office.store.connection.execute("PRAGMA page_count").fetchone()[0]
    office.store.connection.execute(f"PRAGMA max_page_count = {pages}")
    entered = 0
    texts = set()
    while worker.ring.free():
        worker.settle(settlement(path="/" + "x" * 63, model_served="m" * 64))
        try:
            entered += drain.enter_all()
        except StoreError as error:
            texts.add(str(error))
    assert texts == {f"{office.paths.gateway_db}: database or disk is full"}
    assert not worker.ring.append(settlement().pack())
    office.store.connection.execute("PRAGMA max_page_count = 100000")
    assert drain.enter_all() == LAYOUT.ring_capacity
    assert len(office.rows()) == entered + LAYOUT.ring_capacity
    assert worker.ring.free() == LAYOUT.ring_capacity


def test_a_crash_between_commit_and_release_doubles_nothing(office: Office, worker: Worker) -> None:
    """R4: the control plane is killed after the transaction and before the places are given back."""
    worker.settle(*(settlement() for _ in range(9)))
    script = f"""
        import os, signal
        from pathlib import Path
        from gateway.state.journal import RingReader
        from tests.control.office import Office
        RingReader.release = lambda self, count: os.kill(os.getpid(), signal.SIGKILL)
        Office(Path({str(office.paths.data_dir)!r})).drain().enter_all()
    """
    child = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False, cwd=Path(__file__).parents[3])
    assert child.returncode == -signal.SIGKILL
    assert len(office.rows()) == 9
    assert worker.ring.free() == LAYOUT.ring_capacity - 9
    late = settlement()
    worker.settle(late)
    assert office.drain().enter_all() == 1
    assert len(office.rows()) == 10
    assert [line["request_id"] for line in office.lines()] == [line["request_id"] for line in office.lines()][-1:]
    assert worker.ring.free() == LAYOUT.ring_capacity


def test_sequences_of_another_shared_file_are_not_believed(office: Office, worker: Worker) -> None:
    worker.settle(settlement(), settlement())
    with office.store.transaction() as connection:
        requests.set_ring_sequences(connection, office.shared.identity ^ 1, [(worker.slot.index, 100)])
    assert office.drain().enter_all() == 2
    assert len(office.rows()) == 2


def test_what_a_dead_worker_left_in_flight_is_settled_once(office: Office, worker: Worker) -> None:
    """R4: outcome worker_killed, estimated from what had been streamed, and the row is free again."""
    admitted = settlement(outcome=Outcome.WORKER_KILLED, usage=Usage(500, 0, 0, 0, 1), status=200)
    row = worker.inflight.open(admitted.pack())
    worker.inflight.progress(row, 400, 20)
    drain = office.drain()
    assert drain.settle_orphans() == 0, "the worker still lives"
    worker.die()
    assert drain.settle_orphans() == 1
    assert drain.settle_orphans() == 0
    [entered] = office.rows()
    assert (entered["request_id"], entered["outcome"]) == (admitted.request_id, Outcome.WORKER_KILLED)
    assert (entered["input_tokens"], entered["output_tokens"]) == (500, 100)
    assert entered["flags"] & Flags.OUTPUT_ESTIMATED
    assert entered["cost_nanodollars"] == 500 * 3000 + 100 * 15000
    assert office.shared.inflight.count(0) == 0
    assert [(line["outcome"], line["estimated"]) for line in office.lines()] == [("worker_killed", True)]


def test_a_worker_that_settled_before_it_died_is_believed(office: Office, worker: Worker) -> None:
    """R4: killed between the journal record and the closing of the row; the record wins."""
    one = settlement()
    worker.inflight.open(one.pack())
    worker.settle(one)
    worker.die()
    drain = office.drain()
    assert drain.settle_orphans() == 0, "its record has not been read yet"
    drain.enter_all()
    assert drain.settle_orphans() == 0
    assert [row["outcome"] for row in office.rows()] == [Outcome.FINISHED]
    assert office.shared.inflight.count(0) == 0
    assert len(office.lines()) == 1


def test_the_next_owner_of_a_slot_is_left_alone(office: Office, worker: Worker) -> None:
    worker.inflight.open(settlement().pack())
    worker.die()
    successor = Worker(office)
    assert successor.slot.index == worker.slot.index
    successor.inflight.open(settlement().pack())
    assert office.drain().settle_orphans() == 1
    assert office.shared.inflight.count(successor.slot.index) == 1


def test_orphans_stay_while_the_database_fails(office: Office, worker: Worker) -> None:
    office.store.connection.execute("PRAGMA busy_timeout = 10")
    drain = office.drain()
    worker.inflight.open(settlement().pack())
    worker.die()
    other = sqlite3.connect(office.paths.gateway_db, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        drain.settle_orphans()
    assert office.shared.inflight.count(0) == 1
    other.execute("ROLLBACK")
    other.close()
    assert drain.settle_orphans() == 1


def test_an_orphan_row_that_makes_no_sense_is_freed(office: Office, worker: Worker) -> None:
    worker.inflight.open(b"\xff" * len(settlement().pack()))
    worker.die()
    assert office.drain().settle_orphans() == 0
    assert office.shared.inflight.count(0) == 0
    assert office.tally.records_unreadable == 1


def test_the_books_hold_what_the_record_held(office: Office, worker: Worker) -> None:
    one = settlement(
        ttft_us=None,
        credential=3,
        request_bytes=11,
        response_bytes=22,
        upstream_request_id="req_up",
        usage=Usage(1, 2, 3, 4, 5),
        choice=b"\x81\0\0\5",
    )
    worker.settle(one)
    office.drain().enter_all()
    [row] = office.rows()
    usage = {name: row.pop(name) for name in list(row) if name.endswith("_tokens") and name != "held_tokens"}
    assert Usage(**usage) == one.usage
    for name in ("price_list_id", "charges", "check_sum", "posting_id"):
        del row[name]
    row |= {
        "surface": Surface(row["surface"]),
        "outcome": Outcome(row["outcome"]),
        "fault": FaultKind(row["fault"]),
        "flags": Flags(row["flags"]),
    }
    assert Settlement(**row, usage=one.usage) == one


def test_the_books_are_never_entered_inside_of_another_transaction(office: Office, worker: Worker) -> None:
    """It could fail after the rings were released."""
    drain = office.drain()
    worker.settle(settlement())
    with pytest.raises(AssertionError, match="of their own"), office.store.transaction():
        drain.enter_all()
    assert drain.enter_all() == 1
    assert not office.store.in_transaction


def test_catching_up_takes_the_living_and_the_dead(office: Office, worker: Worker) -> None:
    worker.settle(settlement())
    worker.inflight.open(settlement(outcome=Outcome.WORKER_KILLED).pack())
    worker.die()
    office.drain().catch_up()
    assert [row["outcome"] for row in office.rows()] == [Outcome.FINISHED, Outcome.WORKER_KILLED]
