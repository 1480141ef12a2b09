"""Failover: the retry matrix on real sockets. Who answers, what the client sees of it, and what the books say."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from gateway.core.faults import FaultKind
from gateway.core.outcome import Outcome
from gateway.simulator.server import Simulator
from gateway.state.keys import KeyRow, KeyState
from gateway.state.limits import LimitSpec, LimitTable, Metric, Window
from gateway.state.record import Flags
from gateway.upstream.course import Budget
from loadtest.processes import free_port
from tests.dataplane.house import KEY, KEY_ID, Client, House, conversation, house, question
from tests.dataplane.sse import error_event, events

SECOND = "sk-ant-second-secret"
THREE = ["sk-ant-pool-a", "sk-ant-pool-b", "sk-ant-pool-c"]
QUICK = "head_timeout_s = 0.3\nidle_timeout_s = 0.3\n"
PROVIDERS = """
[[provider]]
name = "first"
dialect = "anthropic"
base_url = "{}"
keys_env = "ANTHROPIC_API_KEY"
[[provider]]
name = "second"
dialect = "{}"
base_url = "{}"
keys_env = "SECOND_KEY"
"""
ROUTE = '[[route]]\nmodels = ["claude-*"]\ntargets = ["first", "second{}"]\n'

Test = Callable[[House, Simulator, Simulator], Awaitable[None]]


def two(test: Test, *, first_url: str = "", dialect: str = "anthropic", model: str = "", config: str = QUICK) -> None:
    """Runs a test with a worker whose calls go to a first upstream, and to a second when that fails."""

    async def main() -> None:
        async with Simulator() as first, Simulator(script="text_tokens=9") as second:
            base = second.url + ("/v1" if dialect != "anthropic" else "")
            providers = PROVIDERS.format(first_url or first.url, dialect, base)
            models = ROUTE.format("/" + model if model else "")
            async with house(
                first.url, providers=providers, models=models, config=config, pooled=True, SECOND_KEY=SECOND
            ) as worker:
                await test(worker, first, second)

    asyncio.run(main())


def three(test: Callable[[House, Simulator], Awaitable[None]], *, config: str = QUICK) -> None:
    """Runs a test with a worker that has three keys for one upstream."""

    async def main() -> None:
        keys = ",".join(THREE)
        async with (
            Simulator(script="text_tokens=9") as upstream,
            house(upstream.url, config=config, pooled=True, ANTHROPIC_API_KEY=keys) as worker,
        ):
            await test(worker, upstream)

    asyncio.run(main())


FAILURES = [
    "status=429;retry_after=5",
    "status=529",
    "status=500",
    "status=503;retry_after=1",
    "status=502;html",
    "status=401",
    "status=402",
    "status=403",
    "status=400;message=Your credit balance is too low to access the Anthropic API.",
    "status=500;gzip",
    "cut_at=0",
    "cut_at=0;cut=rst",
    "cut_at=5",
    "cut_at=60;count=body",
    "hang_at=0",
    "hang_at=60;count=body",
    "malformed=http",
    "empty",
    "html",
    "redirect=http://elsewhere.test/",
]
FIRST_EVENTS = ["error_at=0", "error_at=1", "error_at=2", "error_at=1;status=500", "error_at=1;status=429"]


@pytest.mark.parametrize(
    ("script", "stream"), [*((one, True) for one in FAILURES + FIRST_EVENTS), *((one, False) for one in FAILURES)]
)
def test_a_failure_before_content_is_not_seen(script: str, stream: bool) -> None:
    """R7: whatever the first upstream does, the second answers, once and whole, and there is one receipt for it."""

    async def unseen(worker: House, first: Simulator, second: Simulator) -> None:
        first.set_script(script)
        client = await worker.ask(Client(conversation(stream=stream)))
        settled = worker.one_settled()
        assert client.status == 200
        assert client.is_whole
        assert (client.headers["x-gateway-provider"], client.headers["x-gateway-attempts"]) == ("second", "2")
        [truth] = await second.wait_truth(1)
        if stream:
            assert events(client.body).count("message_start") == events(client.body).count("message_stop") == 1
            assert "error" not in events(client.body)
        assert len(client.body) == truth.payload_bytes_sent
        assert (settled.outcome, settled.fault, settled.status) == (Outcome.FINISHED, FaultKind.NONE, 200)
        assert (settled.provider, settled.attempts, settled.credential) == ("second", 2, 0)
        assert settled.usage.output_tokens == truth.usage["output_tokens"]
        assert settled.usage.input_tokens == truth.usage["input_tokens"]

    two(unseen)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_upstream_that_is_not_there_is_passed_over(scheme: str) -> None:
    """R7: no connection, no TLS."""

    async def main() -> None:
        async def no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"this is no TLS\n")
            writer.close()

        port = free_port()
        server = await asyncio.start_server(no_tls, "127.0.0.1", port) if scheme == "https" else None
        async with Simulator(script="text_tokens=3") as second:
            providers = PROVIDERS.format(f"{scheme}://127.0.0.1:{port}", "anthropic", second.url)
            async with house(second.url, providers=providers, models=ROUTE.format(""), pooled=True, SECOND_KEY=SECOND) as worker:
                client = await worker.ask(Client(conversation(stream=True)))
                assert (client.status, client.headers["x-gateway-provider"]) == (200, "second")
                assert worker.one_settled().provider == "second"
        if server is not None:
            server.close()

    asyncio.run(main())


@pytest.mark.parametrize("script", ["error_at=6", "cut_at=1200;count=body", "hang_at=1200;count=body"])
def test_nothing_is_tried_again_after_content(script: str) -> None:
    """R7: the client has text, so the stream ends in an error, and what was streamed is billed once."""

    async def died(worker: House, first: Simulator, second: Simulator) -> None:
        first.set_script(f"text_tokens=40;{script}")
        client = await worker.ask(Client(conversation(stream=True)))
        settled = worker.one_settled()
        assert error_event(client.body) is not None
        assert events(client.body).count("message_start") == 1
        assert (settled.outcome, settled.provider, settled.attempts) == (Outcome.UPSTREAM_DIED, "first", 1)
        assert settled.usage.output_tokens > 0
        assert not second.truth

    two(died)


@pytest.mark.parametrize("script", ["status=400", "status=404", "status=413", "status=400;message=overloaded_error"])
def test_an_answer_to_the_request_itself_is_final(script: str) -> None:
    async def final(worker: House, first: Simulator, second: Simulator) -> None:
        first.set_script(script)
        client = await worker.ask(Client(conversation(stream=True)))
        assert client.status == int(script[7:10])
        assert (client.headers["x-gateway-provider"], client.headers["x-gateway-attempts"]) == ("first", "1")
        assert worker.one_settled().outcome is Outcome.REJECTED
        assert not second.truth

    two(final)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses"])
def test_the_second_upstream_may_speak_otherwise_and_have_another_model(dialect: str, stream: bool) -> None:
    """The request is translated when its turn comes, priced as what served it, and answered under the name that was asked for."""

    async def otherwise(worker: House, first: Simulator, second: Simulator) -> None:
        first.set_script("status=529")
        client = await worker.ask(Client(conversation(stream=stream, max_tokens=50)))
        assert client.status == 200
        assert client.headers["x-gateway-provider"] == "second"
        assert b'"claude-sonnet-4-5"' in client.body
        [truth] = await second.wait_truth(1)
        assert truth.model == "gpt-5.4-mini"
        settled = worker.one_settled()
        assert (settled.model_asked, settled.model_served, settled.provider) == ("claude-sonnet-4-5", "gpt-5.4-mini", "second")
        rate = worker.worker.tariff.rate("gpt-5.4-mini", settled.started_ns)
        assert rate is not None
        assert settled.cost_nanodollars == rate.cost(settled.usage) > 0

    two(otherwise, dialect=dialect, model="gpt-5.4-mini")


@pytest.mark.parametrize("stream", [True, False])
def test_chat_clients_are_answered_from_anthropics_upstream_when_their_own_fails(stream: bool) -> None:
    async def otherwise(worker: House, first: Simulator, second: Simulator) -> None:
        first.set_script("status=500")
        client = await worker.ask(Client(question(stream=stream)), path="/v1/chat/completions")
        assert client.status == 200
        assert client.headers["x-gateway-attempts"] == "2"
        if stream:
            assert client.body.endswith(b"data: [DONE]\n\n")
            assert client.body.count(b'"role":"assistant"') == 1
        assert worker.one_settled().outcome is Outcome.FINISHED

    two(otherwise)


@pytest.mark.parametrize("stream", [True, False])
def test_when_all_fail_the_most_telling_failure_is_shown(stream: bool) -> None:
    """The upstream's own status and words, with `retry-after`, under the name of the one that said it."""

    async def all_fail(worker: House, first: Simulator, second: Simulator) -> None:
        first.set_script("status=429;retry_after=17;message=This is the first one's limit")
        second.set_script("status=500")
        client = await worker.ask(Client(conversation(stream=stream)))
        assert client.status == 429
        assert client.error == {"type": "rate_limit_error", "message": "This is the first one's limit"}
        assert client.headers["retry-after"] == "17"
        assert client.headers["x-gateway-provider"] == "first"
        settled = worker.one_settled()
        assert (settled.outcome, settled.status, settled.provider) == (Outcome.REJECTED, 429, "first")
        assert settled.attempts == int(client.headers["x-gateway-attempts"]) >= 2

    two(all_fail)


def test_who_is_out_is_not_asked_and_its_words_are_repeated() -> None:
    """A limit of all credentials: the next caller is told so without a call, in the upstream's words, and for how long."""

    async def limited(worker: House, upstream: Simulator) -> None:
        upstream.set_script("status=429;retry_after=30;message=So many tokens a minute")
        first = await worker.ask(Client(conversation()))
        assert (first.status, first.headers["x-gateway-attempts"]) == (429, "3")
        await upstream.wait_truth(3)
        assert len({truth.credential_sha256 for truth in upstream.truth}) == 3
        second = await worker.ask(Client(conversation()))
        assert (second.status, second.error["type"]) == (429, "rate_limit_error")
        assert second.error["message"] == "So many tokens a minute"
        assert 28 <= int(second.headers["retry-after"]) <= 30
        assert "x-gateway-provider" not in second.headers
        assert len(upstream.truth) == 3
        assert [one.outcome for one in worker.settled()] == [Outcome.REJECTED, Outcome.REFUSED]
        worker.assert_nothing_held()

    three(limited)


def test_the_operators_trouble_is_no_trouble_with_the_callers_key() -> None:
    """No 401 reaches a client, nor does it know what is wrong with an upstream key."""

    async def refused(worker: House, upstream: Simulator) -> None:
        upstream.set_script("status=401")
        for _ in range(2):
            client = await worker.ask(Client(conversation()))
            assert (client.status, client.error["type"]) == (503, "overloaded_error")
            assert "operator" in client.error["message"]
            assert int(client.headers["retry-after"]) <= 30
        assert len(upstream.truth) == 3

    three(refused)


def test_a_conversation_stays_and_others_spread() -> None:
    """By session header, by `metadata.user_id`, and by how it begins."""

    async def spread(worker: House, upstream: Simulator) -> None:
        for turn in range(4):
            await worker.ask(Client(conversation(f"turn {turn}")), x_claude_code_session_id="one")
            await worker.ask(Client(conversation(f"turn {turn}", metadata={"user_id": "two"})))
        by_session = [truth for truth in upstream.truth if ("x-claude-code-session-id", "one") in truth.headers]
        assert len({truth.credential_sha256 for truth in by_session}) == 1
        assert len({truth.credential_sha256 for truth in upstream.truth if truth not in by_session}) == 1
        for place in range(30):
            await worker.ask(Client(conversation(f"another conversation {place}")))
        assert len({truth.credential_sha256 for truth in upstream.truth}) == 3

    three(spread)


def test_a_client_that_leaves_while_the_next_connection_is_made() -> None:
    """Between two attempts there is no answer to wait for, and it is noticed all the same."""

    async def main() -> None:
        accepted = asyncio.Event()

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted.set()
            await reader.read()  # TLS never begins
            await reader.read()
            writer.close()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server, Simulator(script="status=529;head_ms=100") as first:
            providers = PROVIDERS.format(first.url, "anthropic", url)
            async with house(first.url, providers=providers, models=ROUTE.format(""), pooled=True, SECOND_KEY=SECOND) as worker:
                client = Client(conversation(stream=True))
                call = asyncio.ensure_future(worker.ask(client, timeout_s=5))
                await asyncio.wait_for(accepted.wait(), 5)
                client.leave()
                await call
                settled = worker.one_settled()
                assert (settled.outcome, settled.attempts) == (Outcome.CLIENT_GONE, 1)
                assert settled.usage.input_tokens == 0

    asyncio.run(main())


def test_a_client_that_leaves_during_the_second_attempt() -> None:
    """It is billed for its prompt, and nothing is left of what the first attempt told."""

    async def leaves(worker: House, first: Simulator, second: Simulator) -> None:
        first.set_script("error_at=1")
        second.set_script("hang_at=0")
        client = Client(conversation(stream=True))
        call = asyncio.ensure_future(worker.ask(client))
        async with asyncio.timeout(5):
            while not second.connections_open:  # noqa: ASYNC110 -- the simulator has no event for it
                await asyncio.sleep(0.001)
            client.leave()
            await call
        settled = worker.one_settled()
        assert (settled.outcome, settled.attempts, settled.provider) == (Outcome.CLIENT_GONE, 2, "second")
        assert (settled.status, settled.upstream_request_id, settled.usage.output_tokens) == (0, "", 0)
        assert settled.flags & Flags.INPUT_ESTIMATED
        assert not client.frames

    two(leaves, config="head_timeout_s = 20\n")


def test_a_worker_without_a_retry_budget_shows_the_first_failure() -> None:
    async def no_budget(worker: House, first: Simulator, second: Simulator) -> None:
        worker.worker.budget = Budget(0.0)
        first.set_script("status=500;message=Broken here")
        client = await worker.ask(Client(conversation()))
        assert (client.status, client.error["message"]) == (500, "Broken here")
        assert not second.truth

    two(no_budget)


def test_a_call_that_took_too_long_is_not_tried_again() -> None:
    async def expired(worker: House, first: Simulator, second: Simulator) -> None:
        first.set_script("hang_at=60;count=body")
        client = await worker.ask(Client(conversation()))
        assert (client.status, client.error["type"]) == (504, "timeout_error")
        assert client.error["message"] == "The call took longer than the gateway lets calls take."
        assert worker.one_settled().attempts == 1
        assert not second.truth

    two(expired, config="call_limit_s = 1\n")


def test_counts_fail_over_and_then_are_estimated() -> None:
    async def counted(worker: House, first: Simulator, second: Simulator) -> None:
        await worker.ask(Client(conversation()))  # now the model is known
        first.set_script("status=429")
        body = json.dumps({"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "hello"}]}).encode()
        client = await worker.ask(Client(body), path="/v1/messages/count_tokens")
        assert (client.status, client.headers["x-token-count-method"]) == (200, "upstream")
        assert client.headers["x-gateway-provider"] == "second"
        # A limit on counts is none on messages.
        first.set_script("text_tokens=2")
        assert (await worker.ask(Client(conversation()))).headers["x-gateway-provider"] == "first"

    two(counted)


def test_other_paths_are_never_sent_twice() -> None:
    async def once(worker: House, first: Simulator, second: Simulator) -> None:
        first.set_script("status=529")
        client = await worker.ask(Client(b""), method="GET", path="/v1/files")
        assert client.status == 529
        assert client.headers["x-gateway-attempts"] == "1"
        assert len(first.truth) == 1
        assert not second.truth

    two(once)


@pytest.mark.parametrize("answers", ["first", "second"])
def test_the_dearest_model_is_held_and_the_one_that_served_is_charged(answers: str) -> None:
    async def charged(worker: House, first: Simulator, second: Simulator) -> None:
        table = LimitTable(worker.shared)
        anchor = table.key_anchor(1, table.workspace_anchor(1))
        table.add(anchor, LimitSpec(1, Metric.COST, Window.TOTAL, 0, 10**12))
        worker.shared.keys.put(worker.worker.pepper.digest(KEY), KeyRow(KEY_ID, 1, KeyState.ACTIVE, 0, anchor))
        first.set_script("text_tokens=9" if answers == "first" else "status=529")
        body = conversation(max_tokens=1000, model="claude-haiku-4-5")
        client = await worker.ask(Client(body))
        assert (client.status, client.headers["x-gateway-provider"]) == (200, answers)
        settled = worker.one_settled()
        haiku, opus = (worker.worker.tariff.rate(name, settled.started_ns) for name in ("claude-haiku-4-5", "claude-opus-4-5"))
        assert haiku is not None
        assert opus is not None
        assert settled.held_nanodollars > 1000 * opus.at(0).output_nanodollars > 1000 * haiku.at(0).output_nanodollars
        served = haiku if answers == "first" else opus
        assert settled.cost_nanodollars == served.cost(settled.usage) > 0
        limit = table.state(1)
        assert limit is not None
        assert (limit.used, limit.held) == (settled.cost_nanodollars, 0)

    two(charged, model="claude-opus-4-5")
