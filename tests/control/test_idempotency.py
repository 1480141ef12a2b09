"""R6 at the domain: one effect for one key of idempotency, whatever happens."""

import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gateway.control.credits import PurchaseOrder
from gateway.control.desk import Desk
from gateway.control.idempotency import KEPT_S, without_keys
from gateway.control.keys import Order
from gateway.control.orders import ConflictError, OrderError
from gateway.core.clock import ManualClock
from tests.control.office import STARTED_NS, Office, breaking_off


def mint(desk: Desk) -> dict[str, Any]:
    return {"keys": [desk.keys.view_minted(one) for one in desk.keys.mint(Order(name="a", count=2))]}


def test_a_repetition_is_answered_and_changes_nothing(office: Office) -> None:
    desk = office.desk()
    first = desk.idempotency.once("me", "k-1", b"POST /keys {}", lambda: mint(desk), without_keys)
    again = desk.idempotency.once("me", "k-1", b"POST /keys {}", lambda: mint(desk), without_keys)
    assert (first.replayed, again.replayed) == (False, True)
    assert [one["id"] for one in again.answer["keys"]] == [one["id"] for one in first.answer["keys"]]
    assert all(one["key"].startswith("sk-ant-") for one in first.answer["keys"])
    assert not any("key" in one for one in again.answer["keys"])
    assert len(desk.keys.page()) == 2


def test_minted_keys_are_stored_nowhere(office: Office) -> None:
    """R12: the answer that is kept has no key in it."""
    desk = office.desk()
    answer = desk.idempotency.once("me", "k-1", b"x", lambda: mint(desk), without_keys).answer
    secrets = [one["key"][17:-4].encode() for one in answer["keys"]]
    for path in office.paths.data_dir.rglob("*"):
        if path.is_file():
            assert not any(secret in path.read_bytes() for secret in secrets), path


def test_a_different_body_is_refused(office: Office) -> None:
    desk = office.desk()
    desk.idempotency.once("me", "k-1", b"POST /keys {}", lambda: mint(desk))
    with pytest.raises(ConflictError, match="another call"):
        desk.idempotency.once("me", "k-1", b'POST /keys {"x": 1}', lambda: mint(desk))
    assert len(desk.keys.page()) == 2


def test_tenants_do_not_meet(office: Office) -> None:
    desk = office.desk()
    for tenant in ("me", "you"):
        assert not desk.idempotency.once(tenant, "k-1", tenant.encode(), lambda: mint(desk)).replayed
    assert len(desk.keys.page()) == 4


def test_fifty_at_once_have_one_effect(office: Office) -> None:
    """R6: fifty callers with one key, through the one thread that the books have."""
    desk = office.desk()

    def buy() -> dict[str, Any]:
        return {"id": desk.credits.buy(desk.workspaces.find("default"), PurchaseOrder(amount_usd="5")).public_id}

    with ThreadPoolExecutor(1) as books, ThreadPoolExecutor(50) as callers:
        calls = [callers.submit(lambda: books.submit(desk.idempotency.once, "me", "k", b"buy", buy).result()) for _ in range(50)]
        answers = [call.result() for call in calls]
    assert len({one.answer["id"] for one in answers}) == 1
    assert sum(not one.replayed for one in answers) == 1
    assert len(desk.credits.lots(desk.workspaces.find("default"))) == 1


def test_a_call_that_fails_may_be_made_again(office: Office) -> None:
    desk = office.desk()

    def refuse() -> dict[str, Any]:
        desk.keys.mint(Order(name="half"))
        raise OrderError("no", "no")

    with pytest.raises(OrderError, match="no"):
        desk.idempotency.once("me", "k", b"x", refuse)
    assert desk.keys.page() == []
    assert len(office.shared.keys) == 0
    assert not desk.idempotency.once("me", "k", b"x", lambda: mint(desk)).replayed


def test_effect_and_answer_are_durable_together(office: Office) -> None:
    """R19, R6: wherever the database fails, there are both or neither, and the repetition makes it right."""
    desk = office.desk()
    for number in range(400):
        key = f"k-{number}"
        before = len(desk.keys.page())
        done = breaking_off(office.store, lambda key=key: desk.idempotency.once("me", key, b"x", lambda: mint(desk)), number * 10)  # type: ignore[misc]
        kept = office.store.connection.execute("SELECT count(*) FROM idempotency WHERE key = ?", (key,)).fetchone()[0]
        assert len(desk.keys.page()) - before == 2 * kept
        again = desk.idempotency.once("me", key, b"x", lambda: mint(desk))
        assert again.replayed == bool(kept)
        assert len(desk.keys.page()) - before == 2
        if done:
            return
    pytest.fail("it was always broken off")


def test_a_crash_before_the_end_leaves_neither(office: Office) -> None:
    """R6: killed in the middle of the call, then again behind the commit; the repetition has one effect."""
    script = f"""
        import os, signal, sys
        from pathlib import Path
        from gateway.control.keys import Order
        from gateway.control.store import Store
        from tests.control.office import Office
        office = Office(Path({str(office.paths.data_dir)!r}))
        desk = office.desk()
        kill = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        if sys.argv[1] == "behind":
            office.store.when_committed = lambda act: office.store._committed.append(kill)
        def act():
            minted = desk.keys.mint(Order(name="a"))
            if sys.argv[1] == "before":
                kill()
            return {{"id": minted[0].record.public_id}}
        desk.idempotency.once("me", "k", b"x", act)
    """
    desk = office.desk()
    for moment, keys_there in (("before", 0), ("behind", 1)):
        office.store.close()
        child = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script), moment], check=False, cwd=Path(__file__).parents[2]
        )
        assert child.returncode == -signal.SIGKILL
        office.reopen()
        desk = office.desk()
        desk.rebuild()
        assert len(desk.keys.page()) == keys_there == len(office.shared.keys)
    again = desk.idempotency.once("me", "k", b"x", lambda: mint(desk))
    assert again.replayed
    assert again.answer == {"id": desk.keys.page()[0].public_id}


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "\x00"])
def test_keys_that_are_none(office: Office, key: str) -> None:
    with pytest.raises(OrderError, match="key of idempotency"):
        office.desk().idempotency.once("me", key, b"x", dict)


def test_old_calls_are_forgotten(office: Office) -> None:
    clock = ManualClock(wall_ns=STARTED_NS)
    desk = office.desk(clock=clock)
    desk.idempotency.once("me", "k", b"x", dict)
    clock.advance(KEPT_S)
    assert desk.idempotency.forget() == 0
    clock.advance(1)
    assert desk.idempotency.forget() == 1
    assert not desk.idempotency.once("me", "k", b"other", dict).replayed


def test_keys_are_taken_out_however_deep() -> None:
    answer = {"key": "s", "keys": [{"id": 1, "key": "s", "limits": [{"id": 5}]}], "more": {"key": "s", "n": None}}
    assert without_keys(answer) == {"keys": [{"id": 1, "limits": [{"id": 5}]}], "more": {"n": None}}
