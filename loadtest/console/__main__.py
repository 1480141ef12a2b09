"""`python -m loadtest.console`: do the console's heaviest pages open in time over millions of receipts, while calls go on?

Owns: the gateway over the filled database, the calls, the visits and their table. Refuses to know: how the database is filled.
Strategy: one gateway as an operator starts it, with its simulator; threads that make calls at a fixed pace; one visitor who opens
page after page as a browser does, through the public port. The figure is the whole answer, from the first byte sent.
"""

import argparse
import http.client
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from gateway import settings
from gateway.control.desk import Desk
from gateway.control.keys import Order
from gateway.control.store import Store
from gateway.core.clock import SystemClock
from gateway.settings import Paths
from gateway.state.pepper import load_pepper
from loadtest.bench.spread import percentile
from loadtest.bench.targets import gateway_command, gateway_environment
from loadtest.console.fill import KEYS, WORKSPACES, FillError, check_room, fill
from loadtest.console.visitor import log_in
from loadtest.processes import StartError, free_port, healthy, running, wait_until

GOAL_MS = 200.0
DAYS = 30
CALLERS = 10
BODY = json.dumps({"model": "claude-sonnet-4-5", "max_tokens": 16, "messages": [{"role": "user", "content": "Hello"}]})


@dataclass(slots=True)
class Calls:
    """What the callers counted."""

    fine: int = 0
    failed: int = 0
    stop: threading.Event = field(default_factory=threading.Event)


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.console", description=__doc__.partition("\n")[0])
    parser.add_argument("--receipts", type=int, default=10_000_000, help="receipts in the database (default 10 million)")
    parser.add_argument("--rate", type=int, default=50, help="calls a second meanwhile (default 50)")
    parser.add_argument("--visits", type=int, default=30, help="times that each page is opened (default 30)")
    parser.add_argument("--workers", type=int, default=1, help="workers of the gateway (default 1)")
    parser.add_argument("--folder", type=Path, help="where to make the database (default: a temporary folder)")
    return parser.parse_args(arguments)


def show_progress(what: str, done: int, of: int) -> None:
    end = "\n" if done >= of else ""
    sys.stderr.write(f"\r{what}: {done:,} of {of:,}{end}")
    sys.stderr.flush()


def make_database(data_dir: Path, receipts: int) -> str:
    """A filled database; returns a key that is good for calls. Raises FillError."""
    check_room(data_dir, receipts)
    paths, chosen = Paths(data_dir), settings.load(None, {})
    paths.run_dir.mkdir(exist_ok=True)
    with Store.open(paths.gateway_db) as store:
        desk = Desk(store, load_pepper(paths.pepper), chosen.plans, SystemClock(), None)
        minted = [
            desk.keys.mint(Order(name=f"key {number}", workspace=f"space {number % WORKSPACES}"))[0] for number in range(KEYS)
        ]
        now_ns = time.time_ns()
        fill(store, chosen.prices, receipts, now_ns - DAYS * 86_400 * 10**9, now_ns, show_progress)
        return minted[0].key_text


@contextmanager
def gateway(data_dir: Path, workers: int) -> Iterator[int]:
    """The gateway over the database, with its own simulator; gives its port. Raises StartError."""
    port, log = free_port(), data_dir / "output.log"
    command = [*gateway_command(), "serve", "--port", str(port), "--workers", str(workers), "--data-dir", str(data_dir)]
    environment = {name: value for name, value in gateway_environment(0).items() if not name.startswith("ANTHROPIC_")}
    with running(command, log, environment) as process:
        wait_until(lambda: healthy(port), process, log, "the gateway")
        yield port


def call(port: int, key: str, every_s: float, calls: Calls) -> None:
    """Makes calls at a pace of its own until told to stop; one that is late is not made up for."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"x-api-key": key, "content-type": "application/json", "anthropic-version": "2023-06-01"}
    due_s = time.monotonic()
    while not calls.stop.wait(max(0.0, due_s - time.monotonic())):
        due_s = max(due_s + every_s, time.monotonic() - every_s)
        try:
            connection.request("POST", "/v1/messages", BODY, headers)
            answer = connection.getresponse()
            answer.read()
            calls.fine, calls.failed = calls.fine + (answer.status == 200), calls.failed + (answer.status != 200)
        except (OSError, http.client.HTTPException):
            calls.failed += 1
            connection.close()
    connection.close()


def pages(visitor: httpx.Client) -> dict[str, str]:
    """What is opened, by what it is called. Filters are hard ones: a rare error, one key, a duration that nothing has."""
    key = visitor.get("/console/requests").text.partition("/console/requests?key=")[2].partition('"')[0]
    return {
        "overview, 24 h": "/console?since=24h",
        "overview, 30 days": "/console?since=30d&by=model",
        "overview, the part that lives": "/console/live?since=24h",
        "requests": "/console/requests",
        "requests, errors only": "/console/requests?errors=true",
        "requests of one key": f"/console/requests?key={key}",
        "requests of one key, 5xx": f"/console/requests?key={key}&status=5xx",
        "requests that nothing fits": "/console/requests?min_duration_ms=4000000",
    }


def visit(visitor: httpx.Client, path: str, times: int) -> list[float]:
    """Milliseconds of each time, whole answers. Raises StartError when a page does not open."""
    found = []
    for _ in range(times):
        started_s = time.perf_counter()
        answer = visitor.get(path)
        found.append((time.perf_counter() - started_s) * 1000)
        if answer.status_code != 200:
            raise StartError(f"{path} answered {answer.status_code}")
    return found


def run(options: argparse.Namespace, data_dir: Path) -> int:
    key = make_database(data_dir, options.receipts)
    size = sum(path.stat().st_size for path in data_dir.glob("gateway.db*"))
    print(f"{options.receipts:,} receipts, {size / 1e9:.2f} GB; {options.rate} calls/s meanwhile")
    with gateway(data_dir, options.workers) as port, closing(log_in(data_dir, port)) as visitor:
        calls = Calls()
        every_s = CALLERS / options.rate
        callers = [threading.Thread(target=call, args=(port, key, every_s, calls)) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        started_s, slow = time.monotonic(), []
        try:
            print(f"{'':32}{'p50 ms':>9}{'p95 ms':>9}{'max ms':>9}")
            for name, path in pages(visitor).items():
                found = visit(visitor, path, options.visits)
                print(f"{name:32}{percentile(found, 0.5):>9.1f}{percentile(found, 0.95):>9.1f}{max(found):>9.1f}")
                if percentile(found, 0.95) >= GOAL_MS:
                    slow.append(name)
        finally:
            lasted_s = time.monotonic() - started_s
            calls.stop.set()
            for caller in callers:
                caller.join()
    print(f"calls: {calls.fine} fine, {calls.failed} failed, {calls.fine / lasted_s:.1f} a second")
    for name in slow:
        print(f"SLOW {name}: p95 is not below {GOAL_MS:.0f} ms", file=sys.stderr)
    return 1 if slow or calls.failed else 0


def main(arguments: Sequence[str]) -> int:
    """Exit code 0, 1 when a page was slow or a call failed, 2 when it could not be run."""
    options = parse_arguments(arguments)
    with tempfile.TemporaryDirectory(prefix="console-", dir=options.folder) as folder:
        try:
            return run(options, Path(folder))
        except (FillError, StartError) as error:
            print(error, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
