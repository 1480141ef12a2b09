import pytest

from gateway.control.admin.askers import SOCKET, Asker, identify
from gateway.control.admin_keys import AdminKeys
from gateway.control.permissions import Access, Role
from gateway.core.clock import ManualClock
from gateway.core.faults import Fault, FaultKind
from gateway.state.pepper import Pepper
from tests.control.office import Office


@pytest.fixture
def held(office: Office) -> AdminKeys:
    return AdminKeys(office.store, Pepper(b"p" * 32), ManualClock(wall_ns=10**18))


def test_the_first_header_decides_when_both_are_keys(held: AdminKeys) -> None:
    one, two = held.mint("one", Role.OWNER), held.mint("two", Role.VIEWER)
    asker = Asker(one.record.public_id, Role.OWNER, "one")
    assert identify({"x-api-key": one.key_text}, held) == asker
    assert identify({"authorization": f"Bearer {one.key_text}"}, held) == asker
    assert identify({"authorization": f"bEaReR   {one.key_text} "}, held) == asker
    assert identify({"x-api-key": one.key_text, "authorization": f"Bearer {two.key_text}"}, held) == asker
    assert identify({"x-api-key": "stale", "authorization": f"Bearer {one.key_text}"}, held) == asker
    assert identify({"x-api-key": "", "authorization": f"Bearer {one.key_text}"}, held) == asker


@pytest.mark.parametrize(("headers", "text"), [
    ({}, "x-api-key header is required"),
    ({"x-api-key": ""}, "x-api-key header is required"),
    ({"x-api-key": "x"}, "invalid x-api-key"),
    ({"x-api-key": "x" * 10_000}, "invalid x-api-key"),
    ({"x-api-key": "\u0100"}, "invalid x-api-key"),
    ({"authorization": "Bearer x"}, "Invalid bearer token"),
    ({"authorization": "Bearer"}, "Invalid bearer token"),
    ({"authorization": "Basic eA=="}, "Invalid bearer token"),
])  # fmt: skip
def test_everybody_else_is_a_stranger(held: AdminKeys, headers: dict[str, str], text: str) -> None:
    with pytest.raises(Fault) as caught:
        identify(headers, held)
    assert (caught.value.kind, caught.value.text) == (FaultKind.UNAUTHENTICATED, text)


def test_what_each_may() -> None:
    allowed = {access: [role.word for role in Role if not _refused(Asker("k", role), access)] for access in Access}
    assert allowed == {
        Access.PUBLIC: [],
        Access.FORM: [],
        Access.SCRAPE: [],
        Access.WITHIN: ["viewer", "member", "admin", "owner"],
        Access.VIEWER: ["viewer", "admin", "owner"],
        Access.MEMBER: ["member", "admin", "owner"],
        Access.ADMIN: ["admin", "owner"],
        Access.OWNER: ["owner"],
        Access.PERSON: [],
        Access.SOCKET: [],
        Access.WORKER: [],
    }
    assert not any(_refused(SOCKET, access) for access in (Access.VIEWER, Access.ADMIN, Access.OWNER, Access.SOCKET))
    people = [role.word for role in Role if not _refused(Asker("a", role, person=True), Access.PERSON)]
    assert people == ["owner"]
    assert not _refused(SOCKET, Access.PERSON)
    # Looking like the socket is not enough.
    assert _refused(Asker("socket", Role.OWNER), Access.SOCKET)


def _refused(asker: Asker, access: Access) -> bool:
    try:
        asker.check(access)
    except Fault:
        return True
    return False


def test_a_role_that_is_too_low_is_named() -> None:
    with pytest.raises(Fault, match="it takes an admin key with the role owner") as caught:
        Asker("k", Role.VIEWER).check(Access.OWNER)
    assert caught.value.kind is FaultKind.FORBIDDEN
    with pytest.raises(Fault, match=r"Your account \(viewer\) may not do this: it takes an account with the role member"):
        Asker("k", Role.VIEWER, person=True).check(Access.MEMBER)
    with pytest.raises(Fault, match=r"Your admin key \(owner\) may not do this: it takes an account with the role owner"):
        Asker("k", Role.OWNER).check(Access.PERSON)
