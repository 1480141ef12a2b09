"""The first owner of an installation that nobody attends: what is made, what is refused, and what is told."""

from pathlib import Path

import pytest

from tests.console.browser import Browser
from tests.control.served import WITH_CONSOLE, ControlPlane, short_dir

PASSWORD = "nobody-may-read-this-7"
OTHER = "another-one-of-them-8"


def enters(control: ControlPlane, password: str) -> bool:
    with Browser(control) as browser:
        return browser.log_in("admin", password).status_code == 303


def test_a_password_in_the_environment_counts_at_the_first_start_only() -> None:
    with short_dir() as folder:
        data_dir = Path(folder)
        with ControlPlane(data_dir, start=WITH_CONSOLE, GATEWAY_ADMIN_PASSWORD=PASSWORD) as control:
            assert enters(control, PASSWORD)
            with control.admin as client:
                assert client.post("/admin/v1/setup_links").json() == {"path": None}
                [account] = client.get("/admin/v1/accounts").json()["data"]
            assert (account["name"], account["role"]) == ("admin", "owner")
            control.stop()
        with ControlPlane(data_dir, start=WITH_CONSOLE, GATEWAY_ADMIN_PASSWORD=OTHER) as control:
            assert enters(control, PASSWORD)
            assert not enters(control, OTHER)
            control.stop()
            told = control.err.read_text() + control.out.read_text()
        assert (PASSWORD in told, OTHER in told) == (False, False)
        assert PASSWORD.encode() not in (data_dir / "gateway.db").read_bytes()


def test_a_file_that_may_be_gone_afterwards(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\nwhat follows is not looked at\n")
    with short_dir() as folder:
        for there in (True, False):
            with ControlPlane(Path(folder), start=WITH_CONSOLE, GATEWAY_ADMIN_PASSWORD_FILE=str(file)) as control:
                assert enters(control, PASSWORD), there
                control.stop()
            file.unlink(missing_ok=True)


@pytest.mark.parametrize(("variables", "said"), [
    ({"GATEWAY_ADMIN_PASSWORD": "hush"}, "GATEWAY_ADMIN_PASSWORD: a password has 10 to 200 characters"),
    ({"GATEWAY_ADMIN_PASSWORD": "aaaaaaaaaaaa"}, "GATEWAY_ADMIN_PASSWORD: this password is too easily guessed"),
    ({"GATEWAY_ADMIN_PASSWORD": PASSWORD, "GATEWAY_ADMIN_PASSWORD_FILE": "/x"}, "set this or GATEWAY_ADMIN_"),
    ({"GATEWAY_ADMIN_PASSWORD_FILE": "/nowhere/at/all"}, "/nowhere/at/all: No such file or directory"),
    ({"GATEWAY_ADMIN_PASSWORD_FILE": "/dev/null"}, "/dev/null: its first line is empty"),
])  # fmt: skip
def test_what_is_no_password_stops_the_start(variables: dict[str, str], said: str) -> None:
    with short_dir() as folder:
        control = ControlPlane(Path(folder), start=WITH_CONSOLE, options=(), **variables)
        assert control.process.wait(30) == 1
        told = control.err.read_text()
    assert said in told
    assert "hush" not in told
    assert "aaaaaaaaaaaa" not in told
    assert PASSWORD not in told
