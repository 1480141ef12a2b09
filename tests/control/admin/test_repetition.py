"""R6: one Idempotency-Key, one effect, one answer."""

import json
import signal
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.cli.door import AdminConnection
from gateway.control.admin.repetition import Repetition, Seal
from gateway.control.idempotency import Idempotency
from gateway.control.orders import ConflictError, OrderError
from gateway.core.clock import ManualClock
from gateway.core.faults import Fault
from gateway.state.keys import KeyState
from gateway.state.pepper import Pepper, load_pepper
from gateway.state.shared import SharedFile
from tests import torture
from tests.control.admin.conftest import Credentials, mint_admin
from tests.control.office import Office, wait_for
from tests.control.served import ControlPlane, short_dir

ORDER = {"name": "once", "count": 3}


def mint(client: httpx.Client, once: str, **order: Any) -> httpx.Response:
    return client.post("/admin/v1/keys", json=ORDER | order, headers={"idempotency-key": once})


def names(control: ControlPlane) -> list[str]:
    with control.admin as client:
        return [key["name"] for key in client.get("/admin/v1/keys?limit=1000").json()["data"]]


@pytest.fixture
def control() -> Iterator[ControlPlane]:
    with short_dir() as data_dir, ControlPlane(Path(data_dir)) as control:
        yield control


@pytest.mark.torture
def test_fifty_at_once_make_one_thing(control: ControlPlane) -> None:
    """R6: every one of them gets the very same keys."""
    rounds = torture.rounds(1, 100)
    with control.admin as client, ThreadPoolExecutor(50) as threads:
        for number in range(rounds):
            answers = list(threads.map(lambda _, once=f"same {number}": mint(client, once), range(50)))
            assert {answer.status_code for answer in answers} == {201}
            assert len({answer.content for answer in answers}) == 1
    assert names(control) == ["once-001", "once-002", "once-003"] * rounds
    torture.proved("R6", f"{rounds} rounds of 50 calls at once under one key, minting: one effect and one answer each")


def test_fifty_purchases_at_once_are_one(control: ControlPlane) -> None:
    """R6: what is paid once is credited once, also when the control plane dies behind the answers."""
    order = {"workspace": "default", "amount_usd": "7.50"}

    def buy(client: httpx.Client) -> httpx.Response:
        return client.post("/admin/v1/credits", json=order, headers={"idempotency-key": "payment"})

    with control.admin as client, ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda _: buy(client), range(50)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    control.process.send_signal(signal.SIGKILL)
    control.process.wait()
    with ControlPlane(control.paths.data_dir) as again, again.admin as client:
        assert buy(client).content == answers[0].content
        [lot] = client.get("/admin/v1/credits?workspace=default").json()["data"]
        assert lot["id"] == answers[0].json()["id"]
        assert client.get("/admin/v1/workspaces/default/balance").json()["remaining_usd"] == "7.50"


def test_fifty_different_bodies_make_one_thing(control: ControlPlane) -> None:
    with control.admin as client, ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda number: mint(client, "same", count=1, name=f"n{number}"), range(50)))
    assert sorted(answer.status_code for answer in answers) == [201] + [400] * 49
    refused = next(answer for answer in answers if answer.status_code == 400)
    assert "another call" in refused.json()["error"]["message"]
    assert refused.headers["x-should-retry"] == "false"
    assert len(names(control)) == 1


def test_the_same_body_in_other_words_is_the_same(control: ControlPlane) -> None:
    with control.admin as client:
        headers = {"idempotency-key": "words"}
        one = client.post("/admin/v1/keys", content=b'{"name": "a", "count": 2}', headers=headers)
        same = client.post("/admin/v1/keys", content=b'{ "count":2, "name":"\\u0061" , "plan": null}', headers=headers)
    assert (one.status_code, same.content) == (201, one.content)


def test_what_is_refused_may_be_sent_again(control: ControlPlane) -> None:
    with control.admin as client:
        assert mint(client, "again", plan="no-such-plan").status_code == 404
        assert mint(client, "again", name="\t").status_code == 400
        assert mint(client, "again").status_code == 201
    assert len(names(control)) == 3


def test_an_answer_outlives_a_crash(control: ControlPlane) -> None:
    """R6: killed after the answer, which the client thinks lost; the keys of the first answer are the right ones."""
    with control.admin as client:
        first = mint(client, "lost").json()
        owner = mint_admin(client, "owner")
    control.process.send_signal(signal.SIGKILL)
    control.process.wait()
    with ControlPlane(control.paths.data_dir) as again:
        with again.admin as client:
            assert mint(client, "lost").json() == first
            assert mint(client, "lost", count=4).status_code == 400
        assert len(names(again)) == 3
        shared, pepper = SharedFile.open(again.paths.shared_map), load_pepper(again.paths.pepper)
        for key in first["data"]:
            row = shared.keys.find(pepper.digest(key["key"]))
            assert row is not None
            assert row.state is KeyState.ACTIVE
        shared.close()
        with again.public as client:
            assert client.get("/admin/v1/status", headers={"x-api-key": owner["key"]}).status_code == 200


@pytest.mark.torture
def test_a_crash_in_between_leaves_all_or_nothing() -> None:
    """R6: killed while calls are under way; sent again, each of them has one effect."""
    rounds = torture.rounds(1, 20)
    before = 0
    for _ in range(rounds):
        with short_dir() as data_dir, ControlPlane(Path(data_dir)) as control:
            before += crash_in_between(control)
    torture.proved("R6", f"{rounds} deaths amid 200 calls each, {before} of them answered before: sent again, one effect each")


def crash_in_between(control: ControlPlane) -> int:
    """One round. Returns how many calls were answered before the death."""
    calls = [f"call-{number}" for number in range(200)]

    def send(once: str) -> bool:
        with closing(AdminConnection(control.paths.admin_sock)) as connection, suppress(OSError, HTTPException):
            connection.request("POST", "/admin/v1/keys", json.dumps({"name": once}), {"idempotency-key": once})
            return connection.getresponse().status == 201
        return False

    with ThreadPoolExecutor(4) as threads:
        sent = [threads.submit(send, once) for once in calls]
        wait_for(lambda: sum(one.done() for one in sent) >= 10)
        control.process.send_signal(signal.SIGKILL)
        answered = sum(one.result() for one in sent)
    assert 10 <= answered < 200
    control.process.wait()
    with ControlPlane(control.paths.data_dir) as again:
        with again.admin as client:
            for once in calls:
                assert client.post("/admin/v1/keys", json={"name": once}, headers={"idempotency-key": once}).status_code == 201
        assert sorted(names(again)) == sorted(calls)
    return answered


def test_a_database_that_cannot_be_written_is_503_and_nothing_is_made(control: ControlPlane) -> None:
    """R19: it heals by itself, and the same request then makes its one thing."""
    lock = sqlite3.connect(control.paths.gateway_db, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    with control.admin as client:
        refused = mint(client, "later")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert refused.json()["error"]["type"] == "overloaded_error"
        assert client.get("/admin/v1/usage").status_code == 200
        lock.execute("ROLLBACK")
        lock.close()
        assert names(control) == []
        assert mint(client, "later").status_code == 201
    assert len(names(control)) == 3


def test_keys_in_a_stored_answer_cannot_be_read(control: ControlPlane) -> None:
    with control.admin as client:
        minted = mint(client, "canary-once-3141").json()["data"]
        admin = client.post(
            "/admin/v1/admin_keys", json={"name": "a", "role": "viewer"}, headers={"idempotency-key": "canary-once-3141"}
        )
        # The same key for another operation is another call.
        assert admin.status_code == 400
    connection = sqlite3.connect(control.paths.gateway_db)
    [(tenant, key, answer)] = connection.execute("SELECT tenant, key, answer FROM idempotency")
    connection.close()
    assert tenant == "socket"
    assert "canary" not in key
    assert b"sk-ant" not in answer
    everything = b"".join(file.read_bytes() for file in control.paths.data_dir.rglob("gateway.db*"))
    assert not [one for one in minted if one["key"].encode() in everything or one["key"][20:60].encode() in everything]


def test_one_askers_keys_mean_nothing_to_another(served: ControlPlane, credentials: Credentials) -> None:
    """Tenant first."""
    with served.public as network, served.admin as socket:
        headers = {"idempotency-key": "shared-by-two", "x-api-key": credentials.by_role["admin"]}
        one = network.post("/admin/v1/keys", json={"name": "one"}, headers=headers).json()["data"][0]
        other = socket.post("/admin/v1/keys", json={"name": "two"}, headers={"idempotency-key": "shared-by-two"}).json()["data"][
            0
        ]
        owner = headers | {"x-api-key": credentials.by_role["owner"]}
        third = network.post("/admin/v1/keys", json={"name": "one"}, headers=owner).json()["data"][0]
    assert len({one["id"], other["id"], third["id"]}) == 3


@pytest.mark.parametrize("once", ["", "x" * 256, "caf\u00e9", "a\tb"])
def test_odd_keys_are_refused(served: ControlPlane, once: str) -> None:
    with served.admin as client:
        answer = client.post("/admin/v1/keys", json={"name": "odd"}, headers=[(b"idempotency-key", once.encode())])
        assert (answer.status_code, "idempotency-key" in answer.text) == (400, True)
        twice = client.post("/admin/v1/keys", json={"name": "odd"}, headers=[("idempotency-key", "a"), ("idempotency-key", "b")])
        assert twice.status_code == 400


def test_a_seal_opens_with_its_own_key_only() -> None:
    seal, other = Seal(b"k" * 32), Seal(b"l" * 32)
    for plain in (b"", b"x", b"\0" * 100, b"secret" * 50_000):
        sealed = seal.close(plain)
        assert seal.open(sealed) == plain
        assert seal.close(plain) != sealed
        with pytest.raises(ValueError, match="not sealed"):
            other.open(sealed)
    changed = seal.close(b"amount 10")
    for at in range(0, len(changed), 7):
        with pytest.raises(ValueError):
            seal.open(changed[:at] + ("A" if changed[at] != "A" else "B") + changed[at + 1 :])
    for rubbish in ("", "AAAA", "\u00fc", changed[:-4]):
        with pytest.raises(ValueError):
            seal.open(rubbish)


def test_effect_and_answer_stand_or_fall_together(office: Office) -> None:
    clock = ManualClock(wall_ns=10**18)
    repetition = Repetition(Idempotency(office.store, clock), Pepper(b"p" * 32))
    seen: list[int] = []

    def act() -> dict[str, Any]:
        with office.store.transaction() as connection:
            connection.execute("INSERT INTO meta VALUES ('made', 'yes')")
        office.store.when_committed(lambda: seen.append(1))
        return {"body": "done"}

    def fail() -> dict[str, Any]:
        act()
        raise OrderError("no", "no")

    with pytest.raises(OrderError):
        repetition.once("t", "k", b"call", fail)
    assert (office.store.meta("made"), seen) == (None, [])
    assert repetition.once("t", "k", b"call", act) == {"body": "done"}
    assert repetition.once("t", "k", b"call", fail) == {"body": "done"}
    assert (office.store.meta("made"), seen) == ("yes", [1])
    with pytest.raises(ConflictError):
        repetition.once("t", "k", b"other", act)
    with office.store.transaction() as connection:
        connection.execute("""UPDATE idempotency SET answer = '{"sealed": "AAAA"}'""")
    with pytest.raises(Fault, match="cannot be read any more"):
        repetition.once("t", "k", b"call", act)
