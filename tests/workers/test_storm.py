"""R4: kill -9 in a storm of mixed calls: of workers, of the control plane, of everything; and the books afterwards.

There is one storm for all tests here; each looks at another side of what it has left.
"""

import asyncio
import json
import shutil
import sqlite3
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from gateway.core import ids
from gateway.core.outcome import Outcome
from gateway.simulator import SimulatorProcess, Truth
from gateway.state.record import Flags
from tests import torture
from tests.serving import GATEWAY, environment, upstream
from tests.workers.reaper import RECEIPT_S, WAIT_S, Ground, Reaper, Waiting, until
from tests.workers.storm import REFUSALS, Call, Storm, buy

WORKERS = 3
CALLERS = 24
ACTS = torture.rounds(1, 5)  # each ends with the death of everything
WORKER_KILLS = torture.rounds(4, 40)  # in each act
KILL_EVERY_S = 1.2 if WORKER_KILLS < 10 else 2.0  # so the same slot's turn comes again after six seconds
CALLS_MIN = torture.rounds(1500, 20_000)
READY_S = 5.0
SECRET = "sk-ant-upstream-secret"
# What never ends, and what ends again and again; calls that no limit counts go beside them.
WIDE = [
    {"metric": "requests", "window": "minute", "amount": 10**6},
    {"metric": "concurrency", "amount": 1000},
    {"metric": "total_tokens", "window": "total", "amount": 10**12},
    {"metric": "cost", "window": "month", "amount": "100000"},
    {"metric": "output_tokens", "window": "5h", "class": "sonnet", "amount": 10**12},
]
TIGHT = [{"metric": "total_tokens", "window": "day", "amount": 3000}, {"metric": "requests", "window": "minute", "amount": 300}]

pytestmark = [pytest.mark.torture, pytest.mark.timeout(torture.rounds(150, 3600))]


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What the storm has left. `truths` and `books` are by model, which is by call."""

    ground: Ground
    reaper: Reaper
    calls: list[Call]
    truths: dict[str, Truth]
    books: dict[str, list[dict[str, Any]]]
    refused_unread: int  # receipts of calls that were refused before their body was read, and so without a model
    purchases: int
    workspace: str
    slower: float  # than on a machine that has nothing else to do

    def row(self, call: Call) -> dict[str, Any]:
        """The one receipt of a call."""
        [row] = self.books[call.model]
        return row


def callers(ground: Ground) -> tuple[dict[str, list[str]], str]:
    """Keys by kind of caller, and the prepaid workspace."""
    with ground.gateway.admin() as admin:

        def mint(count: int, **order: Any) -> list[str]:
            answer = admin.post("keys", json={"name": "storm", "count": count} | order)
            assert answer.status_code == 201, answer.text
            return [key["key"] for key in answer.json()["data"]]

        workspace: str = admin.post("workspaces", json={"name": "prepaid", "billing": "prepaid"}).json()["id"]
        kinds = {
            "free": mint(2),
            "wide": mint(2, limits=WIDE),
            "tight": mint(torture.rounds(40, 400), limits=TIGHT),
            "prepaid": mint(3, workspace=workspace),
        }
        return kinds, workspace


async def blow(ground: Ground, storm: Storm, reaper: Reaper, workspace: str) -> int:
    """The storm itself. Returns the number of purchases."""
    async with ground.admin() as admin, asyncio.TaskGroup() as group:
        group.create_task(storm.blow(CALLERS))
        purchases = group.create_task(buy(admin, workspace, torture.rounds(2, 3), storm))
        await asyncio.sleep(1.0)
        for _ in range(ACTS):
            await reaper.reap(WORKER_KILLS, WORKERS)
            await asyncio.sleep(KILL_EVERY_S)
        await until(lambda: storm.answered >= CALLS_MIN, "as many calls as there should be", torture.rounds(90, 900))
        storm.ends = True
    await reaper.all_entered()
    await until(ground.is_quiet, "everything to be settled and entered")
    return purchases.result()


@pytest.fixture(scope="module")
def after() -> Iterator[Aftermath]:
    with ExitStack() as stack:
        sim = stack.enter_context(SimulatorProcess(keys=[SECRET]))
        ground = Ground(stack, upstream(sim.url, SECRET), WORKERS)
        keys, workspace = callers(ground)
        storm = Storm(ground.gateway.port, keys, torture.dice("R4"))
        reaper = Reaper(ground, KILL_EVERY_S)
        waiting = Waiting()
        purchases = asyncio.run(blow(ground, storm, reaper, workspace))
        slower = waiting.factor()
        books: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        unread = ground.query("SELECT outcome, cost_nanodollars AS cost FROM requests WHERE model_asked = ''")
        assert {(row["outcome"], row["cost"]) for row in unread} == {(Outcome.REFUSED, 0)}
        for row in ground.query("SELECT * FROM requests WHERE model_asked != ''"):
            books[row["model_asked"]].append(row)
        ended = {model for model, rows in books.items() if rows[0]["outcome"] == Outcome.FINISHED}
        sim.wait_truth(lambda truths: ended <= {truth.model for truth in truths}, WAIT_S)
        truths = {truth.model: truth for truth in sim.truth() if truth.model is not None}
        yield Aftermath(ground, reaper, storm.calls, truths, books, len(unread), purchases, workspace, slower)


def test_every_admitted_call_has_one_receipt(after: Aftermath) -> None:
    """R4: what was in flight when its worker died, what a client had an answer of, what the upstream was asked: each once."""
    twice = {model: len(rows) for model, rows in after.books.items() if len(rows) != 1}
    assert not twice
    entered = {row["request_id"] for rows in after.books.values() for row in rows}
    assert after.reaper.admitted <= entered
    answered = {call.model for call in after.calls if call.status == 200}
    assert answered <= after.books.keys()
    assert after.truths.keys() <= after.books.keys()
    assert after.books.keys() <= {call.model for call in after.calls}
    # A refusal is told before it is noted, and owes nothing; all but those told in the instant of a death have their receipt.
    told = sum(call.status in REFUSALS for call in after.calls)
    entered_as = Counter(row["outcome"] for rows in after.books.values() for row in rows)
    assert entered_as[Outcome.REFUSED] + after.refused_unread >= told - after.reaper.kills.total()
    assert max(after.reaper.receipts_s) < RECEIPT_S * after.slower
    torture.proved(
        "R4",
        f"{len(after.calls)} calls, killed: {dict(after.reaper.kills)}; {len(after.reaper.admitted)} requests in flight at a "
        f"death, one receipt each after at most {max(after.reaper.receipts_s):.1f} s",
    )


def test_what_was_settled_is_in_the_books(after: Aftermath) -> None:
    """R4: client, upstream and books say the same of every call that came to its end."""
    cut = 0
    for call in after.calls:
        if not call.whole or call.status != 200:
            continue
        row, truth = after.row(call), after.truths[call.model]
        if row["outcome"] == Outcome.WORKER_KILLED:
            cut += 1  # between its last byte and its settlement
            continue
        assert call.usage is not None
        assert row["outcome"] in (Outcome.FINISHED, Outcome.BUDGET_ENDED)
        assert (row["input_tokens"], row["output_tokens"]) == (call.usage.input_tokens, call.usage.output_tokens), call
        if row["outcome"] == Outcome.FINISHED:
            assert (row["input_tokens"], row["output_tokens"]) == (truth.usage["input_tokens"], truth.usage["output_tokens"])
    assert cut <= after.reaper.kills.total()


def test_every_receipt_is_one_of_something_that_happened(after: Aftermath) -> None:
    """R4: no usage without a call upstream, and of a broken call what had been streamed, marked."""
    outcomes: Counter[Outcome] = Counter()
    for model, [row] in after.books.items():
        outcome, truth = Outcome(row["outcome"]), after.truths.get(model)
        outcomes[outcome] += 1
        if outcome is Outcome.REFUSED:
            assert truth is None
            assert row["cost_nanodollars"] == 0
        elif outcome is Outcome.FINISHED:
            assert truth is not None
        elif outcome in (Outcome.CLIENT_GONE, Outcome.WORKER_KILLED, Outcome.BUDGET_ENDED) and row["output_tokens"]:
            assert truth is not None
            assert row["input_tokens"] == truth.usage["input_tokens"]
            assert row["output_tokens"] <= 2 * truth.output_tokens_sent + 500
    for call in after.calls:
        if call.content and after.row(call)["outcome"] == Outcome.WORKER_KILLED:
            assert after.row(call)["output_tokens"] > 0
            assert after.row(call)["flags"] & Flags.OUTPUT_ESTIMATED
    # Otherwise it was no storm.
    assert {Outcome.FINISHED, Outcome.REFUSED, Outcome.REJECTED, Outcome.CLIENT_GONE, Outcome.WORKER_KILLED} <= outcomes.keys()
    assert outcomes.keys() >= {Outcome.UPSTREAM_DIED, Outcome.BUDGET_ENDED}
    torture.proved("R4", "receipts by outcome: " + ", ".join(f"{one.word} {count}" for one, count in sorted(outcomes.items())))


def test_nothing_is_held_and_what_was_used_is_counted(after: Aftermath) -> None:
    """R4: no hold in any row; each limit has counted what the requests behind it were charged, and credits what they cost."""
    limits = after.ground.limits()
    assert len(limits) > len(TIGHT) * 40
    assert [limit for limit in limits if limit.held] == []
    for limit in limits:
        if limit.metric.name == "COST" and limit.credits:
            [spent] = after.ground.query("SELECT sum(cost_nanodollars) AS n FROM requests WHERE workspace_id = ?", limit.owner_id)
            assert limit.used == spent["n"]
        elif limit.metric.name == "TOTAL_TOKENS":
            classes = "input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens + output_tokens"
            [used] = after.ground.query(
                f"SELECT coalesce(sum({classes}), 0) AS n FROM requests WHERE key_id = ? AND charges IS NOT NULL", limit.owner_id
            )
            assert limit.used == used["n"]
            assert limit.amount < 10**12 or limit.used > 0
    lots = after.ground.query("SELECT lots.* FROM lots JOIN workspaces ON workspace_id = workspaces.id WHERE billing = 'prepaid'")
    assert len(lots) == after.purchases


def test_it_is_ready_again_soon(after: Aftermath) -> None:
    """R4: a new worker in the place of a killed one, a new control plane, and all of it after the death of everything."""
    longest = {what: max(times_s) for what, times_s in after.reaper.ready_s.items()}
    assert longest.keys() == {"worker", "control plane", "everything"}
    torture.proved(
        "R4",
        "ready again after at most "
        + ", ".join(f"{one:.1f} s ({what})" for what, one in longest.items())
        + f", where all things took {after.slower:.1f} times as long as on a machine of their own",
    )
    assert max(longest.values()) < READY_S * after.slower


def test_the_books_are_proven(after: Aftermath) -> None:
    """R4, R5: integrity check ok; requests = postings = balances = limits after all that."""
    assert after.ground.query("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    answered = sum(call.status != 0 for call in after.calls)
    assert answered >= CALLS_MIN
    report = json.loads(after.ground.gateway.cli("ledger", "verify", "--json"))
    assert report["differences"] == []
    assert report["proven"]
    assert report["requests"] == len(after.books) + after.refused_unread
    assert report["limits"] == len(after.ground.limits())
    torture.proved(
        "R4",
        f"verified after {answered} answered calls and {after.reaper.kills.total()} kills: {report['requests']} requests, "
        f"{report['postings']} postings, {report['entries']} entries, {report['lots']} lots, {report['limits']} limits; "
        "nothing differs",
    )


def entry(books: sqlite3.Connection, dice: Random) -> tuple[str, bytes]:
    """Some entry as the proof names it, and the bytes of its amount and check sum."""
    found = books.execute(
        "SELECT posting_id || '/' || name, amount, check_sum FROM entries JOIN accounts ON accounts.id = account_id "
        "WHERE abs(amount) > 40000 AND check_sum > 1 << 31"
    ).fetchall()
    which, amount, check_sum = dice.choice(found)
    size = next(size for size in (3, 4, 6, 8) if -(1 << 8 * size - 1) <= amount < 1 << 8 * size - 1)
    return which, amount.to_bytes(size, "big", signed=True) + check_sum.to_bytes(6, "big")


def posting(books: sqlite3.Connection, dice: Random) -> tuple[str, bytes]:
    """Some posting, and the bytes of its seal and, if it has one, of the digest of its requests."""
    which, digest, seal = dice.choice(books.execute("SELECT id, requests_digest, seal FROM postings").fetchall())
    return str(which), digest + seal


def request_row(books: sqlite3.Connection, dice: Random) -> tuple[str, bytes]:
    """Some request's row, and the bytes of two of its texts, which no other row has."""
    found = books.execute("SELECT request_id, model_asked, model_served FROM requests WHERE model_served != ''").fetchall()
    request_id, asked, served = dice.choice(found)
    return ids.text_of("req", request_id), (asked + served).encode()


@pytest.mark.parametrize(("what", "choose"), [("entry", entry), ("posting", posting), ("request", request_row)])
def test_one_flipped_byte_is_named(
    after: Aftermath, tmp_path: Path, what: str, choose: Callable[[sqlite3.Connection, Random], tuple[str, bytes]]
) -> None:
    """R19: of all that the storm has left, the one entry, posting or request in whose bytes a bit has turned; and no other."""
    dice, rounds = torture.dice(f"R19 {what}"), torture.rounds(2, 5)
    shutil.copy(after.ground.paths.pepper, tmp_path / "pepper")
    path = tmp_path / "gateway.db"
    with closing(sqlite3.connect(f"file:{after.ground.paths.gateway_db}?mode=ro", uri=True)) as books:
        books.execute("VACUUM INTO ?", (str(path),))
        chosen = [choose(books, dice) for _ in range(rounds)]
    sound = path.read_bytes()
    assert verify(tmp_path) == (0, [])
    for which, raw in chosen:
        assert sound.count(raw) == 1
        damaged = bytearray(sound)
        damaged[sound.index(raw) + dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
        path.write_bytes(damaged)
        code, differences = verify(tmp_path)
        assert code == 1
        assert [one["which"] for one in differences if one["what"] == what] == [which]
        # Of an entry the balances are told too, which do not follow from it any more.
        assert {one["what"] for one in differences} <= {what, "account", "lot", "workspace"} if what == "entry" else {what}
    torture.proved("R19", f"one bit in {rounds} of the books' copies: the {what} was named each time")


def verify(data_dir: Path) -> tuple[int, list[dict[str, str]]]:
    """Exit code and differences of `gateway ledger verify` on a directory from which nothing serves."""
    command = [*GATEWAY, "ledger", "verify", "--json", "--data-dir", str(data_dir)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=WAIT_S, check=False)
    return done.returncode, json.loads(done.stdout)["differences"]
