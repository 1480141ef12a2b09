"""Large bodies are read and translated beside the event loop, small ones on it, with the same outcome."""

import asyncio
import json
import threading
from functools import partial
from typing import Any

import pytest

from gateway.core.faults import Fault, FaultKind
from gateway.dataplane import aside
from gateway.simulator.server import Simulator
from tests.dataplane.house import Client, conversation, house, question

PATHS = {"anthropic": "/v1/messages", "openai_chat": "/v1/chat/completions"}
OTHER: dict[str, tuple[str, ...]] = {"anthropic": ("openai_chat",), "openai_chat": ()}
LARGE = "word " * (aside.INLINE_BYTES_MAX // 5)


@pytest.mark.parametrize("client", PATHS)
@pytest.mark.parametrize(("text", "handed_over"), [("word", []), (LARGE, ["check", "form"])], ids=["small", "large"])
def test_who_reads_and_translates(client: str, text: str, handed_over: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    works: list[tuple[str, bool]] = []
    done = aside.done

    async def noted(work: "partial[Any]") -> Any:
        def doing() -> Any:
            works.append((work.func.__name__, threading.current_thread() is threading.main_thread()))
            return work()

        return await done(doing)

    async def main() -> None:
        async with Simulator() as sim, house(sim.url, dialects=OTHER[client]) as worker:
            body = conversation(text) if client == "anthropic" else question(text)
            monkeypatch.setattr(aside, "done", noted)
            answer = await worker.ask(Client(body), path=PATHS[client], x_simulate="text_tokens=3")
            assert answer.status == 200
            assert worker.one_settled().request_bytes == len(body)

    asyncio.run(main())
    assert works == [(name, False) for name in handed_over]


@pytest.mark.parametrize("client", PATHS)
def test_what_is_refused_is_refused_from_there_too(client: str) -> None:
    async def main() -> None:
        async with Simulator() as sim, house(sim.url, dialects=OTHER[client]) as worker:
            told = json.loads(conversation(LARGE) if client == "anthropic" else question(LARGE))
            field = {"container": "c_1"} if client == "anthropic" else {"n": 2}
            for wrong in ({"model": 1}, field):
                answer = await worker.ask(Client(json.dumps(told | wrong).encode()), path=PATHS[client])
                assert answer.status == 400
                assert next(iter(wrong)) in json.loads(answer.body)["error"]["message"]
                worker.one_settled()

    asyncio.run(main())


def test_a_fault_comes_out_as_it_is() -> None:
    def refuse() -> None:
        raise Fault(FaultKind.INVALID, "no")

    async def main() -> None:
        with pytest.raises(Fault, match="no"):
            await aside.done(refuse)
        assert await aside.done(lambda: 7) == 7

    asyncio.run(main())
