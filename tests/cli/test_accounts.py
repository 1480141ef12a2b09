from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from tests.cli.conftest import Run, row, rows

PASSWORD = "correct horse battery\n"


@pytest.fixture
def typed() -> Callable[..., Result]:
    """Runs a command that reads a password."""
    return lambda *words, text=PASSWORD: CliRunner().invoke(main, words, input=text)


def test_an_account_from_adding_to_removing(run: Run, typed: Callable[..., Result]) -> None:
    made = row(typed("accounts", "add", "Ann", "--role", "owner", "--json"))
    assert (made["name"], made["role"], made["seen_at"]) == ("Ann", "owner", None)
    assert "password" not in made
    assert [one["name"] for one in rows(run("accounts", "list", "--json"))] == ["Ann"]
    assert typed("accounts", "password", "ann", text="another horse battery\n").stdout.startswith("changed the password of Ann")
    assert run("accounts", "role", "ann", "viewer").stderr.startswith("Error: this is the last owner")
    assert run("accounts", "remove", str(made["id"])).stdout == f"removed Ann ({made['id']})\n"
    assert rows(run("accounts", "list", "--json")) == []


def test_refusals(run: Run, typed: Callable[..., Result]) -> None:
    row(typed("accounts", "add", "Ann", "--json"))
    for words, text in (
        (("add", "aNN"), PASSWORD),
        (("add", "Bob"), "short\n"),
        (("add", "Bob"), "\n"),
        (("add", "correct horse battery"), PASSWORD),
        (("add", "a\tb"), PASSWORD),
        (("password", "Ann"), "aaaaaaaaaaaaaa\n"),
        (("password", "nobody"), PASSWORD),
        (("remove", "nobody"), ""),
    ):
        done = typed("accounts", *words, text=text)
        assert done.exit_code == 1, words
        assert "correct horse" not in done.stderr.replace("named", "")
    assert typed("accounts", "add", "Bob", "--role", "king").exit_code == 2


def test_a_link_is_printed_only_while_there_is_nobody(run: Run, typed: Callable[..., Result]) -> None:
    first, second = run("accounts", "link").stdout, run("accounts", "link").stdout
    assert first.startswith("/console/setup?token=")
    assert first != second
    row(typed("accounts", "add", "Ann", "--role", "owner", "--json"))
    assert "there is an account already" in run("accounts", "link").stderr
