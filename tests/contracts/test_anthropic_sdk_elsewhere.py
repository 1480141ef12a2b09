"""Anthropic's SDK through the gateway, before upstreams that speak OpenAI's dialects."""

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from tests.contracts.conftest import House
from tests.contracts.conversations import IMAGE_TOKENS, WEATHER, png

HELLO: list[Any] = [{"role": "user", "content": "hello there"}]
TOOLS: list[Any] = [{"name": "get_weather", "input_schema": WEATHER}]
MODEL = "claude-sonnet-5-5"
THINKS = "deepseek-v4"  # of a provider that gives its thoughts and takes them back


@pytest.fixture(scope="module")
def sdk(other_house: House) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key=other_house.key, base_url=other_house.gateway.url, max_retries=0) as client:
        yield client


def say(sdk: anthropic.Anthropic, messages: list[Any], *, stream: bool, **more: Any) -> anthropic.types.Message:
    """The answer, however it comes."""
    asked: dict[str, Any] = {"model": MODEL, "max_tokens": 2000, "messages": messages} | more
    if not stream:
        made: anthropic.types.Message = sdk.messages.create(**asked)
        return made
    with sdk.messages.stream(**asked) as streamed:
        return streamed.get_final_message()


both = pytest.mark.parametrize("stream", [False, True])


@both
def test_messages(sdk: anthropic.Anthropic, other_house: House, stream: bool) -> None:
    """With an OpenAI key alone every name goes there, and keeps its name."""
    message = say(sdk, HELLO, stream=stream, system="be brief", extra_headers={"x-request-tag": f"named-{stream}"})
    assert message.content[0].type == "text"
    assert '"hello there"' in message.content[0].text
    assert (message.stop_reason, message.model, message.role) == ("end_turn", MODEL, "assistant")
    assert message.id.startswith("msg_")
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0
    truth = other_house.tagged(f"named-{stream}")
    assert (truth.model, truth.path) == (MODEL, "/v1/chat/completions")
    sent = dict(truth.headers)
    assert not [name for name in sent if name.startswith(("anthropic", "x-stainless"))]
    assert sent["authorization"] == f"Bearer {other_house.secret_digest}"


@both
def test_length_and_stop(sdk: anthropic.Anthropic, stream: bool) -> None:
    cut = say(sdk, HELLO, stream=stream, max_tokens=5, extra_headers={"x-simulate": "text_tokens=50"})
    assert (cut.stop_reason, cut.usage.output_tokens) == ("max_tokens", 5)
    stopped = say(sdk, HELLO, stream=stream, model=THINKS, stop_sequences=["simulator"])
    assert stopped.content[0].type == "text"
    assert stopped.content[0].text.strip() == "This is the"


@both
def test_tools_in_two_rounds(sdk: anthropic.Anthropic, stream: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "please use tool get_weather"}]
    first = say(sdk, messages, stream=stream, tools=TOOLS)
    assert first.stop_reason == "tool_use"
    (call,) = first.content
    assert call.type == "tool_use"
    assert (call.name, call.input) == ("get_weather", {"city": "simulated", "days": 1})
    result = {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "rain"}]}
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    second = say(sdk, messages, stream=stream, tools=TOOLS)
    assert second.content[0].type == "text"
    assert (second.stop_reason, '"rain"' in second.content[0].text) == ("end_turn", True)


@both
def test_tools_at_once(sdk: anthropic.Anthropic, stream: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "please use tool get_weather"}]
    first = say(sdk, messages, stream=stream, tools=TOOLS, extra_headers={"x-simulate": "calls=3"})
    calls = [block for block in first.content if block.type == "tool_use"]
    assert len({call.id for call in calls}) == 3
    results: list[Any] = [
        {"type": "tool_result", "tool_use_id": call.id, "content": f"rain {place}", "is_error": place == 1}
        for place, call in enumerate(calls)
    ]
    messages.append({"role": "assistant", "content": first.content})
    assert say(sdk, [*messages, {"role": "user", "content": results}], stream=stream, tools=TOOLS).stop_reason == "end_turn"
    with pytest.raises(anthropic.BadRequestError, match="tool_use"):
        say(sdk, [*messages, {"role": "user", "content": results[:2]}], stream=stream, tools=TOOLS)


def test_images(sdk: anthropic.Anthropic) -> None:
    parts: list[Any] = [{"type": "text", "text": "what is it"}]
    without = say(sdk, [{"role": "user", "content": parts}], stream=False).usage.input_tokens
    parts.append({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": png()}})
    assert say(sdk, [{"role": "user", "content": parts}], stream=False).usage.input_tokens - without >= IMAGE_TOKENS


@both
def test_structured_output(sdk: anthropic.Anthropic, stream: bool) -> None:
    form = {"format": {"type": "json_schema", "schema": WEATHER}}
    message = say(sdk, HELLO, stream=stream, output_config=form)
    assert message.content[0].type == "text"
    assert message.content[0].text == '{"city":"simulated","days":1}'


@both
def test_thinking_and_tools_over_three_turns(sdk: anthropic.Anthropic, stream: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "please use tool get_weather"}]
    settings: dict[str, Any] = {
        "model": THINKS,
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "high"},
        "tools": TOOLS,
    }
    for _ in range(3):
        message = say(sdk, messages, stream=stream, **settings)
        assert [block.type for block in message.content] == ["thinking", "tool_use"]
        thought, call = message.content
        assert thought.type == "thinking"
        assert call.type == "tool_use"
        assert thought.thinking
        assert thought.signature
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "rain"}
        messages += [{"role": "assistant", "content": message.content}, {"role": "user", "content": [result]}]
        told = say(sdk, messages, stream=stream, **settings)
        assert [block.type for block in told.content] == ["thinking", "text"]
        # What stays behind would be named.
        raw = sdk.messages.with_raw_response.create(max_tokens=2000, messages=messages, **settings)
        assert raw.headers.get("x-gateway-dropped") is None
        messages += [
            {"role": "assistant", "content": told.content},
            {"role": "user", "content": "again, please use tool get_weather"},
        ]


def test_a_stream_comes_to_the_same_as_the_whole_message(sdk: anthropic.Anthropic) -> None:
    """Words, thoughts, their signatures, calls, figures; only ids are new in each answer."""
    messages: list[Any] = [{"role": "user", "content": "please use tool get_weather"}]
    settings: dict[str, Any] = {"model": THINKS, "thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}
    settings["tools"] = TOOLS
    pieced, whole = (say(sdk, messages, stream=stream, **settings) for stream in (True, False))
    assert [block.type for block in whole.content] == ["thinking", "tool_use"]
    first, second = (
        [block.model_dump(exclude={"id"}, exclude_none=True) for block in message.content] for message in (pieced, whole)
    )
    assert first == second
    assert pieced.stop_reason == whole.stop_reason
    assert pieced.usage.model_dump(exclude={"cache_creation"}) == whole.usage.model_dump(exclude={"cache_creation"})


def test_count_tokens_is_estimated(sdk: anthropic.Anthropic) -> None:
    raw = sdk.messages.with_raw_response.count_tokens(model=MODEL, messages=HELLO)
    assert raw.parse().input_tokens > 0
    assert raw.headers["x-token-count-method"] == "estimate"


def test_models(sdk: anthropic.Anthropic) -> None:
    models = list(sdk.models.list())
    # Both providers' lists: of the second, under its own name, what leads to the first.
    assert {"gpt-5.5", "deepseek/gpt-5.5"} <= {model.id for model in models}
    assert sdk.models.retrieve("gpt-5.5").display_name == "gpt-5.5"
    with pytest.raises(anthropic.NotFoundError):
        sdk.models.retrieve("gpt-nothing")


def test_what_only_anthropic_has_is_not_there(sdk: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError):
        sdk.messages.batches.list()
    with pytest.raises(anthropic.NotFoundError):
        sdk.beta.files.list()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, anthropic.BadRequestError),
        (403, anthropic.PermissionDeniedError),
        (404, anthropic.NotFoundError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
    ],
)
@both
def test_errors(sdk: anthropic.Anthropic, status: int, kind: type[anthropic.APIStatusError], stream: bool) -> None:
    with pytest.raises(kind) as caught:
        say(sdk, HELLO, stream=stream, extra_headers={"x-simulate": f"status={status}"})
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["type"] == "error"


def test_a_prompt_that_is_too_long_is_said_as_anthropic_says_it(sdk: anthropic.Anthropic) -> None:
    text = "This model's maximum context length is 1000 tokens. However, your messages resulted in 1200 tokens."
    script = f"status=400;error_code=context_length_exceeded;message={text}"
    with pytest.raises(anthropic.BadRequestError, match="prompt is too long: 1200 tokens > 1000 maximum"):
        say(sdk, HELLO, stream=True, extra_headers={"x-simulate": script})


def test_an_upstream_that_dies_in_mid_stream(sdk: anthropic.Anthropic) -> None:
    for script in ("error_at=30", "cut_at=9000;count=body"):
        with pytest.raises(anthropic.APIStatusError) as caught:
            say(sdk, HELLO, stream=True, extra_headers={"x-simulate": f"text_tokens=200;tokens_per_s=2000;{script}"})
        assert caught.value.status_code == 200


def test_a_server_tool_is_refused_by_name(sdk: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="tools"):
        say(sdk, HELLO, stream=False, tools=[{"type": "web_search_20260209", "name": "web_search"}])


def test_a_budget_ends_a_stream_as_a_whole_message(other_house: House) -> None:
    (key,) = other_house.gateway.mint(1, "--budget-tokens", "700")
    with anthropic.Anthropic(api_key=key, base_url=other_house.gateway.url, max_retries=0) as client:
        message = say(client, HELLO, stream=True, extra_headers={"x-simulate": "text_tokens=900;tokens_per_s=9000"})
    assert message.stop_reason == "max_tokens"
    assert 300 < message.usage.output_tokens < 700
