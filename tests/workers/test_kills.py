"""kill -9 of each kind of process while streams run: the others go on, and the books have one row for each request."""

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from gateway.core.outcome import Outcome
from gateway.state.record import Flags
from tests.serving import Gateway, serving
from tests.workers.clients import WHOLE, Ending, books, call, kept, outcomes, streams, wait_for, workers

STREAMS = 50
SCRIPT = "text_tokens=40;tokens_per_s=25"


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with serving(workers=2) as gateway:
        yield gateway


def kill_amid(gateway: Gateway, key: str, victim: int) -> "Counter[Ending]":
    async def scenario() -> list[Ending]:
        tasks = await streams(gateway.port, key, SCRIPT, STREAMS)
        os.kill(victim, signal.SIGKILL)
        return await asyncio.gather(*tasks)

    return Counter(asyncio.run(scenario()))


def test_a_killed_worker_takes_only_its_own_streams(gateway: Gateway) -> None:
    """R4: the others finish, a new worker comes, and what the dead one served is in the books, marked."""
    [key] = gateway.mint()
    before = workers(gateway.data_dir)
    victim, survivor = sorted(before)
    ended = kill_amid(gateway, key, victim)
    broken = STREAMS - ended[WHOLE]
    assert 0 < broken < STREAMS
    assert all(not ending.error for ending in ended)
    wait_for(lambda: outcomes(gateway, key).total() == STREAMS, "a row for each stream")
    assert outcomes(gateway, key) == {Outcome.FINISHED: ended[WHOLE], Outcome.WORKER_KILLED: broken}
    billed = f"outcome = {Outcome.WORKER_KILLED:d} AND flags & {Flags.OUTPUT_ESTIMATED:d} AND input_tokens AND output_tokens"
    assert books(gateway, f"SELECT count(*) FROM requests WHERE {billed}") == [(broken,)]
    wait_for(lambda: len(workers(gateway.data_dir)) == 2, "a new worker")
    assert survivor in workers(gateway.data_dir)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two workers want two cores")
def test_each_worker_keeps_to_a_core_of_its_own(gateway: Gateway) -> None:
    """All of its threads do, also after a worker had to be started again."""
    cores = {}
    for pid in workers(gateway.data_dir):
        cores[pid] = {core for thread in os.listdir(f"/proc/{pid}/task") for core in os.sched_getaffinity(int(thread))}
    assert sorted(map(len, cores.values())) == [1, 1]
    assert len(set.union(*cores.values())) == 2


def test_streams_do_not_notice_the_control_planes_death(gateway: Gateway) -> None:
    """R4: every stream finishes; the next control plane enters all of them, once."""
    [key] = gateway.mint()
    victim = kept(gateway.data_dir, "control")
    before = workers(gateway.data_dir)
    assert kill_amid(gateway, key, victim) == {WHOLE: STREAMS}
    wait_for(lambda: outcomes(gateway, key) == {Outcome.FINISHED: STREAMS}, "a row for each stream")
    assert kept(gateway.data_dir, "control") not in (0, victim)
    assert workers(gateway.data_dir) == before


def test_a_dead_simulator_is_a_dead_upstream(gateway: Gateway) -> None:
    """R3: each stream ends with an error event, never as if it were whole; the simulator comes back."""
    [key] = gateway.mint()
    victim = kept(gateway.data_dir, "simulator")
    before = workers(gateway.data_dir)
    assert kill_amid(gateway, key, victim) == {Ending(200, whole=False, error=True): STREAMS}
    wait_for(lambda: outcomes(gateway, key) == {Outcome.UPSTREAM_DIED: STREAMS}, "a row for each stream")
    wait_for(lambda: asyncio.run(call(gateway.port, key)) == 200, "the simulator answers again")
    assert workers(gateway.data_dir) == before


def test_a_worker_that_dies_again_and_again_stops_nobody_else(gateway: Gateway) -> None:
    """R4: it is started later each time, and calls go on meanwhile."""
    [key] = gateway.mint()
    survivor = max(workers(gateway.data_dir))
    for _ in range(3):
        wait_for(lambda: len(workers(gateway.data_dir)) == 2, "both workers")
        [victim] = workers(gateway.data_dir) - {survivor}
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: workers(gateway.data_dir) == {survivor}, "the worker's death")

    async def calls() -> list[int]:
        return await asyncio.gather(*(call(gateway.port, key) for _ in range(20)))

    assert asyncio.run(calls()) == [200] * 20
    waits: dict[str, list[float]] = {}
    for line in gateway.log.read_text().splitlines():
        if '"event": "restarting"' in line and '"process": "worker-' in line:
            said = json.loads(line)
            waits.setdefault(said["process"], []).append(said["wait_s"])
    longest = max(waits.values(), key=len)[-3:]
    # On a machine so slow that a short life looks steady the waits begin anew; two in a row have grown all the same.
    assert longest == sorted(set(longest))
    assert longest[-1] > longest[0]
    wait_for(lambda: len(workers(gateway.data_dir)) == 2, "both workers")


def test_a_revoked_key_is_refused_at_the_very_next_call(gateway: Gateway) -> None:
    [minted] = [json.loads(line) for line in gateway.cli("keys", "mint", "--name", "leaver", "--json").splitlines()]

    async def statuses() -> set[int]:
        # New connections, so that they fall to both workers.
        return set(await asyncio.gather(*(call(gateway.port, minted["key"]) for _ in range(24))))

    assert asyncio.run(statuses()) == {200}
    gateway.cli("keys", "revoke", minted["id"])
    assert asyncio.run(statuses()) == {401}


def test_five_hundred_keys_minted_at_once_work_at_once(gateway: Gateway) -> None:
    keys = gateway.mint(500)

    async def statuses() -> "Counter[int]":
        places = asyncio.Semaphore(16)

        async def one(key: str) -> int:
            async with places:
                return await call(gateway.port, key)

        return Counter(await asyncio.gather(*map(one, keys)))

    assert asyncio.run(statuses()) == {200: 500}
    ids = "SELECT count(*), count(DISTINCT key_id) FROM requests WHERE key_id > (SELECT max(id) - 500 FROM keys)"
    wait_for(lambda: books(gateway, ids) == [(500, 500)], "a row for each key")
