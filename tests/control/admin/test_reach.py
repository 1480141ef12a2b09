"""Who may do what, every operation x every role; and what members get of each that lets them in: nothing of other workspaces."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.alone import working_alone
from gateway.control.admin.askers import Asker
from gateway.control.admin.asking import Asking
from gateway.control.admin.clerk import Asked
from gateway.control.admin.endpoint import Endpoint
from gateway.control.admin.endpoints import ENDPOINTS
from gateway.control.admin.front import FrontDesk
from gateway.control.permissions import PERMISSIONS, Access, Role
from gateway.control.workspaces import MemberOrder
from gateway.core import ids
from gateway.core.faults import Fault, FaultKind
from gateway.settings import Paths
from tests.control.admin.figured import fill
from tests.control.served import short_dir

BY_KEY = {endpoint.key: endpoint for endpoint in ENDPOINTS}
FOR_MEMBERS = [endpoint for endpoint in ENDPOINTS if PERMISSIONS[endpoint.key].admits(Role.MEMBER)]
ALIKE = {"GET /admin/v1/status", "GET /admin/v1/plans", "GET /admin/v1/plans/{name}", "GET /admin/v1/models"}
NAMED = {Role.VIEWER: "viewer", Role.MEMBER: "m@example.test", Role.ADMIN: "admin", Role.OWNER: "owner"}


class Here(Executor):
    """The books' thread, where there is only one."""

    def submit(self, act: Callable[..., Any], /, *values: Any, **named: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(act(*values, **named))
        except Exception as error:  # noqa: BLE001 (handed to whoever waits)
            future.set_exception(error)
        return future


@dataclass(frozen=True)
class House:
    """Two workspaces; the member belongs to the first one, and looks only into a third, which has no keys."""

    front: FrontDesk
    asking: Asking
    own: dict[str, str]  # what the member sees: ids by kind
    foreign: dict[str, str]

    def ask(self, role: Role, key: str, parts: dict[str, str], query: dict[str, str], body: Any = None) -> str:
        """The answer's text. Raises Fault."""
        asker = Asker(f"account_{role.word}", role, NAMED[role], person=True)
        asked = Asked(asker, parts, list(query.items()), b"" if body is None else json.dumps(body).encode())
        endpoint = BY_KEY[key]

        async def one() -> str:
            if not endpoint.streams:
                return (await self.asking(endpoint, asked, "req")).body.decode()
            pieces = await self.asking.begin(endpoint, asked)
            read = b""
            async for piece in pieces:
                read += piece
                if endpoint.streams == "text/event-stream":
                    break
            await pieces.aclose()  # type: ignore[attr-defined] # an asynchronous generator
            return read.decode()

        return asyncio.run(one())


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with short_dir() as folder:
        minted, entered = fill(Path(folder))
        numbers = {one.record.workspace_id for one in minted}
        first, second = (next(one for one in minted if one.record.workspace_id == number) for number in sorted(numbers))
        requests = {one.workspace_id: ids.text_of("req", one.request_id) for one in entered}
        with working_alone(Paths(Path(folder))) as alone:
            front = alone._front
            front.desk.workspaces.add_member(first.record.workspace_public_id, MemberOrder(email="M@example.test"))
            front.desk.workspaces.find_or_create("looked into")
            front.desk.workspaces.add_member("looked into", MemberOrder(email="m@example.test", role="viewer"))
            front.desk.workspaces.add_member(second.record.workspace_public_id, MemberOrder(email="secret@example.test"))
            front.desk.workspaces.add_member(second.record.workspace_public_id, MemberOrder(email="m@example.test.evil.test"))

            def kinds(one: Any) -> dict[str, str]:
                record = one.record
                return {
                    "a key": record.public_id,
                    "a workspace": record.workspace_public_id,
                    "a request": requests[record.workspace_id],
                }

            yield House(front, Asking(front, Here()), kinds(first), kinds(second))


# What is asked for of each operation that lets members in: parts of the path, query and body, of things of the kinds above.
PROBES: dict[str, tuple[dict[str, str], dict[str, str], Any]] = {
    "GET /admin/v1/status": ({}, {}, None),
    "GET /admin/v1/plans": ({}, {}, None),
    "GET /admin/v1/plans/{name}": ({"name": "pro"}, {}, None),
    "GET /admin/v1/models": ({}, {}, None),
    "GET /admin/v1/keys": ({}, {}, None),
    "GET /admin/v1/keys/{id}": ({"id": "a key"}, {}, None),
    "POST /admin/v1/keys": ({}, {}, {"name": "probe", "workspace": "a workspace"}),
    "POST /admin/v1/keys/{id}/rotate": ({"id": "a key"}, {}, {}),
    "POST /admin/v1/keys/{id}/revoke": ({"id": "a key"}, {}, {}),
    "GET /admin/v1/limits": ({}, {"key": "a key"}, None),
    "GET /admin/v1/workspaces": ({}, {}, None),
    "GET /admin/v1/workspaces/{id}": ({"id": "a workspace"}, {}, None),
    "GET /admin/v1/workspaces/{id}/members": ({"id": "a workspace"}, {}, None),
    "GET /admin/v1/workspaces/{id}/balance": ({"id": "a workspace"}, {}, None),
    "GET /admin/v1/credits": ({}, {"workspace": "a workspace"}, None),
    "GET /admin/v1/figures": ({}, {"since": "24h", "by": "key"}, None),
    "GET /admin/v1/requests": ({}, {"limit": "500"}, None),
    "GET /admin/v1/requests.csv": ({}, {}, None),
    "GET /admin/v1/requests/{id}/why": ({"id": "a request"}, {}, None),
    "GET /admin/v1/receipts/{id}": ({"id": "a request"}, {}, None),
    "GET /admin/v1/live": ({}, {"since": "24h"}, None),
    "GET /admin/v1/live/events": ({}, {"since": "24h"}, None),
}
MORE: list[tuple[str, dict[str, str], dict[str, str]]] = [
    ("GET /admin/v1/keys", {}, {"workspace": "a workspace"}),
    ("GET /admin/v1/limits", {}, {"workspace": "a workspace"}),
    ("GET /admin/v1/figures", {}, {"workspace": "a workspace", "by": "key"}),
    ("GET /admin/v1/figures", {}, {"key": "a key", "by": "model"}),
    ("GET /admin/v1/figures", {}, {"by": "workspace", "since": "10d"}),
    ("GET /admin/v1/requests", {}, {"workspace": "a workspace"}),
    ("GET /admin/v1/requests", {}, {"key": "a key", "status": "429"}),
]


def meant(words: Any, things: dict[str, str]) -> Any:
    """Words with the ids they stand for."""
    return words if words is None else {name: things.get(value, value) for name, value in words.items()}


def answer(house: House, role: Role, key: str, parts: Any, query: Any, body: Any, things: dict[str, str]) -> str:
    """The answer about these things; `missing` when there are none."""
    try:
        return house.ask(role, key, meant(parts, things), meant(query, things), meant(body, things))
    except Fault as fault:
        return "missing" if fault.kind is FaultKind.MISSING else f"{fault.kind.word}: {fault.text}"


def shows(text: str, things: dict[str, str]) -> bool:
    return any(one in text for one in things.values()) or "secret@" in text


def test_whatever_lets_members_in_is_probed() -> None:
    assert {endpoint.key for endpoint in FOR_MEMBERS} == PROBES.keys()


@pytest.mark.parametrize(("key", "parts", "query", "body"), [
    *((key, *probe) for key, probe in PROBES.items() if not key.startswith("POST")), *((*one, None) for one in MORE),
])  # fmt: skip
def test_a_member_sees_nothing_of_other_workspaces(house: House, key: str, parts: Any, query: Any, body: Any) -> None:
    mine = answer(house, Role.MEMBER, key, parts, query, body, house.own)
    theirs = answer(house, Role.MEMBER, key, parts, query, body, house.foreign)
    assert not shows(mine + theirs, house.foreign), key
    whole = answer(house, Role.VIEWER, key, parts, query, body, house.foreign)
    if key not in ALIKE:
        assert whole != theirs, key
        assert theirs == "missing" or "[" in theirs or key.endswith(".csv"), theirs
        assert mine != "missing"


@pytest.mark.parametrize("key", [key for key in PROBES if key.startswith("POST")])
def test_a_member_changes_nothing_of_other_workspaces(house: House, key: str) -> None:
    def states() -> list[tuple[str, str]]:
        return [(one.public_id, one.state) for one in house.front.desk.keys.page()]

    before = states()
    parts, query, body = PROBES[key]
    assert answer(house, Role.MEMBER, key, parts, query, body, house.foreign) == "missing"
    assert states() == before
    assert answer(house, Role.MEMBER, key, parts, query, body, house.own) != "missing"
    assert states() != before


def refused(house: House, key: str, parts: Any, query: Any, body: Any, things: dict[str, str]) -> str:
    """How an operation that misses these things says so, without their ids."""
    with pytest.raises(Fault) as caught:
        house.ask(Role.MEMBER, key, meant(parts, things), meant(query, things), meant(body, things))
    said = f"{caught.value!r} {caught.value.code} {caught.value.text} {sorted(caught.value.values.items())}"
    for thing in things.values():
        said = said.replace(thing, "?")
    return said


def by_name(house: House) -> dict[str, str]:
    """The foreign workspace by its name, which a member may guess where no id can be guessed."""
    return house.foreign | {"a workspace": house.front.desk.workspaces.find(house.foreign["a workspace"]).name}


@pytest.mark.parametrize(("key", "parts", "query", "body"), [
    *((key, *probe) for key, probe in PROBES.items() if "a " in str(probe)), *((*one, None) for one in MORE if "a " in str(one)),
])  # fmt: skip
def test_what_is_out_of_reach_is_told_from_nothing_by_nobody(house: House, key: str, parts: Any, query: Any, body: Any) -> None:
    nothing = {"a key": "key_" + "0" * 22, "a workspace": "wrkspc_" + "0" * 22, "a request": "req_" + "0" * 22}
    assert refused(house, key, parts, query, body, house.foreign) == refused(house, key, parts, query, body, nothing)
    if "a workspace" in str((parts, query, body)):
        nobodys = nothing | {"a workspace": "nobody"}
        assert refused(house, key, parts, query, body, by_name(house)) == refused(house, key, parts, query, body, nobodys)


def test_whoever_only_looks_into_a_workspace_changes_nothing_there(house: House) -> None:
    with pytest.raises(Fault, match="only look") as caught:
        house.ask(Role.MEMBER, "POST /admin/v1/keys", {}, {}, {"name": "k", "workspace": "looked into"})
    assert caught.value.kind is FaultKind.FORBIDDEN
    assert "looked into" in house.ask(Role.MEMBER, "GET /admin/v1/workspaces", {}, {})


def test_a_member_sees_no_key_of_the_pool_where_its_requests_went(house: House) -> None:
    """Neither as they stand now nor as they were compared for the request."""
    found: dict[Role, list[Any]] = {Role.MEMBER: [], Role.VIEWER: []}
    for line in json.loads(house.ask(Role.MEMBER, "GET /admin/v1/requests", {}, {"limit": "500"}))["data"]:
        for role, routes in found.items():
            why = json.loads(house.ask(role, "GET /admin/v1/requests/{id}/why", {"id": line["id"]}, {}))
            routes.append((why["route"]["considered"], *(one["keys"] for one in why["route"]["candidates"])))
    assert any(considered for considered, *_ in found[Role.VIEWER])
    assert {shown for route in found[Role.MEMBER] for shown in route} == {None}


def test_figures_of_a_member_are_the_sum_of_its_workspaces(house: House) -> None:
    def requests(role: Role, **query: str) -> int:
        return int(json.loads(house.ask(role, "GET /admin/v1/figures", {}, {"since": "24h"} | query))["totals"]["requests"])

    mine = requests(Role.MEMBER)
    assert mine == requests(Role.OWNER, workspace=house.own["a workspace"])
    assert 0 < mine < requests(Role.OWNER)
    live = json.loads(house.ask(Role.MEMBER, "GET /admin/v1/live", {}, {"since": "24h"}))
    assert (live["totals"]["requests"], live["pool"], live["streams_open"]) == (mine, [], None)
    assert len(live["requests"]) == mine
    assert json.loads(house.ask(Role.MEMBER, "GET /admin/v1/live", {}, {"cursor": live["cursor"]}))["requests"] == []


def test_who_is_nobodys_address_reaches_nothing(house: House) -> None:
    stranger = Asker("account_x", Role.MEMBER, "nobody", person=True)
    for key in ("GET /admin/v1/keys", "GET /admin/v1/workspaces", "GET /admin/v1/requests"):
        reply = asyncio.run(house.asking(BY_KEY[key], Asked(stranger, {}), "req"))
        assert json.loads(reply.body)["data"] == []


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.key)
def test_every_operation_x_every_role(house: House, endpoint: Endpoint[Any, Any], role: Role) -> None:
    """R11: what the table does not grant is refused before anything is read; nothing is changed by asking about nothing."""
    access = PERMISSIONS[endpoint.key]
    may = access.admits(role) and access is not Access.SOCKET
    parts = dict.fromkeys(re.findall(r"\{(\w+)\}", endpoint.path), "none_0000000000000000000000")
    try:
        house.ask(role, endpoint.key, parts, {"unknown_parameter": "1"}, {"unknown_field": 1})
        said = None
    except Fault as fault:
        said = fault.kind
    assert (said is not FaultKind.FORBIDDEN) is may, (role, said)
