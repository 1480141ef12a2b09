"""The pool as users meet it: a real gateway of three workers before upstreams that limit, fail and die."""

import asyncio
import json
import math
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.core.ids import text_of
from gateway.core.outcome import Outcome
from gateway.settings import DEFAULTS, Paths
from gateway.simulator.server import Simulator
from gateway.simulator.truth import Truth
from gateway.state.counters import Counter as Count
from gateway.state.shared import SharedFile
from tests.dataplane.sse import error_event, events
from tests.serving import Gateway, serving

KEYS = ["sk-ant-pool-a", "sk-ant-pool-b", "sk-ant-pool-c"]
WORKERS = 3
DEADLINE_S = 20.0
ROUTE = '\n[[route]]\nmodels = ["claude-*"]\ntargets = ["anthropic", "second"]\n'
SECOND = """
[[provider]]
name = "second"
dialect = "anthropic"
base_url = "{}"
keys_env = "SECOND_KEY"
"""


@dataclass
class Answer:
    """What a client got: nothing of it is left out."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        return dict(json.loads(self.body)["error"])


def _nobody() -> None:
    return


async def ask(
    gateway: Gateway,
    key: str,
    text: str,
    *,
    stream: bool = False,
    begun: Callable[[], None] = _nobody,
    session: str = "",
    model: str = "claude-sonnet-5",
) -> Answer:
    """One call on a connection of its own. `begun` is called with the first text."""
    body = json.dumps({"model": model, "max_tokens": 500, "stream": stream, "messages": [{"role": "user", "content": text}]})
    more = {"x-claude-code-session-id": session} if session else {}
    return await sent(gateway, "POST /v1/messages", key, body, more, begun)


async def sent(
    gateway: Gateway, line: str, key: str, body: str, more: dict[str, str], begun: Callable[[], None] = _nobody
) -> Answer:
    """One request on a connection of its own."""
    lines = {"host": "gateway", "x-api-key": key, "anthropic-version": "2023-06-01", "content-type": "application/json"}
    lines |= {"content-length": str(len(body)), "connection": "close"} | more
    head = f"{line} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    seen = b""
    try:
        writer.write(f"{head}\r\n{body}".encode())
        while piece := await reader.read(65536):
            if b"content_block_delta" in piece and b"content_block_delta" not in seen:
                begun()
            seen += piece
    finally:
        writer.close()
    top, _, rest = seen.partition(b"\r\n\r\n")
    first, *said = top.decode("latin-1").split("\r\n")
    told = {name.lower(): value for name, value in (line.split(": ", 1) for line in said)}
    return Answer(int(first.split(" ")[1]), told, _unchunked(rest) if told.get("transfer-encoding") == "chunked" else rest)


def _unchunked(body: bytes) -> bytes:
    out = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size or b"0", 16)
        out, body = out + body[:length], body[length + 2 :]
    return out


@asynccontextmanager
async def before(upstream: Simulator, keys: list[str] = KEYS, **variables: str) -> AsyncIterator[tuple[Gateway, str]]:
    """A gateway before an upstream that runs in this process, and a key of it."""
    environ = {"ANTHROPIC_UPSTREAM_URL": upstream.url, "ANTHROPIC_API_KEY": ",".join(keys)} | variables
    manager = serving(environ, workers=WORKERS)
    gateway = await asyncio.to_thread(manager.__enter__)
    try:
        key = (await asyncio.to_thread(gateway.mint))[0]
        async with asyncio.timeout(DEADLINE_S * 6):
            yield gateway, key
    finally:
        await asyncio.to_thread(manager.__exit__, None, None, None)


def run(test: Callable[[Gateway, str, Simulator], Awaitable[None]]) -> None:
    """Runs a test with a gateway that has three keys for its upstream."""

    async def main() -> None:
        async with Simulator(script="text_tokens=5") as upstream, before(upstream) as (gateway, key):
            await test(gateway, key, upstream)

    asyncio.run(main())


def with_second(config_dir: Path, url: str) -> Path:
    """The shipped files with another provider, to which every call goes that the first fails."""
    (config_dir / "providers.toml").write_text((DEFAULTS / "providers.toml").read_text() + SECOND.format(url))
    (config_dir / "models.toml").write_text((DEFAULTS / "models.toml").read_text() + ROUTE)
    return config_dir


def digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:16]


def used(truth: list[Truth]) -> Counter[str]:
    """How many calls each key carried."""
    return Counter(next((key for key in KEYS if digest(key) == one.credential_sha256), "?") for one in truth)


def receipts(gateway: Gateway) -> list[dict[str, Any]]:
    """The rows of the books."""
    books = sqlite3.connect(f"file:{Paths(gateway.data_dir).gateway_db}?mode=ro", uri=True)
    try:
        cursor = books.execute("SELECT * FROM requests")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]
    finally:
        books.close()


async def booked(gateway: Gateway, count: int) -> list[dict[str, Any]]:
    """The rows once there are `count`."""
    async with asyncio.timeout(DEADLINE_S):
        while len(rows := receipts(gateway)) < count:  # noqa: ASYNC110 -- the books are another process's
            await asyncio.sleep(0.05)
    assert len(rows) == count
    return rows


def asked_by_worker(gateway: Gateway) -> list[int]:
    """How many requests each worker was given."""
    paths = Paths(gateway.data_dir)
    with closing(SharedFile.open(paths.shared_map)) as shared:
        alive = shared.workers.alive(paths.run_dir)
        return [shared.counters.totals([slot])[Count.REQUESTS_STARTED] for slot in alive]


def test_conversations_spread_and_stay_and_a_limit_is_not_seen() -> None:
    """R8: 60 conversations use all three keys, one of 12 turns uses one; when that answers 429, nobody sees it, and it is picked
    at most once more before its time is over, over all workers."""

    async def spread(gateway: Gateway, key: str, upstream: Simulator) -> None:
        answers = await asyncio.gather(*(ask(gateway, key, f"conversation {number}") for number in range(60)))
        assert {answer.status for answer in answers} == {200}
        await upstream.wait_truth(60)
        shares = used(upstream.truth)
        assert set(shares) == set(KEYS)
        assert min(shares.values()) >= 8

        begin = len(upstream.truth)
        for turn in range(12):
            answer = await ask(gateway, key, f"turn {turn}", session="the-one")
            assert (answer.headers["x-gateway-provider"], answer.headers["x-gateway-attempts"]) == ("anthropic", "1")
        await upstream.wait_truth(begin + 12)
        [(warm, turns)] = used(upstream.truth[begin:]).items()
        assert turns == 12

        begin = len(upstream.truth)
        upstream.set_script("status=429;retry_after=30", key=warm)
        more = (ask(gateway, key, f"turn {turn}", session="the-one") for turn in range(40))
        others = (ask(gateway, key, f"other {number}") for number in range(40))
        first = await asyncio.gather(ask(gateway, key, "the first to meet it", session="the-one"))
        answers = await asyncio.gather(*more, *others)
        assert {answer.status for answer in [*first, *answers]} == {200}
        await upstream.wait_truth(begin + 81 + 1)
        limited = used(upstream.truth[begin:])[warm]
        assert 1 <= limited <= 2
        # Every worker had a part in it.
        by_worker = asked_by_worker(gateway)
        assert len(by_worker) == WORKERS
        assert min(by_worker) >= 5

    run(spread)


async def in_flight(gateway: Gateway, count: int) -> None:
    """Waits until so many calls are under way, over all workers and keys."""
    with gateway.admin() as admin:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                found = (await asyncio.to_thread(admin.get, "pool")).json()
                if sum(key["in_flight"] for key in found["data"]) >= count:
                    return


async def routes(gateway: Gateway, count: int, last: int) -> list[dict[str, Any]]:
    """Where the `last` requests of `count` went, in the order in which they began, as Why tells it."""
    rows = sorted(await booked(gateway, count), key=lambda row: int(row["started_ns"]))
    with gateway.admin() as admin:
        asked = (f"requests/{text_of('req', row['request_id'])}/why" for row in rows[-last:])
        whys = [await asyncio.to_thread(admin.get, path) for path in asked]
    return [why.json()["route"] for why in whys]


def test_why_tells_what_a_call_had_to_choose_from() -> None:
    """Three keys, of which one is limited, one warm and busy, one idle: each call's receipt says what it found."""

    async def choosing(gateway: Gateway, key: str, upstream: Simulator) -> None:
        await asyncio.gather(*(ask(gateway, key, f"conversation {number}") for number in range(12)))
        await ask(gateway, key, "turn 1", session="the-one")
        [route] = await routes(gateway, 13, last=1)
        [warm] = route["considered"]
        assert (warm["warm"], warm["chosen"], warm["number"]) == (True, True, route["credential"])
        assert warm["score"] == pytest.approx(1.5 / (1 + warm["in_flight"] / 8), abs=1e-4)

        upstream.set_script("status=429;retry_after=30", key=KEYS[warm["number"] - 1])
        assert (await ask(gateway, key, "turn 2", session="the-one")).headers["x-gateway-attempts"] == "2"
        [route] = await routes(gateway, 14, last=1)
        assert [(one["number"], one["state"], one["chosen"]) for one in route["considered"]] == [
            (warm["number"], "tried", False),
            (route["credential"], "healthy", True),
        ]

        upstream.set_script("text_tokens=5;head_ms=1500")
        upstream.set_script("status=429;retry_after=30", key=KEYS[warm["number"] - 1])
        crowd = [asyncio.ensure_future(ask(gateway, key, f"turn {turn}", session="the-one")) for turn in range(8)]
        await in_flight(gateway, 8)
        crowd += [asyncio.ensure_future(ask(gateway, key, f"late turn {turn}", session="the-one")) for turn in range(6)]
        assert {answer.status for answer in await asyncio.gather(*crowd)} == {200}
        found = await routes(gateway, 28, last=14)
        compared = 0
        for route in found:
            limited, *others = route["considered"]
            assert (limited["number"], limited["state"], limited["score"]) == (warm["number"], "limited", None)
            [chosen] = [one for one in others if one["chosen"]]
            assert chosen["number"] == route["credential"]
            assert chosen["score"] == max(one["score"] for one in others)
            assert [one["warm"] for one in others] == [True, False][: len(others)]
            compared += len(others) > 1
        assert compared >= 6, "those that came late found the warm key busy"
        assert {route["credential"] for route in found} == {1, 2, 3} - {warm["number"]}
        await asyncio.to_thread(gateway.cli, "ledger", "verify")  # raises when the books do not prove

    run(choosing)


def test_when_all_keys_fail_the_upstreams_own_words_are_told() -> None:
    async def failing(gateway: Gateway, key: str, upstream: Simulator) -> None:
        await ask(gateway, key, "hello")
        upstream.set_script("status=429;retry_after=21;message=Number of request tokens has exceeded your per-minute limit")
        for _ in range(6):  # over both workers; only the first one reaches the upstream
            answer = await ask(gateway, key, "hello")
            assert answer.status == 429
            assert answer.error["type"] == "rate_limit_error"
            assert 15 <= int(answer.headers["retry-after"]) <= 21
        assert answer.headers["x-should-retry"] == "true"
        assert len(upstream.truth) == 1 + 3
        rows = await booked(gateway, 7)
        assert {row["cost_nanodollars"] > 0 for row in rows if row["status"] == 200} == {True}
        assert {row["cost_nanodollars"] for row in rows if row["status"] == 429} == {0}
        for route in await routes(gateway, 7, last=5):
            assert (route["attempts"], route["credential"]) == (0, None)
            assert [(one["number"], one["state"], one["chosen"]) for one in route["considered"]] == [
                (number, "limited", False) for number in (1, 2, 3)
            ]

    run(failing)


async def most_at_once(gateway: Gateway, upstream: Simulator) -> int:
    """How many calls are on their way to an upstream that takes its time, up to its first answer."""
    before, most, until_s = len(upstream.truth), 0, math.inf
    with gateway.admin() as admin:
        while time.monotonic() < until_s:
            found = (await asyncio.to_thread(admin.get, "pool")).json()
            if len(upstream.truth) > before:
                break
            most = max(most, sum(key["in_flight"] for key in found["data"]))
            # Looking ends well before the first answer can bring the others in.
            until_s = min(until_s, time.monotonic() + 0.8) if most else until_s
    return most


def test_five_hundred_callers_wait_for_the_provider() -> None:
    """R8: while it comes back each key is probed once at first, and it is not asked much more than there is demand."""

    async def waiting(gateway: Gateway, key: str, upstream: Simulator) -> None:
        callers, room = 500, asyncio.Semaphore(120)
        await ask(gateway, key, "hello")
        upstream.set_script("status=529;retry_after=1")
        assert (await ask(gateway, key, "hello")).status in (503, 529)
        before = len(upstream.truth)

        async def patient(number: int) -> None:
            while True:
                async with room:
                    answer = await ask(gateway, key, f"caller {number}")
                if answer.status == 200:
                    return
                assert answer.status in (503, 529)
                await asyncio.sleep(float(answer.headers["retry-after"]))

        crowd = [asyncio.ensure_future(patient(number)) for number in range(callers)]
        await asyncio.sleep(0.4)
        # It is still out: nobody has asked it.
        asked = len(upstream.truth) - before
        assert asked <= len(KEYS)
        upstream.set_script("text_tokens=5;head_ms=1500")
        assert 1 <= await most_at_once(gateway, upstream) <= len(KEYS)
        upstream.set_script("text_tokens=5")
        await asyncio.gather(*crowd)
        assert len(upstream.truth) - before <= 1.2 * callers
        assert min(asked_by_worker(gateway)) >= 50

    run(waiting)


@pytest.mark.parametrize("content", [True, False], ids=["after-content", "before-content"])
def test_an_upstream_dies_under_fifty_streams(content: bool, tmp_path: Path) -> None:
    """R7: in the middle of the text each stream ends in an error, with one receipt; before it all are answered by the second."""
    count = 50
    # Without content: message_start has come, and the first word takes its time.
    script = "text_tokens=200;tokens_per_s=20" if content else "text_tokens=200;ttft_ms=60000"

    async def main() -> None:
        async with Simulator(script=script) as first, Simulator(script="text_tokens=12") as second:
            folder = str(with_second(tmp_path, second.url))
            async with before(first, KEYS[:1], SECOND_KEY="sk-ant-second", GATEWAY_CONFIG=folder) as (gateway, key):
                begun = asyncio.Semaphore(0)
                calls = [
                    asyncio.ensure_future(ask(gateway, key, f"stream {number}", stream=True, begun=begun.release))
                    for number in range(count)
                ]
                for _ in range(count if content else 0):
                    await begun.acquire()
                while first.connections_open < count:  # noqa: ASYNC110 -- the simulator has no event for it
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0 if content else 0.3)  # for message_start, which no client sees
                await first.close()
                answers = await asyncio.gather(*calls)
                rows = await booked(gateway, count)
        assert {answer.status for answer in answers} == {200}
        for answer in answers:
            names = events(answer.body)
            assert names.count("message_start") == names.count("content_block_start") == 1
            assert ("message_stop" in names) is not content
            assert (error_event(answer.body) is not None) is content
            assert answer.headers["x-gateway-provider"] == ("anthropic" if content else "second")
        ends = Counter((row["outcome"], row["provider"]) for row in rows)
        assert ends == {(Outcome.UPSTREAM_DIED, "anthropic") if content else (Outcome.FINISHED, "second"): count}
        assert len({row["request_id"] for row in rows}) == count
        assert len(second.truth) == (0 if content else count)

    asyncio.run(main())


async def listed(gateway: Gateway, key: str, *, wanted: Callable[[set[str]], bool]) -> set[str]:
    """The names in `/v1/models` once every worker lists what is wanted, on connections of their own."""
    agreed = 0
    async with asyncio.timeout(DEADLINE_S * 2):
        while agreed < 4 * WORKERS:
            answer = await sent(gateway, "GET /v1/models?limit=1000", key, "", {})
            assert answer.status == 200
            names = {row["id"] for row in json.loads(answer.body)["data"]}
            agreed = agreed + 1 if wanted(names) else 0
    return names


@pytest.mark.timeout(180)  # two reloads of three workers beside the start and the stop
def test_the_list_of_models_follows_a_reload(tmp_path: Path) -> None:
    """Aliases, routes and providers come and go with the files; a file with a mistake takes nothing away."""

    async def main() -> None:
        async with Simulator(script="text_tokens=3") as first, Simulator(script="text_tokens=3") as second:
            models, providers = tmp_path / "models.toml", tmp_path / "providers.toml"
            for file in (models, providers):
                file.write_text((DEFAULTS / file.name).read_text())
            async with before(first, KEYS[:1], SECOND_KEY="sk-ant-second", GATEWAY_CONFIG=str(tmp_path)) as (gateway, key):
                at_first = await listed(gateway, key, wanted=lambda names: "claude-sonnet-5" in names)
                assert not any(name.startswith(("second/", "house-")) for name in at_first)

                models.write_text(models.read_text().replace("[aliases]", '[aliases]\n"house-fast" = "claude-haiku-5-5"'))
                providers.write_text(providers.read_text() + SECOND.format(second.url))
                os.kill(gateway.pid, signal.SIGHUP)
                more = await listed(gateway, key, wanted=lambda names: "house-fast" in names)
                more = await listed(gateway, key, wanted=lambda names: any(name.startswith("second/") for name in names))
                assert more > at_first
                new = next(name for name in sorted(more) if name.startswith("second/"))
                answer = await ask(gateway, key, "hello", model=new)
                assert (answer.status, answer.headers["x-gateway-provider"]) == (200, "second")

                good = models.read_text()
                models.write_text(good + '[[route]]\nmodels = ["x"]\ntargets = ["nobody"]\n')
                refused = await asyncio.to_thread(ordered, gateway)
                assert "there is no provider `nobody`" in refused.json()["error"]["message"]
                assert await listed(gateway, key, wanted=lambda names: names == more) == more

                models.write_text(good.replace('"house-fast" = "claude-haiku-5-5"', ""))
                providers.write_text((DEFAULTS / "providers.toml").read_text())
                os.kill(gateway.pid, signal.SIGHUP)
                assert await listed(gateway, key, wanted=lambda names: names == at_first) == at_first
                assert (await ask(gateway, key, "hello")).status == 200

    asyncio.run(main())


def ordered(gateway: Gateway) -> httpx.Response:
    """A reload by an administrator."""
    with gateway.admin() as admin:
        return admin.post("reload")
