"""A control plane with its console, and somebody of each role who is logged in to it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.console.browser import NAMES, ROLES, Browser, add_account, add_member
from tests.control.served import WITH_CONSOLE, ControlPlane, short_dir


@pytest.fixture(scope="session")
def shown() -> Iterator[ControlPlane]:
    """One control plane with a console for all tests that leave it as it was, but for keys and the like."""
    with short_dir() as data_dir, ControlPlane(Path(data_dir), start=WITH_CONSOLE) as control:
        for role in ROLES:
            add_account(control, NAMES[role], role)
        add_member(control, "default", NAMES["member"])
        yield control


@pytest.fixture(scope="session")
def logged_in(shown: ControlPlane) -> Iterator[dict[str, Browser]]:
    """A browser for each role, in which an account of that role is logged in."""
    with ExitStack() as stack:
        browsers = {role: stack.enter_context(Browser(shown)) for role in ROLES}
        for role, browser in browsers.items():
            assert browser.log_in(NAMES[role]).status_code == 303
        yield browsers


@pytest.fixture
def people(logged_in: dict[str, Browser]) -> dict[str, Browser]:
    """The same, with nothing chosen of language, theme and time zone, whatever links other tests have followed."""
    for browser in logged_in.values():
        for choice in ("lang", "theme", "zone"):
            if choice in browser.client.cookies:
                browser.client.cookies.delete(choice)
    return logged_in


@pytest.fixture
def stranger(shown: ControlPlane) -> Iterator[Browser]:
    """A browser in which nobody is logged in."""
    with Browser(shown) as browser:
        yield browser
