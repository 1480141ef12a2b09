from gateway.control.permissions import INTERNAL, PERMISSIONS, RELAYED, TRUSTED, Access, Role


def test_roles_are_in_order() -> None:
    assert [role.word for role in sorted(Role)] == ["viewer", "member", "admin", "owner"]
    assert [Access[role.name].least_role for role in Role] == list(Role)
    assert [access for access in Access if access.least_role is None] == [
        Access.PUBLIC,
        Access.FORM,
        Access.SCRAPE,
        Access.SOCKET,
        Access.WORKER,
    ]


def test_members_are_let_in_by_name_only() -> None:
    """What is not said to keep within a member's workspaces is closed to members."""
    let_in = {access for access in Access if access.admits(Role.MEMBER)}
    assert let_in == {Access.WITHIN, Access.MEMBER}
    assert not Access.VIEWER.admits(Role.MEMBER)


def test_every_access_has_its_sockets() -> None:
    assert set(Access) == RELAYED | TRUSTED | INTERNAL
    assert not RELAYED & INTERNAL
    assert {Access.SOCKET, Access.PERSON} == TRUSTED - RELAYED


def test_whoever_looks_only_looks() -> None:
    """What changes something is never for a viewer, and admin keys are made on this machine only."""
    for key, access in PERMISSIONS.items():
        method, path = key.split(" ")
        if method != "GET":
            assert access not in (Access.PUBLIC, Access.SCRAPE, Access.VIEWER, Access.WITHIN), key
        if "admin_keys" in path:
            assert access in (Access.OWNER, Access.SOCKET), key
        if "/accounts" in path and "ledger" not in path:
            assert access in (Access.OWNER, Access.PERSON), key
    assert PERMISSIONS["POST /admin/v1/admin_keys"] is Access.SOCKET
    assert {PERMISSIONS["POST /admin/v1/credits"], PERMISSIONS["POST /admin/v1/credits/{id}/refund"]} == {Access.OWNER}
