"""Lists of models for the workers: asked when somebody wants to know, once at a time, and kept."""

import asyncio
import threading

import orjson
import pytest
from starlette.requests import Request

from gateway.catalog.offers import Listed
from gateway.catalog.providers import Origin, Provider, Secret
from gateway.control import model_lists
from gateway.control.model_lists import AGAIN_S, FRESH_S, ModelLists
from gateway.core.clock import ManualClock
from gateway.upstream.transport.question import NoAnswerError


def provider(name: str, credentials: int = 1) -> Provider:
    return Provider(name, "openai_chat", Origin("https", "x.example", 443), tuple(Secret(f"k{at}") for at in range(credentials)))


class Upstreams:
    """What upstreams answer. `slow` ones wait until `released`."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.refusing: set[tuple[str, int]] = set()
        self.slow: set[str] = set()
        self.released = threading.Event()

    def ask(self, one: Provider, credential: int) -> tuple[Listed, ...]:
        self.asked.append((one.name, credential))
        if one.name in self.slow:
            assert self.released.wait(10)
        if (one.name, credential) in self.refusing:
            raise NoAnswerError("status 401")
        return (Listed(f"{one.name}-{len(self.asked)}", "Shown", 5, {"line": "opus"}),)


def test_it_is_asked_once_and_again_when_it_is_old() -> None:
    async def main() -> None:
        upstreams, clock = Upstreams(), ManualClock()
        lists = ModelLists([provider("a")], clock, upstreams.ask)
        first = await lists.look()
        assert first == {"a": (Listed("a-1", "Shown", 5, {"line": "opus"}),)}
        assert list(await asyncio.gather(lists.look(), lists.look())) == [first, first]
        clock.advance(FRESH_S)
        both = await asyncio.gather(lists.look(), lists.look())
        assert [found["a"][0].id for found in both] == ["a-2", "a-2"]
        answer = await lists.tell(Request({"type": "http"}))
        assert orjson.loads(answer.body) == {"a": [["a-2", "Shown", 5, {"line": "opus"}]]}
        lists.close()

    asyncio.run(main())


def test_another_key_is_tried_and_a_failure_keeps_what_was_known() -> None:
    async def main() -> None:
        upstreams, clock = Upstreams(), ManualClock()
        lists = ModelLists([provider("a", 3), provider("b")], clock, upstreams.ask)
        upstreams.refusing = {("a", 0), ("b", 0)}
        first = await lists.look()
        assert list(first) == ["a"]
        assert sorted(upstreams.asked) == [("a", 0), ("a", 1), ("b", 0)]
        await lists.look()
        assert len(upstreams.asked) == 3
        clock.advance(AGAIN_S)
        await lists.look()
        assert upstreams.asked[3:] == [("b", 0)]
        upstreams.refusing |= {("a", 1)}
        clock.advance(FRESH_S)
        assert await lists.look() == first
        lists.close()

    asyncio.run(main())


def test_nobody_waits_long_for_one_that_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_lists, "WAIT_S", 0.05)

    async def main() -> None:
        upstreams = Upstreams()
        upstreams.slow = {"slow"}
        lists = ModelLists([provider("slow"), provider("quick")], ManualClock(), upstreams.ask)
        try:
            assert list(await lists.look()) == ["quick"]
            assert list(await lists.look()) == ["quick"]
        finally:
            upstreams.released.set()
        monkeypatch.setattr(model_lists, "WAIT_S", 10.0)
        assert list(await lists.look()) == ["slow", "quick"]
        assert len(upstreams.asked) == 2
        lists.close()

    asyncio.run(main())
