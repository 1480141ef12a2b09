"""All figures are the same figures: pages, interface and command line, in every zone, over days of 23, 24 and 25 hours.

The books hold receipts of the last nine months, densest where clocks change and around midnight; then real calls of several keys
and models go through a whole gateway: streamed and not, refused, failing, and left by their clients.
"""

import asyncio
import json
import random
import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from gateway.control.keys import Order
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from gateway.state.journal import Settlement
from tests.control.office import Office, Worker, settlement
from tests.control.served import short_dir
from tests.serving import Gateway, serving
from tests.torture import SEED
from tests.workers.clients import wait_for

ZONES = ("Asia/Kolkata", "Asia/Kathmandu", "America/Los_Angeles", "Europe/Moscow")
PASSWORD = "correct horse battery"
MODELS = ("claude-sonnet-4-5", "claude-haiku-4-5", "claude-opus-4-5")
ENDS: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"status": 429, "outcome": Outcome.REFUSED, "usage": Usage(), "ttft_us": None, "attempts": 0},
    {"outcome": Outcome.CLIENT_GONE, "usage": Usage(700, 11, 0, 0, 9)},
    {"outcome": Outcome.UPSTREAM_DIED, "usage": Usage(100, 0, 0, 0, 3)},
    {"status": 529, "outcome": Outcome.REJECTED, "usage": Usage(), "ttft_us": None},
)
SUMS = (
    *("requests", "errors", "succeeded", "client_gone", "limited", "client_error", "server_error", "broken", "streams"),
    *("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "output_tokens", "cost_nanodollars"),
)
USED = tuple(name for name in SUMS if name.endswith(("requests", "errors", "_tokens", "nanodollars")))


def clock_changes(now: datetime) -> list[date]:
    """The days of the last 300 on which Los Angeles changes its clocks."""
    place, today = ZoneInfo("America/Los_Angeles"), now.date()
    offsets = {
        day: datetime(day.year, day.month, day.day, 12, tzinfo=place).utcoffset()
        for day in (today - timedelta(days=back) for back in range(301))
    }
    return sorted(
        day for day in offsets if day - timedelta(days=1) in offsets and offsets[day] != offsets[day - timedelta(days=1)]
    )


def moments_ns(now: datetime) -> Iterator[int]:
    """When requests started: all through the days around each change, and to the second at the edges of days."""
    chance = random.Random(SEED)
    for day in (*clock_changes(now), now.date() - timedelta(days=3)):
        noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())
        for _ in range(150):
            yield (noon + chance.randrange(-3 * 86400, 3 * 86400)) * 10**9 + chance.randrange(10**9)
        for zone in (*ZONES, "UTC"):
            for offset in (-1, 0, 1):
                midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) + timedelta(days=offset)
                yield from (int(midnight.timestamp()) * 10**9 + nanoseconds for nanoseconds in (-1, 0, 10**9))


@dataclass(frozen=True)
class House:
    gateway: Gateway
    settled: list[Settlement]
    changes: list[date]
    viewer: str

    def figures(self, **query: str) -> Any:
        answer = httpx.get(f"{self.gateway.url}/admin/v1/figures", params=query, headers={"x-api-key": self.viewer}, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def usage(self, since: str, by: str) -> dict[str, int]:
        """Sums over what the command line shows."""
        rows = json.loads(self.gateway.cli("usage", "--since", since, "--by", by, "--json"))["rows"]
        return {name: sum(row[name] for row in rows) for name in USED}


def fill(folder: Path, now: datetime) -> list[Settlement]:
    """Books of an installation that has run for months."""
    office = Office(folder)
    (folder / "pepper").write_bytes(b"\1" * 32)
    (folder / "pepper").chmod(0o600)
    desk = office.desk()
    records = [desk.keys.mint(Order(name=f"key {number}", workspace=f"space {number % 2}"))[0].record for number in range(5)]
    worker, drain = Worker(office), office.drain(desk)
    settled = []
    for number, started_ns in enumerate(sorted(moments_ns(now))):
        record = records[number % len(records)]
        facts: dict[str, Any] = {"usage": Usage(1000 + number, 300, 500, 20, 10 + number % 90)} | ENDS[number % len(ENDS)]
        whose = {"key_id": record.id, "workspace_id": record.workspace_id, "model_served": MODELS[number % 3]}
        settled.append(settlement(started_ns=started_ns, duration_us=1_000_000, **whose, **facts))
        worker.settle(settled[-1])
        if number % 32 == 0:
            drain.enter_all()
    drain.enter_all()
    worker.die()
    office.close()
    (folder / "shared.map").unlink()
    return settled


async def leave(port: int, key: str) -> None:
    """A stream whose client goes after the first of its content."""
    body = json.dumps(
        {"model": "claude-sonnet-4-5", "max_tokens": 900, "stream": True, "messages": [{"role": "user", "content": "x"}]}
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        f"POST /v1/messages HTTP/1.1\r\nhost: gateway\r\nx-api-key: {key}\r\nanthropic-version: 2023-06-01\r\n"
        f"x-simulate: text_tokens=900;tokens_per_s=30\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    writer.write((head + body).encode())
    await reader.readuntil(b"content_block_delta")
    writer.close()
    await writer.wait_closed()


def call_all(gateway: Gateway) -> int:
    """Calls with every kind of ending; returns how many."""
    keys, [slow] = gateway.mint(3, "--workspace", "space 0"), gateway.mint(1, "--rpm", "1")
    count = 0
    with httpx.Client(base_url=gateway.url, timeout=30) as client:
        for key, script, stream, model in (
            *((key, "text_tokens=20", stream, model) for key in keys for stream in (False, True) for model in MODELS),
            (keys[0], "status=400", False, MODELS[0]),
            (keys[1], "status=500", False, MODELS[1]),
            (keys[1], "error_at=6", True, MODELS[1]),
            (keys[2], "text_tokens=50;cut_at=900", True, MODELS[2]),
            (slow, "text_tokens=5", False, MODELS[0]),
            (slow, "text_tokens=5", False, MODELS[0]),
        ):
            body = {"model": model, "max_tokens": 60, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
            with suppress(httpx.RemoteProtocolError):  # one of them is cut off
                client.post("/v1/messages", json=body, headers={"x-api-key": key, "x-simulate": script})
            count += 1

    async def all_leave() -> None:
        await asyncio.gather(*(leave(gateway.port, key) for key in keys))

    asyncio.run(all_leave())
    return count + len(keys)


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    now = datetime.now(UTC)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(short_dir()))
        settled = fill(folder, now)
        gateway = stack.enter_context(serving(workers=2, data_dir=folder))
        viewer = json.loads(gateway.cli("admin-keys", "mint", "--name", "v", "--role", "viewer", "--json"))["key"]
        house = House(gateway, settled, clock_changes(now), viewer)
        called = call_all(gateway)
        wait_for(lambda: house.figures(since="400d")["totals"]["requests"] == len(settled) + called, "all calls in the books")
        yield house


def window(house: House, number: int) -> tuple[date, date]:
    """The days before, of and after a change of the clocks."""
    day = house.changes[number]
    return day - timedelta(days=1), day + timedelta(days=2)


def midnight_ns(day: date, zone: str) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp()) * 10**9


def test_there_are_two_changes_of_the_clocks(house: House) -> None:
    lengths = [
        midnight_ns(day + timedelta(days=1), "America/Los_Angeles") - midnight_ns(day, "America/Los_Angeles")
        for day in house.changes
    ]
    assert sorted(length // 3_600_000_000_000 for length in lengths) == [23, 25]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("number", [0, 1])
def test_single_days_add_up_to_their_range_and_to_the_receipts(house: House, zone: str, number: int) -> None:
    first, last = window(house, number)
    days = [first + timedelta(days=place) for place in range((last - first).days)]
    asked = {"tz": zone, "step": "1d", "by": "key"}
    whole = house.figures(since=first.isoformat(), until=last.isoformat(), **asked)
    singles = [house.figures(since=day.isoformat(), until=(day + timedelta(days=1)).isoformat(), **asked) for day in days]
    assert {name: sum(one["totals"][name] for one in singles) for name in SUMS} == {name: whole["totals"][name] for name in SUMS}
    for name in ("succeeded", "limited", "output_tokens", "cost_nanodollars"):
        assert whole["points"][name] == [one["totals"][name] for one in singles]
    assert sum(group["requests"] for group in whole["groups"]) == whole["totals"]["requests"]
    for day, one in zip(days, singles, strict=True):
        begin_ns, end_ns = midnight_ns(day, zone), midnight_ns(day + timedelta(days=1), zone)
        own = [settled for settled in house.settled if begin_ns <= settled.started_ns < end_ns]
        assert len(own) > 5
        assert one["totals"]["requests"] == len(own), (zone, day)
        assert one["totals"]["cost_nanodollars"] == sum(settled.cost_nanodollars for settled in own)
        assert one["totals"]["output_tokens"] == sum(settled.usage.output_tokens for settled in own)


@pytest.mark.parametrize("zone", ZONES)
def test_overview_equals_figures_equals_usage(house: House, zone: str) -> None:
    """Of this month in the zone, real calls and all: the page that a browser gets, the interface, the command line."""
    figures = house.figures(since="now/M", tz=zone, by="model")
    totals = {name: figures["totals"][name] for name in USED}
    since = datetime.now(ZoneInfo(zone)).replace(day=1, hour=0, minute=0, second=0, microsecond=0).isoformat()
    for by in ("key", "workspace", "model", "day") if zone == ZONES[0] else ("key",):
        assert house.usage(since, by) == totals, by
    page = overview(house, zone)
    assert figures["since"] == since
    assert charted(page, "by-status") == totals["requests"]
    assert charted(page, "by-tokens") == sum(totals[name] for name in totals if name.endswith("_tokens"))


def test_the_ledger_proves_what_is_shown(house: House) -> None:
    proof = json.loads(house.gateway.cli("ledger", "verify", "--json"))
    assert (proof["proven"], proof["differences"]) == (True, [])
    shown, told = house.figures(since="400d")["totals"], house.usage("2020-01-01", "key")
    assert proof["requests"] == shown["requests"] == told["requests"]
    accounts = [json.loads(line) for line in house.gateway.cli("ledger", "accounts", "--json").splitlines()]
    [used] = [one["balance_nanodollars"] for one in accounts if one["name"] == "usage"]
    assert used == shown["cost_nanodollars"] == told["cost_nanodollars"] > 0
    assert min(shown[name] for name in ("succeeded", "client_gone", "limited", "server_error", "broken")) > 0


def overview(house: House, zone: str) -> str:
    """The page, as somebody in this zone gets it."""
    name = f"o {zone}"
    with house.gateway.admin() as admin:
        assert admin.post("accounts", json={"name": name, "password": PASSWORD, "role": "viewer"}).status_code == 200
    with httpx.Client(base_url=house.gateway.url, timeout=30, cookies={"browser_zone": zone}) as client:
        token = re.search(r'name="csrf" value="(\w+)"', client.get("/console/login").text)
        assert token
        fields = {"csrf": token[1], "name": name, "password": PASSWORD}
        assert client.post("/console/login", data=fields, headers={"origin": house.gateway.url}).status_code == 303
        return client.get("/console", params={"since": "now/M", "by": "model"}).text


def charted(page: str, chart: str) -> int:
    """The sum of what stands in the table of a chart."""
    part = page[page.index(f'id="{chart}"') :]
    return sum(int(value) for value in re.findall(r'data-v="(\d+)"', part[: part.index("</table>")]))
