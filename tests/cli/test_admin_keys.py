from tests.cli.conftest import Run, row, rows


def test_an_admin_key_from_mint_to_revoke(run: Run) -> None:
    minted = row(run("admin-keys", "mint", "--name", "deploy", "--role", "admin", "--expires", "30d", "--json"))
    assert str(minted["key"]).startswith("sk-ant-admin01-")
    assert (minted["role"], minted["state"]) == ("admin", "active")
    table = run("admin-keys", "mint", "--name", "me", "--role", "owner")
    assert "cannot be shown again" in table.stderr
    listed = rows(run("admin-keys", "list", "--json"))
    assert [(one["name"], one["role"]) for one in listed] == [("deploy", "admin"), ("me", "owner")]
    assert "key" not in listed[0]
    assert run("admin-keys", "revoke", str(minted["id"])).stdout == f"revoked {minted['id']} (deploy)\n"
    assert [one["state"] for one in rows(run("admin-keys", "list", "--json"))] == ["revoked", "active"]


def test_refusals(run: Run) -> None:
    run("admin-keys", "mint", "--name", "me", "--role", "owner")
    assert run("admin-keys", "revoke", "adminkey_0000000000000000000000").exit_code == 1
    assert run("admin-keys", "mint", "--name", "a\tb", "--role", "owner").exit_code == 1
    for wrong in (("mint", "--name", "a"), ("mint", "--name", "a", "--role", "king"), ("mint", "--role", "owner")):
        assert run("admin-keys", *wrong).exit_code == 2
