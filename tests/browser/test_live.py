"""The live part of the overview in several tabs: one stream for all of them, which another takes over."""

from collections.abc import Iterator

import httpx
import pytest

from tests.browser.chromium import Browser, Tab
from tests.browser.test_console import log_in, set_up
from tests.serving import Gateway, serving

LOCKS = (
    "navigator.locks.query().then(all => [all.held, all.pending]"
    ".map(some => some.filter(one => one.name === 'sluice live').length))"
)
# How often a tab opened a stream.
SPY = """(() => {
  window.opened = 0;
  const Own = window.EventSource;
  window.EventSource = class extends Own { constructor(address) { super(address); window.opened += 1; } };
})()"""


@pytest.fixture(scope="module")
def house(chrome: object) -> Iterator[Gateway]:
    with serving({}, workers=1) as gateway:
        yield gateway


def call(gateway: Gateway, key: str) -> None:
    body = {"model": "claude-sonnet-5", "max_tokens": 20, "messages": [{"role": "user", "content": "Hello"}]}
    headers = {"x-api-key": key, "anthropic-version": "2023-06-01"}
    assert httpx.post(f"{gateway.url}/v1/messages", json=body, headers=headers, timeout=30).status_code == 200


def test_tabs_share_one_stream_and_another_takes_it_over(chrome: Browser, tab: Tab, house: Gateway) -> None:
    set_up(tab, house, house.url)
    [key] = house.mint()
    with chrome.tab() as first:
        log_in(tab, house)  # a new tab takes all cookies away
        for one in (first, tab):
            one.open(f"{house.url}/console?since=24h&lang=en")
            one.run(SPY)
            one.click("#push")
        tab.wait_for(f"{LOCKS}.then(found => found.join() === '1,1')")
        call(house, key)
        tab.wait_for("document.querySelectorAll('#live tbody tr').length === 1")
        assert tab.run("document.getElementById('push').getAttribute('aria-pressed')") == "true"
        first.wait_for("document.querySelectorAll('#live tbody tr').length === 1")
        assert [one.run("window.opened") for one in (first, tab)] == [1, 0]
        # The tab that holds the stream lets go of it: the other one goes on by itself.
        first.click("#push")
        tab.wait_for(f"{LOCKS}.then(found => found.join() === '1,0')")
        tab.wait_for("window.opened === 1")
        call(house, key)
        tab.wait_for("document.querySelectorAll('#live tbody tr').length === 2")
        first.wait_for("document.querySelectorAll('#live tbody tr').length === 2")
        assert first.faults == []


def test_a_stream_that_is_refused_leaves_the_page_polling(tab: Tab, house: Gateway) -> None:
    log_in(tab, house)
    tab.open(f"{house.url}/console?since=24h&lang=en")
    tab.run("document.getElementById('live').dataset.events = '/console/live/events?since=nonsense'")
    tab.click("#push")
    before = tab.run("document.querySelectorAll('#live tbody tr').length")
    [key] = house.mint()
    call(house, key)
    tab.wait_for(f"document.querySelectorAll('#live tbody tr').length === {before} + 1")
    tab.faults = [fault for fault in tab.faults if "live/events" not in fault]  # the refusal that was asked for
