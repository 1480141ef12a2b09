"""Chromium without a head, driven over its DevTools protocol.

A tab remembers everything that must not happen on a page of ours: what the policy refused, errors of scripts, dialogs. Tests ask
for that at their end.
"""

import base64
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import websocket

SHOTS = Path(__file__).parent / "shots"
COMMANDS = ("chromium", "chromium-browser", "google-chrome")
WAIT_S = 20.0
START_S = 30.0
SETTLE_S = 0.02
OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # tests may run as root, where Chromium's own sandbox does not start
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
    "--force-device-scale-factor=1",
    "--hide-scrollbars",
    "--lang=en-US",
)


def command() -> str | None:
    """The browser's command, or None when there is none."""
    return next((found for name in COMMANDS if (found := shutil.which(name))), None)


class Tab:
    """One page."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(address, timeout=WAIT_S)
        self._last = 0
        self._loads = 0
        self.faults: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> Any:
        """What the browser answers to a command of the protocol. Raises AssertionError when it refuses."""
        self._last += 1
        mine = self._last
        self._socket.send(json.dumps({"id": mine, "method": method, "params": params}))
        while True:
            message = self._receive()
            if message.get("id") == mine:
                assert "error" not in message, f"{method}: {message['error']}"
                return message["result"]

    def open(self, url: str) -> None:
        """Goes to an address and waits until the page is there with its scripts."""
        before = self._loads
        self.send("Page.navigate", url=url)
        self._until_loaded(before)

    def run(self, script: str) -> Any:
        """The value of an expression on the page; promises are waited for."""
        found = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in found, f"{script}: {found.get('exceptionDetails')}"
        return found["result"].get("value")

    def wait_for(self, condition: str) -> Any:
        """The first true value of an expression. Raises AssertionError when there is none in time."""
        ends_s = time.monotonic() + WAIT_S
        while not (value := self.run(condition)):
            assert time.monotonic() < ends_s, f"never true: {condition}; faults: {self.faults}; page: {self.text()[:400]}"
            time.sleep(SETTLE_S)
        return value

    def click(self, selector: str, *, leaves: bool = False) -> None:
        """Clicks an element; with `leaves`, waits for the page that comes then."""
        before = self._loads
        found = f"document.querySelector({json.dumps(selector)})"
        clicked = f"(found => {{ if (!found) return false; found.click(); return true; }})({found})"
        assert self.run(clicked), f"nothing to click: {selector}; page: {self.text()[:400]}"
        if leaves:
            self._until_loaded(before)

    def fill(self, selector: str, text: str) -> None:
        """Types into a field, as far as a page can tell."""
        quoted = json.dumps(selector)
        set_value = f"field.value = {json.dumps(text)}; field.dispatchEvent(new Event('input', {{bubbles: true}}));"
        assert self.run(
            f"(field => {{ if (!field) return false; {set_value} return true; }})(document.querySelector({quoted}))"
        ), selector

    def text(self, selector: str = "body") -> str:
        """What a person reads in an element."""
        return str(self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def size(self, width_px: int, height_px: int = 800) -> None:
        mobile = width_px < 600
        self.send("Emulation.setDeviceMetricsOverride", width=width_px, height=height_px, deviceScaleFactor=1, mobile=mobile)

    def scheme(self, theme: str) -> None:
        """What the system prefers: `light` or `dark`."""
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])

    def shot(self, name: str) -> None:
        """A picture of the whole page in `shots/`, for people to look at."""
        SHOTS.mkdir(exist_ok=True)
        picture = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        (SHOTS / f"{name}.png").write_bytes(base64.b64decode(picture["data"]))

    def overflow_px(self) -> int:
        """How much wider the page is than the window: 0 on a page that fits."""
        return int(self.run("Math.max(0, document.documentElement.scrollWidth - document.documentElement.clientWidth)"))

    def close(self) -> None:
        self._socket.close()

    def _until_loaded(self, before: int) -> None:
        ends_s = time.monotonic() + WAIT_S
        while self._loads == before:
            assert time.monotonic() < ends_s, "the page was never there"
            self._receive()
        assert self.run("document.readyState") == "complete"

    def _receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv())
        method, params = message.get("method"), message.get("params", {})
        if method == "Page.loadEventFired":
            self._loads += 1
        elif method == "Page.javascriptDialogOpening":
            self.faults.append(f"dialog: {params['message']}")
            self._last += 1
            self._socket.send(
                json.dumps({"id": self._last, "method": "Page.handleJavaScriptDialog", "params": {"accept": False}})
            )
        elif method == "Runtime.exceptionThrown":
            self.faults.append(f"exception: {params['exceptionDetails'].get('exception', {}).get('description')}")
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.faults.append(f"console: {[one.get('value') for one in params['args']]}")
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            entry = params["entry"]
            self.faults.append(f"{entry['source']}: {entry['text']} {entry.get('url', '')}")
        return message


class Browser:
    """A running Chromium with a profile of its own."""

    def __init__(self, port: int) -> None:
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=WAIT_S)

    @contextmanager
    def tab(self) -> Iterator[Tab]:
        """A tab with cookies of its own for everything but what another tab of the same name of host has set before."""
        made = self._http.put("/json/new?about:blank").json()
        tab = Tab(made["webSocketDebuggerUrl"])
        try:
            tab.send("Network.clearBrowserCookies")
            yield tab
        finally:
            tab.close()
            self._http.get(f"/json/close/{made['id']}")

    def close(self) -> None:
        self._http.close()


@contextmanager
def browser() -> Iterator[Browser]:
    """Starts a browser and ends it with all its processes."""
    found = command()
    assert found is not None
    with tempfile.TemporaryDirectory(prefix="gw-browser-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [found, *OPTIONS, f"--user-data-dir={profile}", "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            running = Browser(_port(Path(profile), process))
            try:
                yield running
            finally:
                running.close()
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _port(profile: Path, process: subprocess.Popen[bytes]) -> int:
    """The port it has chosen, as it writes it into its profile."""
    ends_s = time.monotonic() + START_S
    place = profile / "DevToolsActivePort"
    while not (place.exists() and place.read_text().strip()):
        assert process.poll() is None, f"Chromium ended with {process.returncode}"
        assert time.monotonic() < ends_s, "Chromium did not start"
        time.sleep(SETTLE_S)
    return int(place.read_text().splitlines()[0])
