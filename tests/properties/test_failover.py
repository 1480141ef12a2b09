"""R7: failover against upstreams that do anything, drawn attempt by attempt, for up to three targets in either dialect.

Whatever they do: no text is doubled or mixed, nothing is asked once content has been shown, there is one receipt and one charge,
and of all calls at most a fifth are tried again, beyond the reserve.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.outcome import Outcome
from gateway.upstream.course import ATTEMPTS_MAX, RETRY_SHARE, Budget
from tests.dataplane.house import Client, House, conversation, house, question
from tests.torture import rounds

ANTHROPIC, CHAT = "anthropic", "openai_chat"
LETTER = {ANTHROPIC: "a", CHAT: "c"}
TARGETS = 3
SLOW_BYTES = 9
WORDS = 6  # of an answer; half of them come before a cut
INPUT_TOKENS, OUTPUT_TOKENS = 11, 7
RESERVE = 3.0

REFUSED = "connect refused"
ENDS = {  # status, and lines beside it
    "429": (429, b"retry-after: 7\r\n"),
    "429 for a moment": (429, b"retry-after: 0\r\n"),
    "529": (529, b""),
    "500": (500, b""),
    "401": (401, b""),
    "400": (400, b""),
}
ERROR_FIRST, CUT_BEFORE, CUT_AFTER, ERROR_AFTER = (
    "200, error first",
    "200, cut before content",
    "200, cut",
    "200, error after content",
)
OK, SLOW = "200", "200, slowly"
BEHAVIOURS = (REFUSED, *ENDS, ERROR_FIRST, CUT_BEFORE, CUT_AFTER, ERROR_AFTER, OK, SLOW)
WHOLE = {OK, SLOW}
SHOWS_CONTENT = {True: WHOLE | {CUT_AFTER, ERROR_AFTER}, False: WHOLE}  # by whether it is a stream


def words(place: int, count: int = WORDS) -> list[str]:
    """What the upstream at this place of a plan says: no two say the same word."""
    return [f"w{place}{number} " for number in range(count)]


class Puppet:
    """One upstream of one dialect. `does` is what it does, attempt by attempt; the last goes on. `asked` is shared by all."""

    def __init__(self, dialect: str, place: int, asked: list[tuple[int, str]]) -> None:
        self.dialect = dialect
        self.place = place
        self.does = [OK]
        self.port = 0
        self._asked = asked
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listens; always at the same port."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Refuses connections."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            stream = json.loads(await reader.readexactly(length)).get("stream") is True
            behaviour = self.does.pop(0) if len(self.does) > 1 else self.does[0]
            self._asked.append((self.place, behaviour))
            for piece in self._answer(behaviour, stream):
                writer.write(piece)
                if behaviour == SLOW:
                    await writer.drain()
                    await asyncio.sleep(0)
        finally:
            writer.close()

    def _answer(self, behaviour: str, stream: bool) -> Iterator[bytes]:
        """The bytes of an answer, in the pieces in which they are sent; then the connection ends."""
        if behaviour in ENDS:
            status, lines = ENDS[behaviour]
            body = self._error()
            yield b"HTTP/1.1 %d x\r\ncontent-type: application/json\r\nconnection: close\r\n%bcontent-length: %d\r\n\r\n" % (
                status,
                lines,
                len(body),
            )
            yield body
        elif not stream:
            yield from self._at_once(behaviour)
        else:
            yield b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
            for event in self._events(behaviour):
                size = SLOW_BYTES if behaviour == SLOW else len(event)
                for piece in (event[at : at + size] for at in range(0, len(event), size)):
                    yield b"%x\r\n%b\r\n" % (len(piece), piece)
            if behaviour not in (CUT_BEFORE, CUT_AFTER):
                yield b"0\r\n\r\n"

    def _at_once(self, behaviour: str) -> Iterator[bytes]:
        body = self._error() if behaviour in (ERROR_FIRST, ERROR_AFTER) else self._message()
        yield b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
        yield body[: len(body) // 2]
        if behaviour not in (CUT_BEFORE, CUT_AFTER):
            yield body[len(body) // 2 :]

    def _error(self) -> bytes:
        error = {"type": "overloaded_error", "message": "It is too much."}
        return json.dumps({"type": "error", "error": error} if self.dialect == ANTHROPIC else {"error": error}).encode()

    def _message(self) -> bytes:
        text = "".join(words(self.place))
        if self.dialect == ANTHROPIC:
            message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn"}
            spent = {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS}
            return json.dumps(message | {"content": [{"type": "text", "text": text}], "usage": spent}).encode()
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        usage = {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS, "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS}
        chunk = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
        return json.dumps(chunk).encode()

    def _events(self, behaviour: str) -> Iterator[bytes]:
        count = 0 if behaviour in (CUT_BEFORE, ERROR_FIRST) else WORDS // 2 if behaviour in (CUT_AFTER, ERROR_AFTER) else WORDS
        fails = behaviour in (ERROR_FIRST, ERROR_AFTER)
        made = self._anthropic_events if self.dialect == ANTHROPIC else self._chat_events
        yield from made(words(self.place, count), fails, behaviour in WHOLE)

    def _anthropic_events(self, said: list[str], fails: bool, whole: bool) -> Iterator[bytes]:
        def event(name: str, **more: object) -> bytes:
            return f"event: {name}\ndata: {json.dumps({'type': name} | more)}\n\n".encode()

        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": []}
        usage = {"input_tokens": INPUT_TOKENS, "output_tokens": 1}
        yield event("message_start", message=message | {"usage": usage})
        yield event("ping")
        if said:
            yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        for word in said:
            yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": word})
        if fails:
            yield f"event: error\ndata: {self._error().decode()}\n\n".encode()
        if whole:
            yield event("content_block_stop", index=0)
            yield event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": OUTPUT_TOKENS})
            yield event("message_stop")

    def _chat_events(self, said: list[str], fails: bool, whole: bool) -> Iterator[bytes]:
        def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            made = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
            return f"data: {json.dumps(made)}\n\n".encode()

        yield chunk({"role": "assistant", "content": ""})
        for word in said:
            yield chunk({"content": word})
        if fails:
            yield f"data: {self._error().decode()}\n\n".encode()
        if whole:
            yield chunk({}, "stop")
            usage = {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS}
            last = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": usage}
            yield f"data: {json.dumps(last)}\n\n".encode()
            yield b"data: [DONE]\n\n"


class Stage:
    """A worker, and puppets of both dialects at each place of a plan. The model `t-ac` goes to the first of Anthropic's dialect,
    then to the second of chat's."""

    def __init__(self, worker: House, puppets: dict[tuple[int, str], Puppet], asked: list[tuple[int, str]]) -> None:
        self.worker = worker
        self.puppets = puppets
        self.asked = asked

    async def call(self, dialect: str, plan: list[tuple[str, list[str]]], stream: bool) -> int:
        """One call, with everything that has to hold for it. Returns how often it was tried again over a connection."""
        self.asked.clear()
        for place, (speaks, does) in enumerate(plan):
            puppet = self.puppets[place, speaks]
            puppet.does = [one for one in does if one != REFUSED] or [OK]
            await (puppet.shut() if does[0] == REFUSED else puppet.open())
        names = [f"{LETTER[speaks]}{place}" for place, (speaks, _) in enumerate(plan)]
        model = "t-" + "".join(name[0] for name in names)
        body = conversation(model=model, stream=stream) if dialect == ANTHROPIC else question(model=model, stream=stream)
        client = await self.worker.ask(Client(body), path="/v1/messages" if dialect == ANTHROPIC else "/v1/chat/completions")
        self._check(client, dialect, stream, names)
        return max(len(self.asked) - 1, 0)

    def _check(self, client: Client, dialect: str, stream: bool, names: list[str]) -> None:
        told = f"{self.asked} {client.status} {client.body!r}"
        settled = self.worker.one_settled()  # one receipt, nothing held
        shown = [at for at, (_, behaviour) in enumerate(self.asked) if behaviour in SHOWS_CONTENT[stream]]
        assert shown in ([], [len(self.asked) - 1]), told  # nothing is asked after content
        assert len(self.asked) <= ATTEMPTS_MAX, told
        # Each attempt that reached an upstream is on the receipt, and no other.
        assert settled.attempts == len(self.asked), told
        text, whole, failed = read(client, dialect, stream)
        place, behaviour = self.asked[-1] if self.asked else (-1, "")
        if not shown:
            assert (text, whole) == ("", False), told
            assert client.status >= 400 or failed, told
            assert settled.cost_nanodollars == 0, told
            assert settled.outcome is not Outcome.FINISHED, told
            return
        assert (settled.provider, client.headers["x-gateway-provider"]) == (names[place], names[place]), told
        assert int(client.headers["x-gateway-attempts"]) == settled.attempts
        assert settled.cost_nanodollars > 0, told  # the charge of this one, and of no other
        rate = self.worker.worker.tariff.rate(settled.model_served, settled.started_ns)
        assert rate is not None
        assert settled.cost_nanodollars == rate.cost(settled.usage), told
        if behaviour in WHOLE:
            assert (text, whole, failed) == ("".join(words(place)), True, False), told
            assert settled.outcome is Outcome.FINISHED, told
            assert (settled.usage.input_tokens, settled.usage.output_tokens) == (INPUT_TOKENS, OUTPUT_TOKENS), told
        else:
            assert text == "".join(words(place, WORDS // 2)), told
            assert (whole, failed) == (False, True), told
            assert settled.outcome is Outcome.UPSTREAM_DIED, told


def read(client: Client, dialect: str, stream: bool) -> tuple[str, bool, bool]:
    """What a client understands: the text, whether the answer is whole, whether it is told of an error."""
    if client.status != 200:
        return "", False, True
    if not stream:
        document = json.loads(client.body)
        if "error" in document:
            return "", False, True
        part = document["content"] if dialect == ANTHROPIC else document["choices"]
        return (part[0]["text"] if dialect == ANTHROPIC else part[0]["message"]["content"]), True, False
    text, whole, failed = "", False, False
    for line in client.body.decode().splitlines():
        if not line.startswith("data: "):
            continue
        if line == "data: [DONE]":
            whole = True
            continue
        document = json.loads(line[6:])
        failed = failed or "error" in document
        if dialect == ANTHROPIC:
            whole = whole or document["type"] == "message_stop"
            text += document.get("delta", {}).get("text", "")
        else:
            text += "".join(choice["delta"].get("content") or "" for choice in document.get("choices", []))
    return text, whole and not failed, failed or not client.is_whole


ATTEMPTS = st.lists(st.sampled_from(BEHAVIOURS), min_size=1, max_size=2)
PLANS = st.lists(st.tuples(st.sampled_from((ANTHROPIC, CHAT)), ATTEMPTS), min_size=1, max_size=TARGETS)
CALLS = st.lists(st.tuples(st.sampled_from((ANTHROPIC, CHAT)), PLANS, st.booleans()), min_size=1, max_size=12)


def providers(puppets: dict[tuple[int, str], Puppet]) -> str:
    rows = ""
    for (place, dialect), puppet in puppets.items():
        rows += f'[[provider]]\nname = "{LETTER[dialect]}{place}"\ndialect = "{dialect}"\nkeys_env = "ANTHROPIC_API_KEY"\n'
        rows += f'base_url = "http://127.0.0.1:{puppet.port}{"" if dialect == ANTHROPIC else "/v1"}"\n'
    return rows


def routes() -> str:
    rows = ""
    for count in range(1, TARGETS + 1):
        for letters in product("ac", repeat=count):
            targets = ", ".join(f'"{letter}{place}/claude-sonnet-4-5"' for place, letter in enumerate(letters))
            rows += f'[[route]]\nmodels = ["t-{"".join(letters)}"]\ntargets = [{targets}]\n'
    return rows


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    asked: list[tuple[int, str]] = []
    puppets = {(place, dialect): Puppet(dialect, place, asked) for place in range(TARGETS) for dialect in LETTER}
    for puppet in puppets.values():
        await puppet.open()
    async with house("http://127.0.0.1:9", providers=providers(puppets), models=routes(), pooled=True) as worker:
        yield Stage(worker, puppets, asked)
    for puppet in puppets.values():
        await puppet.shut()


@pytest.fixture(scope="module")
def play() -> Iterator[Callable[[Callable[[Stage], Awaitable[None]]], None]]:
    """Runs a scene on the one stage of this module."""
    with asyncio.Runner() as runner:
        context = staged()
        stage = runner.run(context.__aenter__())
        try:
            yield lambda scene: runner.run(_played(scene, stage))
        finally:
            runner.run(context.__aexit__(None, None, None))


async def _played(scene: Callable[[Stage], Awaitable[None]], stage: Stage) -> None:
    await scene(stage)


Play = Callable[[Callable[[Stage], Awaitable[None]]], None]


@pytest.mark.torture
@given(calls=CALLS, forgiven=st.booleans())
@settings(max_examples=rounds(100, 3000), deadline=None)
def test_whatever_upstreams_do(play: Play, calls: list[tuple[str, list[tuple[str, list[str]]], bool]], forgiven: bool) -> None:
    """One reserve for all calls of a run, and with `forgiven` no upstream's past is held against it, so that all go far."""

    async def scene(stage: Stage) -> None:
        stage.worker.forgive()
        stage.worker.worker.budget = Budget(RESERVE)
        again = 0
        for dialect, plan, stream in calls:
            if forgiven:
                stage.worker.forgive()
            again += await stage.call(dialect, plan, stream)
        assert again <= RESERVE + RETRY_SHARE * len(calls)

    play(scene)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("dialect", list(LETTER))
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_each_behaviour_once(play: Play, dialect: str, behaviour: str, stream: bool) -> None:
    """Every one of them first, before a second target that is well, in all four pairs of dialects."""

    async def scene(stage: Stage) -> None:
        for first, second in product(LETTER, repeat=2):
            stage.worker.forgive()
            stage.worker.worker.budget = Budget(RESERVE)
            await stage.call(dialect, [(first, [behaviour]), (second, [OK])], stream)
            final = behaviour in SHOWS_CONTENT[stream] or behaviour == "400"
            seen = [(0, behaviour)] if behaviour != REFUSED else []
            assert stage.asked == (seen if final else [*seen, (1, OK)])

    play(scene)
