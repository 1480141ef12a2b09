"""OpenAI's SDK through the gateway, before an upstream of Anthropic's dialect and before one of its own."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import BaseModel

from tests.contracts.conftest import House
from tests.contracts.conversations import IMAGE_TOKENS, WEATHER, png
from tests.serving import forgive_all

HELLO: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "hello there"},
]
TOOLS: list[ChatCompletionToolParam] = [{"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}]
MODELS = {"house": "claude-sonnet-5-5", "other_house": "gpt-5.5"}


class Place(BaseModel):
    city: str
    days: int


class Client:
    """The SDK with the model to ask for."""

    def __init__(self, sdk: openai.OpenAI, model: str) -> None:
        self.sdk = sdk
        self.model = model

    def chat(self, messages: list[Any] = HELLO, **more: Any) -> Any:
        return self.sdk.chat.completions.create(model=self.model, messages=messages, **more)

    def respond(self, given: Any = "hello there", **more: Any) -> Any:
        return self.sdk.responses.create(model=self.model, input=given, **more)


@pytest.fixture(scope="module", params=list(MODELS))
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    house: House = request.getfixturevalue(request.param)
    with openai.OpenAI(api_key=house.key, base_url=f"{house.gateway.url}/v1", max_retries=0) as sdk:
        yield Client(sdk, MODELS[request.param])


def said(headers: str) -> dict[str, str]:
    return {"x-simulate": headers}


def test_chat(client: Client) -> None:
    answer = client.chat()
    (choice,) = answer.choices
    assert '"hello there"' in choice.message.content
    assert (choice.finish_reason, answer.model, answer.object) == ("stop", client.model, "chat.completion")
    assert answer._request_id.startswith("req_")
    assert answer.usage.prompt_tokens > 0
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_chat_streamed(client: Client) -> None:
    chunks = list(client.chat(stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == client.chat().choices[0].message.content
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason] == ["stop"]
    assert chunks[-1].usage.completion_tokens > 0
    assert all(chunk.model == client.model for chunk in chunks)
    assert not any(chunk.usage for chunk in client.chat(stream=True))


def test_a_chat_that_ends_by_its_length(client: Client) -> None:
    answer = client.chat(max_completion_tokens=5, extra_headers=said("text_tokens=50"))
    assert (answer.choices[0].finish_reason, answer.usage.completion_tokens) == ("length", 5)


@pytest.mark.parametrize("stream", [False, True])
def test_tools_in_two_rounds(client: Client, stream: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "please use tool get_weather"}]
    if stream:
        with client.sdk.chat.completions.stream(model=client.model, messages=messages, tools=TOOLS) as streamed:
            first: Any = streamed.get_final_completion().choices[0]
    else:
        first = client.chat(messages, tools=TOOLS).choices[0]
    assert first.finish_reason == "tool_calls"
    (call,) = first.message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "simulated", "days": 1})
    messages += [
        first.message.model_dump(
            exclude_none=True, exclude={"parsed": True, "tool_calls": {"__all__": {"function": {"parsed_arguments"}}}}
        ),
        {"role": "tool", "tool_call_id": call.id, "content": "rain"},
    ]
    second = client.chat(messages, tools=TOOLS).choices[0]
    assert (second.finish_reason, '"rain"' in second.message.content) == ("stop", True)


@pytest.mark.parametrize("stream", [False, True])
def test_tools_at_once(client: Client, stream: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "please use tool get_weather"}]
    script = said("calls=3")
    if stream:
        with client.sdk.chat.completions.stream(
            model=client.model, messages=messages, tools=TOOLS, extra_headers=script
        ) as streamed:
            calls = streamed.get_final_completion().choices[0].message.tool_calls or []
    else:
        calls = client.chat(messages, tools=TOOLS, extra_headers=script).choices[0].message.tool_calls
    assert len({call.id for call in calls}) == 3
    written = [
        {"id": call.id, "type": "function", "function": {"name": call.function.name, "arguments": call.function.arguments}}
        for call in calls
    ]
    messages.append({"role": "assistant", "tool_calls": written})
    messages += [{"role": "tool", "tool_call_id": call.id, "content": f"rain {place}"} for place, call in enumerate(calls)]
    answer = client.chat(messages, tools=TOOLS)
    assert answer.choices[0].finish_reason == "stop"
    messages.pop()
    with pytest.raises(openai.BadRequestError):
        client.chat(messages, tools=TOOLS)


def test_images(client: Client) -> None:
    parts = [{"type": "text", "text": "what is it"}]
    without = client.chat([{"role": "user", "content": parts}]).usage.prompt_tokens
    parts.append({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{png()}"}})  # type: ignore[dict-item]
    assert client.chat([{"role": "user", "content": parts}]).usage.prompt_tokens - without >= IMAGE_TOKENS


def test_structured_output(client: Client) -> None:
    parsed = client.sdk.chat.completions.parse(model=client.model, messages=HELLO, response_format=Place)
    assert parsed.choices[0].message.parsed == Place(city="simulated", days=1)
    response = client.sdk.responses.parse(model=client.model, input="hello", text_format=Place)
    assert response.output_parsed == Place(city="simulated", days=1)


@pytest.mark.parametrize("stream", [False, True])
def test_thinking_and_tools_over_three_turns(client: Client, stream: bool) -> None:
    """The upstream refuses a signature that is not its own, and a thought that stayed behind would be named in the header."""
    messages: list[Any] = []
    settings: dict[str, Any] = {"model": client.model, "tools": TOOLS, "reasoning_effort": "medium"}
    for turn in ("one", "two", "three"):
        messages.append({"role": "user", "content": f"{turn}: please use tool get_weather"})
        if stream:
            with client.sdk.chat.completions.stream(
                messages=messages, stream_options={"include_usage": True}, **settings
            ) as streamed:
                answer: Any = streamed.get_final_completion()
        else:
            answer = client.sdk.chat.completions.create(messages=messages, **settings)
        message = answer.choices[0].message
        assert answer.usage.completion_tokens_details.reasoning_tokens == 16
        assert message.reasoning_content
        (call,) = message.tool_calls
        kept = {"parsed": True, "tool_calls": {"__all__": {"index": True, "function": {"parsed_arguments"}}}}
        messages += [
            message.model_dump(exclude_none=True, exclude=kept),
            {"role": "tool", "tool_call_id": call.id, "content": f"rain {turn}"},
        ]
        raw = client.sdk.chat.completions.with_raw_response.create(messages=messages, **settings)
        assert raw.headers.get("x-gateway-dropped") is None
        told = raw.parse().choices[0].message
        assert f'"rain {turn}"' in told.content
        messages.append(told.model_dump(exclude_none=True))


def test_responses(client: Client) -> None:
    response = client.respond(instructions="be brief")
    assert '"hello there"' in response.output_text
    assert (response.status, response.model) == ("completed", client.model)
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    with client.sdk.responses.stream(model=client.model, input="hello there") as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert final.output_text == response.output_text
    numbers = [event.sequence_number for event in events if hasattr(event, "sequence_number")]
    assert numbers == sorted(numbers)
    assert events[-1].type == "response.completed"


@pytest.mark.parametrize("stream", [False, True])
def test_responses_with_tools_and_thoughts(client: Client, stream: bool) -> None:
    tools = [{"type": "function", "name": "get_weather", "parameters": WEATHER, "strict": True}]
    settings: dict[str, Any] = {
        "tools": tools,
        "store": False,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
    }
    given: list[Any] = [{"role": "user", "content": "please use tool get_weather"}]
    for turn in ("rain", "sun"):
        if stream:
            with client.sdk.responses.stream(model=client.model, input=given, **settings) as streamed:
                response: Any = streamed.get_final_response()
        else:
            response = client.respond(given, **settings)
        kinds = [item.type for item in response.output]
        assert kinds == ["reasoning", "function_call"]
        assert response.output[0].encrypted_content
        given += [item.model_dump(exclude_none=True, exclude={"parsed_arguments", "status"}) for item in response.output]
        given.append({"type": "function_call_output", "call_id": response.output[1].call_id, "output": turn})
        told = client.respond(given, **settings)
        assert f'"{turn}"' in told.output_text
        given += [item.model_dump(exclude_none=True, exclude={"status"}) for item in told.output]
        given.append({"role": "user", "content": "again, please use tool get_weather"})


def test_responses_with_tools_at_once_and_a_picture(client: Client) -> None:
    tools = [{"type": "function", "name": "get_weather", "parameters": WEATHER, "strict": True}]
    words: dict[str, Any] = {"type": "input_text", "text": "please use tool get_weather"}
    without = client.respond([{"role": "user", "content": [words]}]).usage.input_tokens
    picture = {"type": "input_image", "image_url": f"data:image/png;base64,{png()}", "detail": "auto"}
    given: list[Any] = [{"role": "user", "content": [words, picture]}]
    assert client.respond(given).usage.input_tokens - without >= IMAGE_TOKENS
    first = client.respond(given, tools=tools, extra_headers=said("calls=3"))
    calls = [item for item in first.output if item.type == "function_call"]
    assert len({call.call_id for call in calls}) == 3
    given += [item.model_dump(exclude_none=True, exclude={"status"}) for item in first.output]
    given += [{"type": "function_call_output", "call_id": call.call_id, "output": "rain"} for call in calls]
    assert '"rain' in client.respond(given, tools=tools).output_text
    with pytest.raises(openai.BadRequestError):
        client.respond(given[:-1], tools=tools)


def test_a_stream_comes_to_the_same_as_the_whole_answer(client: Client) -> None:
    """Words, thoughts, their signatures, calls, figures; only ids are new in each answer."""
    messages: list[Any] = [{"role": "user", "content": "please use tool get_weather"}]
    chat: dict[str, Any] = {"model": client.model, "messages": messages, "tools": TOOLS, "reasoning_effort": "medium"}
    with client.sdk.chat.completions.stream(stream_options={"include_usage": True}, **chat) as streamed:
        pieced: Any = streamed.get_final_completion()
    whole = client.sdk.chat.completions.create(**chat)
    assert chat_said(pieced) == chat_said(whole)

    tools = [{"type": "function", "name": "get_weather", "parameters": WEATHER, "strict": True}]
    asked: dict[str, Any] = {"input": messages, "tools": tools, "reasoning": {"effort": "medium", "summary": "auto"}}
    with client.sdk.responses.stream(model=client.model, **asked) as events:
        response: Any = events.get_final_response()
    told = client.sdk.responses.create(model=client.model, **asked)
    assert [item.type for item in told.output] == ["reasoning", "function_call"]
    assert response_said(response) == response_said(told)


def chat_said(completion: Any) -> Any:
    (choice,) = completion.choices
    message = choice.message
    calls = [(call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls]
    thoughts = (message.reasoning_content, getattr(message, "reasoning_details", None))
    return choice.finish_reason, message.content or None, calls, thoughts, completion.usage.model_dump()


def response_said(response: Any) -> Any:
    unlike = {"id": True, "call_id": True, "parsed_arguments": True}
    return [item.model_dump(exclude=unlike) for item in response.output], response.status, response.usage.model_dump()


def test_errors(client: Client) -> None:
    for status, kind in ((400, openai.BadRequestError), (404, openai.NotFoundError), (429, openai.RateLimitError)):
        forgive_all()
        with pytest.raises(kind) as caught:
            client.chat(extra_headers=said(f"status={status}"))
        assert isinstance(caught.value.body, dict)
        assert "code" in caught.value.body
    forgive_all()
    with pytest.raises(openai.InternalServerError):
        client.respond(extra_headers=said("status=500"))
    with pytest.raises(openai.APIError):
        list(client.chat(stream=True, extra_headers=said("text_tokens=90;tokens_per_s=900;error_at=20")))
    with pytest.raises(openai.APIError):
        list(client.respond(stream=True, extra_headers=said("text_tokens=90;tokens_per_s=900;cut_at=4000;count=body")))
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat(messages=[])
    assert refused.value.param == "messages"
    with pytest.raises(openai.AuthenticationError) as wrong:
        client.sdk.with_options(api_key="sk-wrong").chat.completions.create(model="m", messages=HELLO)
    assert wrong.value.code == "invalid_api_key"


def test_what_is_dropped_is_told(house: House) -> None:
    with openai.OpenAI(api_key=house.key, base_url=f"{house.gateway.url}/v1", max_retries=0) as sdk:
        raw = sdk.chat.completions.with_raw_response.create(model="claude-sonnet-5-5", messages=HELLO, seed=3)
        assert raw.headers["x-gateway-dropped"] == "seed"
        with pytest.raises(openai.BadRequestError) as refused:
            sdk.chat.completions.create(model="claude-sonnet-5-5", messages=HELLO, n=2)
        assert refused.value.param == "n"


def test_embeddings(house: House, other_house: House) -> None:
    with openai.OpenAI(api_key=other_house.key, base_url=f"{other_house.gateway.url}/v1", max_retries=0) as sdk:
        made = sdk.embeddings.create(model="text-embedding-3-small", input=["a", "b"])
        assert [len(row.embedding) for row in made.data] == [8, 8]
        text = sdk.completions.create(model="gpt-3.5-turbo-instruct", prompt="hello").choices[0].text
        assert "hello" in text
    with (
        openai.OpenAI(api_key=house.key, base_url=f"{house.gateway.url}/v1", max_retries=0) as sdk,
        pytest.raises(openai.NotFoundError),
    ):
        sdk.embeddings.create(model="text-embedding-3-small", input="a")


@pytest.mark.parametrize("base", ["/v1", "", "/v1/v1"])
def test_models_in_openai_shape(house: House, base: str) -> None:
    with openai.OpenAI(api_key=house.key, base_url=house.gateway.url + base, max_retries=0) as sdk:
        models = list(sdk.models.list())
        one = sdk.models.retrieve(models[0].id)
    assert {model.object for model in models} == {"model"}
    assert "claude-sonnet-5-5" in [model.id for model in models]
    assert (one.id, one.object, one.owned_by) == (models[0].id, "model", "anthropic")
    assert one.created > 1_600_000_000


def test_what_is_not_there_is_an_error_it_knows(client: Client) -> None:
    with pytest.raises(openai.NotFoundError):
        client.sdk.models.retrieve("no-such-model")
    with pytest.raises(openai.NotFoundError):
        client.sdk.responses.retrieve("resp_1")
    with pytest.raises(openai.AuthenticationError):
        client.sdk.with_options(api_key="sk-wrong").models.list()


@pytest.mark.parametrize("name", ["house", "other_house"])
def test_a_budget_ends_a_stream_as_a_whole_answer(name: str, request: pytest.FixtureRequest) -> None:
    """Whoever the upstream is: the reason to stop is the length, and nothing is broken off."""
    house: House = request.getfixturevalue(name)
    long = said("text_tokens=900;tokens_per_s=9000")
    (key,) = house.gateway.mint(1, "--budget-tokens", "700")
    with openai.OpenAI(api_key=key, base_url=f"{house.gateway.url}/v1", max_retries=0) as sdk:
        chunks = list(
            sdk.chat.completions.create(
                model=MODELS[name], messages=HELLO, stream=True, extra_headers=long, stream_options={"include_usage": True}
            )
        )
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason] == ["length"]
    assert chunks[-1].usage is not None
    assert 300 < chunks[-1].usage.completion_tokens < 700
    (key,) = house.gateway.mint(1, "--budget-tokens", "700")
    with openai.OpenAI(api_key=key, base_url=f"{house.gateway.url}/v1", max_retries=0) as sdk:
        *_, last = sdk.responses.create(model=MODELS[name], input="hello there", stream=True, extra_headers=long)
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details is not None
    assert last.response.incomplete_details.reason == "max_output_tokens"
    assert len(last.response.output_text) > 900
