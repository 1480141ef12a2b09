"""A control plane over books with requests of the last hours, for tests of what is shown of them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.control.keys import Minted, Order
from gateway.control.limits import LimitOrder
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from gateway.state.journal import Settlement
from gateway.state.record import charged
from gateway.upstream.pool.choice import Choice
from gateway.upstream.pool.standing import Reason
from tests.control.office import Office, Worker, settlement
from tests.control.served import START, ControlPlane, short_dir

HOUR_NS = 3600 * 10**9
HOSTILE = [
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "\u05e9\u05dc\u05d5\u05dd",
    '"><img src=x onerror=alert(1)>',
    "@SUM(1)",
]


@dataclass
class Shown:
    """`ids` are the public ids of the keys; `settled` is what was entered, in order."""

    control: ControlPlane
    keys: list[str]
    workspaces: list[str]
    settled: list[Settlement]

    def get(self, path: str, **query: object) -> Any:
        with self.control.admin as client:
            answer = client.get(f"/admin/v1/{path}", params={name: str(value) for name, value in query.items()})
        assert answer.status_code == 200, answer.text
        return answer.json()


def settlements(keys: list[Any], now_ns: int) -> Iterator[Settlement]:
    """Forty requests of several keys and models, within the last ten hours."""
    for number in range(40):
        record = keys[number % len(keys)]
        ends: dict[str, Any] = {}
        if number % 8 == 3:
            ends = {"status": 429, "outcome": Outcome.REFUSED, "usage": Usage(), "ttft_us": None, "attempts": 0}
        elif number % 8 == 5:
            ends = {"outcome": Outcome.UPSTREAM_DIED, "usage": Usage(100, 0, 0, 0, 3)}
        elif number % 8 == 1:
            ends = {"choice": chosen_among_three()}
        facts: dict[str, Any] = {"usage": Usage(1000, 300, 500, 20, 10 + number), "credential": number % 2}
        yield settlement(
            started_ns=now_ns - number * HOUR_NS // 4,
            key_id=record.id,
            workspace_id=record.workspace_id,
            model_served=("claude-sonnet-4-5", "claude-haiku-4-5")[number % 2],
            duration_us=(number + 1) * 1_000_000,
            **(facts | ends),
        )


def chosen_among_three() -> bytes:
    """The note of a pick of the second key: the first is limited, the third idle, and the prompt is warm at the second."""
    choice = Choice()
    choice.passed_over(0, Reason.LIMITED)
    choice.compared(1, False, True, 3, 1.09375)
    choice.compared(2, False, False, 0, 0.9)
    return choice.note()


def fill(folder: Path) -> tuple[list[Minted], list[Settlement]]:
    """Keys of two workspaces in turn, and what they asked for, in the books of a directory."""
    office = Office(folder)
    (folder / "pepper").write_bytes(b"\1" * 32)
    (folder / "pepper").chmod(0o600)
    desk = office.desk()
    limit = LimitOrder(metric="cost", window="day", amount=100_000)
    minted = [desk.keys.mint(Order(name=name, workspace=f"space {number % 2}", limits=(limit,)))[0]
              for number, name in enumerate(HOSTILE)]  # fmt: skip
    worker, drain = Worker(office), office.drain(desk)
    entered = list(settlements([one.record for one in minted], time.time_ns()))
    owners = {one.record.id: one for one in minted}
    for one in entered:
        [own] = owners[one.key_id].limits
        assert worker.ring.append(charged(one.pack(), [(own.id, 0, one.cost_nanodollars)]))
        drain.enter_all()
    drain.rollups.fold()
    worker.die()
    office.close()
    (folder / "shared.map").unlink()
    return minted, entered


@contextmanager
def shown(start: str = START) -> Iterator[Shown]:
    with short_dir() as folder:
        minted, entered = fill(Path(folder))
        keys = [one.record.public_id for one in minted]
        workspaces = [one.record.workspace_public_id for one in minted[:2]]
        with ControlPlane(Path(folder), start=start) as control:
            yield Shown(control, keys, workspaces, entered)
