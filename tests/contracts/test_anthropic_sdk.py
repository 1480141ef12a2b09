"""Anthropic's own SDK through the gateway: every way to write the base URL, the credential and the version."""

import http.client
import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import pytest
from anthropic.types import MessageParam, ToolParam

from tests.contracts.conftest import House
from tests.serving import forgive_all

MODEL = "claude-sonnet-5-5"
HELLO: list[MessageParam] = [{"role": "user", "content": "hello there"}]
TOOLS: list[ToolParam] = [{"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}]


@pytest.fixture(scope="module", params=["", "/v1", "/anthropic", "/anthropic/v1"])
def client(request: pytest.FixtureRequest, house: House) -> Iterator[anthropic.Anthropic]:
    """The SDK as it is today: it sends the key as a bearer token under the newest version."""
    with anthropic.Anthropic(api_key=house.key, base_url=house.gateway.url + request.param, max_retries=0) as sdk:
        yield sdk


def old(house: House, credential: str, version: str) -> anthropic.Anthropic:
    """The SDK with the headers of another release."""
    headers: dict[str, Any] = {"authorization": anthropic.Omit(), "x-api-key": anthropic.Omit(), "anthropic-version": version}
    headers |= {"x-api-key": house.key} if credential == "x-api-key" else {"authorization": f"Bearer {house.key}"}
    return anthropic.Anthropic(api_key=house.key, base_url=house.gateway.url, max_retries=0, default_headers=headers)


def test_create(client: anthropic.Anthropic) -> None:
    message = client.messages.create(model=MODEL, max_tokens=100, messages=HELLO)
    assert message.content[0].type == "text"
    assert '"hello there"' in message.content[0].text
    assert (message.stop_reason, message.model) == ("end_turn", MODEL)
    assert (message._request_id or "").startswith("req_")
    assert message.usage.input_tokens > 0


def test_stream(client: anthropic.Anthropic) -> None:
    with client.messages.stream(model=MODEL, max_tokens=100, messages=HELLO) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert '"hello there"' in text
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens > 0


def test_tools(client: anthropic.Anthropic) -> None:
    asked: list[MessageParam] = [{"role": "user", "content": "please use tool get_weather"}]
    message = client.messages.create(model=MODEL, max_tokens=500, messages=asked, tools=TOOLS)
    assert message.stop_reason == "tool_use"
    (call,) = (block for block in message.content if block.type == "tool_use")
    assert call.name == "get_weather"
    with client.messages.stream(model=MODEL, max_tokens=500, messages=asked, tools=TOOLS) as stream:
        streamed = stream.get_final_message()
    assert [block.type for block in streamed.content] == [block.type for block in message.content]


def test_count_tokens(client: anthropic.Anthropic) -> None:
    raw = client.messages.with_raw_response.count_tokens(model=MODEL, messages=HELLO)
    assert raw.parse().input_tokens > 0
    assert raw.headers["x-token-count-method"] == "upstream"


def test_models(client: anthropic.Anthropic) -> None:
    models = list(client.models.list())
    assert MODEL in [model.id for model in models]
    first = client.models.retrieve(models[0].id)
    assert (first.type, first.id) == ("model", models[0].id)
    assert first.display_name
    # What the upstream says of its model comes through.
    capabilities = client.models.retrieve("claude-sonnet-5-5").capabilities
    assert capabilities is not None
    assert capabilities.thinking.types.adaptive.supported


def test_models_for_claude_code(house: House) -> None:
    """B1: it asks for a thousand at once, without a version when it has a token, and gives up after three seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", house.gateway.port, timeout=3)
    connection.request("GET", "/v1/models?limit=1000", headers={"authorization": f"Bearer {house.key}"})
    rows = json.loads(connection.getresponse().read())["data"]
    connection.close()
    (row,) = [row for row in rows if row["id"] == MODEL]
    assert row["display_name"] == "Claude Sonnet 5.5"
    assert "fast" in [row["id"] for row in rows]


def test_models_by_pages(client: anthropic.Anthropic) -> None:
    pages = list(client.models.list(limit=3).iter_pages())
    assert len(pages) > 1
    assert sum(len(page.data) for page in pages) == len(list(client.models.list(limit=1000)))


def test_files(client: anthropic.Anthropic) -> None:
    uploaded = client.beta.files.upload(file=("notes.txt", b"some notes", "text/plain"))
    assert uploaded.filename == "notes.txt"
    assert uploaded.id in [file.id for file in client.beta.files.list()]
    assert client.beta.files.download(uploaded.id).read() == b"some notes"
    assert client.beta.files.delete(uploaded.id).id == uploaded.id
    with pytest.raises(anthropic.NotFoundError):
        client.beta.files.retrieve_metadata(uploaded.id)


def test_errors_are_those_of_the_upstream(client: anthropic.Anthropic) -> None:
    """Its text and its status, under its own request id, as the class an application catches."""
    for status, kind in ((400, anthropic.BadRequestError), (429, anthropic.RateLimitError), (529, anthropic.OverloadedError)):
        script = {"x-simulate": f"status={status};message=so it is;retry_after=7"}
        forgive_all()
        with pytest.raises(kind) as caught:
            client.messages.create(model=MODEL, max_tokens=5, messages=HELLO, extra_headers=script)
        assert caught.value.status_code == status
        assert "so it is" in str(caught.value)
        assert caught.value.response.headers["retry-after"] == "7"
        assert caught.value.request_id == json.loads(caught.value.response.text)["request_id"]


def test_errors_of_the_gateway_look_alike(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="at least one message is required"):
        client.messages.create(model=MODEL, max_tokens=5, messages=[])
    with pytest.raises(anthropic.AuthenticationError) as caught:
        client.with_options(api_key="sk-ant-wrong").messages.create(model=MODEL, max_tokens=5, messages=HELLO)
    assert caught.value.request_id == json.loads(caught.value.response.text)["request_id"]


def test_an_error_within_a_stream_is_raised(client: anthropic.Anthropic) -> None:
    with (
        client.messages.stream(model=MODEL, max_tokens=99, messages=HELLO, extra_headers={"x-simulate": "error_at=4"}) as stream,
        pytest.raises(anthropic.APIStatusError) as caught,
    ):
        stream.until_done()
    assert caught.value.status_code == 200


@pytest.mark.parametrize("version", ["2023-06-01", "2026-10-21"])
@pytest.mark.parametrize("credential", ["x-api-key", "bearer"])
def test_both_credentials_and_both_versions(house: House, credential: str, version: str) -> None:
    tag = f"{credential}-{version}"
    with old(house, credential, version) as sdk:
        raw = sdk.messages.with_raw_response.create(
            model=MODEL, max_tokens=9, messages=HELLO, extra_headers={"x-request-tag": tag}
        )
        assert raw.parse().stop_reason in ("end_turn", "max_tokens")
        with sdk.messages.stream(model=MODEL, max_tokens=9, messages=HELLO) as stream:
            stream.until_done()
        assert list(sdk.models.list())
    record = house.tagged(tag)
    sent = dict(record.headers)
    assert sent["anthropic-version"] == version
    assert (sent["x-api-key"], record.credential_sha256) == (house.secret_digest, house.secret_digest)
    assert "authorization" not in sent


def test_a_stale_key_beside_a_good_token(house: House) -> None:
    """SDKs send a key from the environment beside the token an application gave."""
    headers = {"x-api-key": "sk-ant-stale", "authorization": f"Bearer {house.key}", "anthropic-version": "2023-06-01"}
    body = {"model": MODEL, "max_tokens": 5, "messages": HELLO}
    answer = httpx.post(f"{house.gateway.url}/v1/messages", headers=headers, json=body)
    assert answer.status_code == 200


def test_sampling_depends_on_the_version(house: House) -> None:
    body: dict[str, Any] = {"temperature": 1.0}
    with old(house, "x-api-key", "2023-06-01") as sdk:
        assert sdk.messages.create(model=MODEL, max_tokens=5, messages=HELLO, extra_body=body)
    with (
        old(house, "x-api-key", "2026-10-21") as sdk,
        pytest.raises(anthropic.BadRequestError, match="temperature: Extra inputs are not permitted"),
    ):
        sdk.messages.create(model=MODEL, max_tokens=5, messages=HELLO, extra_body=body)


def test_the_results_of_a_batch_are_fetched_through_the_gateway(client: anthropic.Anthropic, house: House) -> None:
    """The SDK follows `results_url` as it stands, with the key it has: it must lead here, where that key is known."""
    params: Any = {"model": MODEL, "max_tokens": 50, "messages": HELLO}
    batch = client.messages.batches.create(requests=[{"custom_id": "one", "params": params}])
    ended = client.messages.batches.retrieve(batch.id)
    assert (ended.results_url or "").startswith(house.gateway.url + "/v1/messages/batches/")
    (result,) = client.messages.batches.results(batch.id)
    assert (result.custom_id, result.result.type) == ("one", "succeeded")
