import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Struct

from gateway.control.admin import clerk
from gateway.control.admin.askers import SOCKET, Asker
from gateway.control.admin.clerk import Asked
from gateway.control.admin.endpoint import Call, Endpoint, Nothing
from gateway.control.admin.endpoints import ENDPOINTS
from gateway.control.admin.repetition import Repetition
from gateway.control.changes import Changes
from gateway.control.idempotency import Idempotency
from gateway.control.orders import ConflictError, MissingError, OrderError
from gateway.control.permissions import Role
from gateway.control.store import StoreError
from gateway.control.usage import UsageError
from gateway.core.clock import ManualClock
from gateway.core.faults import Fault, FaultKind
from gateway.state.pepper import Pepper
from tests.control.office import Office

FRONT: Any = None  # these operations ask nothing of it


class Said(Struct, frozen=True):
    word: str


def acting(error: Exception | None = None) -> Endpoint[Nothing, Nothing]:
    def act(front: Any, call: Call[Nothing, Nothing]) -> Said:
        if error is not None:
            raise error
        return Said("done")

    return Endpoint("GET", "/admin/v1/x", "X", act, Said, status=201)


def asking(error: Exception | None = None) -> Endpoint[Nothing, Nothing]:
    async def act(front: Any, call: Call[Nothing, Nothing]) -> Said:
        if error is not None:
            raise error
        return Said("asked")

    return Endpoint("GET", "/admin/v1/x", "X", act, Said)


def test_an_operation_is_read_done_and_answered() -> None:
    assert clerk.needs_writer(acting())
    assert not clerk.needs_writer(asking())
    assert clerk.carry_out(FRONT, acting(), Asked(SOCKET, {})) == (201, b'{"word":"done"}')
    assert asyncio.run(clerk.find_out(FRONT, asking(), Asked(SOCKET, {}))) == (200, b'{"word":"asked"}')
    with pytest.raises(Fault, match="unknown field"):
        clerk.carry_out(FRONT, acting(), Asked(SOCKET, {}, body=b'{"a": 1}'))
    with pytest.raises(Fault, match="unknown field"):
        asyncio.run(clerk.find_out(FRONT, asking(), Asked(SOCKET, {}, query=[("a", "1")])))


@pytest.mark.parametrize(("error", "kind"), [
    (OrderError("no", "no"), FaultKind.INVALID),
    (ConflictError("no", "no"), FaultKind.INVALID),
    (UsageError("no", "no"), FaultKind.INVALID),
    (MissingError("no", "no"), FaultKind.MISSING),
    (StoreError("disk full: /secret/path"), FaultKind.UNAVAILABLE),
])  # fmt: skip
def test_what_the_parts_raise_becomes_a_fault(error: Exception, kind: FaultKind) -> None:
    asked = Asked(SOCKET, {})
    for written in (True, False):
        with pytest.raises(Fault) as caught:
            _ = (
                clerk.carry_out(FRONT, acting(error), asked)
                if written
                else asyncio.run(clerk.find_out(FRONT, asking(error), asked))
            )
        assert caught.value.kind is kind
        assert "secret" not in caught.value.text
        assert (caught.value.retry_after_s is not None) == (kind is FaultKind.UNAVAILABLE)


def test_operations_are_found_by_method_and_path() -> None:
    found, parts = clerk.find(ENDPOINTS, "POST", "/admin/v1/workspaces/Blue Team/members/a@b.test")
    assert (found.key, parts) == (
        "POST /admin/v1/workspaces/{id}/members/{member}",
        {"id": "Blue Team", "member": "a@b.test"},
    )
    assert clerk.find(ENDPOINTS, "GET", "/admin/v1/ledger/accounts")[0].key == "GET /admin/v1/ledger/accounts"
    for method, path in (("DELETE", "/admin/v1/keys"), ("GET", "/admin/v1/keys/"), ("GET", "/admin/v1/keys/a/b"), ("GET", "")):
        with pytest.raises(Fault) as caught:
            clerk.find(ENDPOINTS, method, path)
        assert caught.value.kind is FaultKind.MISSING


def test_nobody_is_repr_with_what_was_sent() -> None:
    assert repr(Asked(SOCKET, {"id": "canary"}, body=b"canary")) == "<Asked by socket>"


def test_journals_are_entered_before_and_outside_of_the_transaction(office: Office) -> None:
    """What the journals give back cannot be undone, so it must not stand in a transaction that may yet fail."""
    seen: list[tuple[str, bool]] = []

    class Front:
        repetition = Repetition(Idempotency(office.store, ManualClock(wall_ns=10**18)), Pepper(b"p" * 32))

        def catch_up(self) -> None:
            seen.append(("caught up", office.store.connection.in_transaction))

    def act(front: Any, call: Call[Nothing, Nothing]) -> Said:
        seen.append(("acted", office.store.connection.in_transaction))
        raise OrderError("no", "no")

    endpoint = Endpoint("POST", "/admin/v1/x", "X", act, Said, makes=True, up_to_date=True)
    front: Any = Front()
    with pytest.raises(Fault):
        clerk.carry_out(front, endpoint, Asked(SOCKET, {}, once="k"))
    assert seen == [("caught up", False), ("acted", True)]


def test_a_change_is_noted_with_it_or_not_at_all(office: Office) -> None:
    class Front:
        store = office.store
        changes = Changes(office.store, ManualClock(wall_ns=5 * 10**9))
        repetition = Repetition(Idempotency(office.store, ManualClock(wall_ns=10**18)), Pepper(b"p" * 32))

        async def in_books(self, act: Callable[[], None]) -> None:
            act()

    class Made(Struct, frozen=True):
        id: str

    def act(front: Any, call: Call[Nothing, Nothing]) -> Made:
        front.store.set_meta("touched", "yes")
        if call.path["id"] == "refused":
            raise OrderError("no", "no")
        return Made("thing_1")

    async def act_elsewhere(front: Any, call: Call[Nothing, Nothing]) -> Made:
        return Made("thing_2")

    front: Any = Front()
    writing = Endpoint("POST", "/admin/v1/x/{id}", "X", act, Made, makes=True)
    waiting = Endpoint("DELETE", "/admin/v1/y", "Y", act_elsewhere, Made)
    ann = Asker("account_1", Role.OWNER, "Ann", person=True)
    for once in ("", "word"):
        with pytest.raises(Fault):
            clerk.carry_out(front, writing, Asked(ann, {"id": "refused"}, once=once))
    assert office.store.meta("touched") is None
    clerk.carry_out(front, writing, Asked(ann, {"id": "a"}))
    clerk.carry_out(front, writing, Asked(ann, {"id": "b"}, once="word"))
    clerk.carry_out(front, writing, Asked(ann, {"id": "b"}, once="word"))
    asyncio.run(clerk.find_out(front, waiting, Asked(SOCKET, {})))
    noted = [(one.id, one.at_s, one.who, one.who_name, one.did, one.about) for one in front.changes.page(0, 10)]
    assert noted == [
        (3, 5, "socket", "command line", "DELETE /admin/v1/y", "thing_2"),
        (2, 5, "account_1", "Ann", "POST /admin/v1/x/{id}", "b"),
        (1, 5, "account_1", "Ann", "POST /admin/v1/x/{id}", "a"),
    ]
    assert [one.id for one in front.changes.page(3, 1)] == [2]
