"""One browser for all tests, and gateways for it to look at. `make test-browser` sets BROWSER; without it nothing here runs."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import chromium
from tests.browser.chromium import Browser, Tab
from tests.serving import Gateway, serving

AXE = Path(os.environ.get("AXE", "/nonexistent"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = "make test-browser runs these" if "BROWSER" not in os.environ else "there is no Chromium"
    if "BROWSER" in os.environ and chromium.command() is not None:
        return
    for item in items:
        if "tests/browser" in item.path.as_posix():
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def chrome() -> Iterator[Browser]:
    with chromium.browser() as running:
        yield running


@pytest.fixture
def tab(chrome: Browser) -> Iterator[Tab]:
    """A tab in which nobody is logged in. Whatever a page did that it may not do fails the test."""
    with chrome.tab() as tab:
        tab.size(1280, 900)
        yield tab
        assert tab.faults == []


@pytest.fixture(scope="session")
def gateway() -> Iterator[Gateway]:
    """One that answers by the simulator, for tests that leave it as it was but for keys."""
    with serving({}, workers=1) as running:
        yield running


def serious(tab: Tab) -> list[str]:
    """What axe finds on the page that keeps somebody out, or nothing where axe is not there."""
    if not AXE.is_file():
        return []
    # Handed over by the debugger, so the page's own policy stays as strict as it is.
    tab.run(f"{AXE.read_text('utf-8')};true")
    found = tab.run(
        "axe.run(document, {resultTypes: ['violations']}).then(done => done.violations"
        ".filter(one => ['serious', 'critical'].includes(one.impact))"
        ".map(one => `${one.id}: ${one.nodes.map(node => node.target.join(' ')).slice(0, 5).join(', ')}`))"
    )
    return list(found)
