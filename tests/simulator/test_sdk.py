"""The real SDK against the simulator: what it can do with an upstream, it can do here."""

from collections.abc import Iterator

import anthropic
import pytest
from anthropic.types import MessageParam, ToolParam

from gateway.simulator import SimulatorProcess

MODEL = "claude-sonnet-5-5"
HELLO: list[MessageParam] = [{"role": "user", "content": "hello there"}]
TOOLS: list[ToolParam] = [
    {
        "name": "get_weather",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
    }
]


@pytest.fixture(scope="module")
def sim() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(keys=["sk-sdk"]) as process:
        yield process


@pytest.fixture(scope="module")
def client(sim: SimulatorProcess) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key="sk-sdk", base_url=sim.url, max_retries=0) as sdk:
        yield sdk


def test_create(client: anthropic.Anthropic) -> None:
    message = client.messages.create(model=MODEL, max_tokens=100, messages=HELLO)
    assert message.content[0].type == "text"
    assert '"hello there"' in message.content[0].text
    assert (message.stop_reason, message.model) == ("end_turn", MODEL)
    assert message._request_id is not None
    assert message._request_id.startswith("req_")


def test_stream_says_what_create_says(client: anthropic.Anthropic) -> None:
    created = client.messages.create(model=MODEL, max_tokens=100, messages=HELLO)
    with client.messages.stream(model=MODEL, max_tokens=100, messages=HELLO) as stream:
        text = "".join(stream.text_stream)
        streamed = stream.get_final_message()
    assert created.content[0].type == "text"
    assert text == created.content[0].text
    assert streamed.usage == created.usage


def test_raw_events_come_in_order(client: anthropic.Anthropic) -> None:
    events = client.messages.create(
        model=MODEL, max_tokens=100, messages=HELLO, stream=True, extra_headers={"x-simulate": "text_tokens=2"}
    )
    assert [event.type for event in events] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_a_tool_loop(client: anthropic.Anthropic) -> None:
    asked: list[MessageParam] = [{"role": "user", "content": "use tool get_weather for me"}]
    with client.messages.stream(model=MODEL, max_tokens=500, messages=asked, tools=TOOLS) as stream:
        called = stream.get_final_message()
    block = called.content[0]
    assert block.type == "tool_use"
    assert (called.stop_reason, block.name, block.input) == ("tool_use", "get_weather", {"city": "simulated", "days": 1})
    answered: list[MessageParam] = [
        *asked,
        {"role": "assistant", "content": [{"type": "tool_use", "id": block.id, "name": block.name, "input": block.input}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": block.id, "content": "sunny"}]},
    ]
    final = client.messages.create(model=MODEL, max_tokens=500, messages=answered, tools=TOOLS)
    assert (final.stop_reason, final.content[0].type) == ("end_turn", "text")


def test_thinking(client: anthropic.Anthropic) -> None:
    with client.messages.stream(model=MODEL, max_tokens=5000, messages=HELLO, thinking={"type": "adaptive"}) as stream:
        message = stream.get_final_message()
    thought = message.content[0]
    assert thought.type == "thinking"
    assert thought.thinking
    assert thought.signature
    assert message.usage.output_tokens_details is not None
    assert message.usage.output_tokens_details.thinking_tokens == 16


def test_count_tokens_agrees_with_usage(client: anthropic.Anthropic) -> None:
    counted = client.messages.count_tokens(model=MODEL, messages=HELLO, tools=TOOLS)
    assert (
        counted.input_tokens == client.messages.create(model=MODEL, max_tokens=9, messages=HELLO, tools=TOOLS).usage.input_tokens
    )


def test_models(client: anthropic.Anthropic) -> None:
    names = [model.id for model in client.models.list(limit=2)]
    assert len(names) == 6
    assert client.models.retrieve("claude-haiku-4-5").id == "claude-haiku-4-5-20251001"
    with pytest.raises(anthropic.NotFoundError, match="model: nobody"):
        client.models.retrieve("nobody")


def test_files(client: anthropic.Anthropic) -> None:
    made = client.beta.files.upload(file=("a.txt", b"hello\r\n", "text/plain"))
    assert (made.filename, made.size_bytes) == ("a.txt", 7)
    assert client.beta.files.download(made.id).read() == b"hello\r\n"
    assert client.beta.files.delete(made.id).id == made.id


def test_a_batch(client: anthropic.Anthropic) -> None:
    batch = client.messages.batches.create(
        requests=[{"custom_id": "one", "params": {"model": MODEL, "max_tokens": 50, "messages": HELLO}}]
    )
    assert batch.processing_status == "in_progress"
    assert client.messages.batches.retrieve(batch.id).processing_status == "ended"
    (line,) = list(client.messages.batches.results(batch.id))
    assert line.result.type == "succeeded"
    assert line.result.message.usage.service_tier == "batch"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (403, anthropic.PermissionDeniedError),
        (404, anthropic.NotFoundError),
        (409, anthropic.ConflictError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (529, anthropic.APIStatusError),
    ],
)
def test_error_classes(client: anthropic.Anthropic, status: int, kind: type[anthropic.APIStatusError]) -> None:
    with pytest.raises(kind) as error:
        client.messages.create(model=MODEL, max_tokens=9, messages=HELLO, extra_headers={"x-simulate": f"status={status}"})
    assert error.value.status_code == status
    assert isinstance(error.value.body, dict)
    assert error.value.body["request_id"] == error.value.request_id


def test_a_wrong_key(sim: SimulatorProcess) -> None:
    with (
        anthropic.Anthropic(api_key="sk-wrong", base_url=sim.url, max_retries=0) as sdk,
        pytest.raises(anthropic.AuthenticationError),
    ):
        sdk.messages.create(model=MODEL, max_tokens=9, messages=HELLO)


def test_retries_of_the_sdk_are_told_apart_in_the_truth(sim: SimulatorProcess) -> None:
    headers = {"x-simulate": "status=529;retry_after=0", "x-request-tag": "retry"}
    with anthropic.Anthropic(api_key="sk-sdk", base_url=sim.url, max_retries=1) as sdk, pytest.raises(anthropic.APIStatusError):
        sdk.messages.create(model=MODEL, max_tokens=9, messages=HELLO, extra_headers=headers)
    sim.wait_truth(lambda records: sum(truth.tag == "retry" for truth in records) == 2)
    tried = [truth for truth in sim.truth() if truth.tag == "retry"]
    assert [dict(truth.headers)["x-stainless-retry-count"] for truth in tried] == ["0", "1"]
