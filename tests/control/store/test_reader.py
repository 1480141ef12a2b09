import asyncio
import threading

import pytest

from gateway.control.store import Connection, NewKey, Reader, StoreError
from gateway.control.store.reader import WALKS_AT_ONCE
from tests.control.office import STARTED_NS, Office, Worker, enter_keys, settlement


def test_a_reader_sees_what_the_writer_committed(office: Office, worker: Worker) -> None:
    enter_keys(office.store, *(NewKey(f"key_{n}", bytes([n]) * 32, f"n{n}", "p", "s") for n in range(3)))
    worker.settle(settlement(key_id=1), settlement(key_id=2), settlement(key_id=99))
    office.drain().enter_all()
    reader = Reader(office.paths.gateway_db)

    async def ask() -> None:
        assert await reader.keys(0, 10) == office.store.keys()
        assert [record.public_id for record in await reader.keys(1, 1)] == ["key_1"]
        totals = await reader.usage("key", STARTED_NS, None, 10)
        assert totals == office.store.usage("key", STARTED_NS, None, 10)
        assert [(total.label, total.name, total.requests) for total in totals] == [
            ("key_0", "n0", 1),
            ("key_1", "n1", 1),
            ("key 99", "", 1),
        ]
        assert await reader.usage("key", STARTED_NS + 1, None, 10) == []

    asyncio.run(ask())


def test_walks_leave_threads_to_all_other_questions(office: Office) -> None:
    reader, go_on, walking = Reader(office.paths.gateway_db), threading.Event(), []

    def walk(connection: Connection) -> None:
        walking.append(connection)
        assert go_on.wait(10)

    async def ask() -> None:
        walks = [asyncio.create_task(reader.walk(walk)) for _ in range(50)]
        for _ in range(20):  # as many as there may be threads
            assert await reader.ask(lambda connection: connection.execute("SELECT 1").fetchone()) == (1,)
        assert len(walking) <= WALKS_AT_ONCE
        go_on.set()
        await asyncio.gather(*walks)

    asyncio.run(asyncio.wait_for(ask(), 20))
    assert len(walking) == 50


def test_pages_follow_one_another_without_gap_or_overlap(office: Office, worker: Worker) -> None:
    worker.settle(
        *(settlement(key_id=n % 7 + 1, model_served=f"model-{n % 5}", started_ns=n * 86_400 * 10**9) for n in range(35))
    )
    office.drain().enter_all()
    for by, groups in (("key", 7), ("model", 5), ("day", 35)):
        whole = office.store.usage(by, 0, None, -1)
        assert len(whole) == groups
        paged = []
        after = None
        while page := office.store.usage(by, 0, after, 3):
            paged += page
            after = page[-1].after
        assert paged == whole


def test_a_missing_database_is_a_store_error(office: Office) -> None:
    async def ask() -> None:
        with pytest.raises(StoreError, match="unable to open"):
            await Reader(office.paths.data_dir / "none.db").keys(0, 1)
        # The connection's thread ends by calling back into this loop, which must still be there.
        for thread in threading.enumerate():
            if thread.name.endswith("(_connection_worker_thread)"):
                thread.join(10)

    asyncio.run(ask())
