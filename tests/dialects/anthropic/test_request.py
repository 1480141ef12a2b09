"""Requests: refused with the upstream's words what it certainly refuses, passed what a newer client may legally send. [A4]"""

import json
from collections.abc import Callable
from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.faults import Fault, FaultKind
from gateway.dialects.anthropic import request
from gateway.dialects.anthropic.request import Request, check, check_version, replace_model

OLD, NEW, LATER = "2023-06-01", "2026-10-21", "2031-01-01"
Document = dict[str, object]


def minimal(**fields: object) -> Document:
    return {"model": "claude-opus-5-5", "max_tokens": 10, "messages": [{"role": "user", "content": "Hi"}]} | fields


def without(field: str) -> Document:
    return {name: value for name, value in minimal().items() if name != field}


def ask(document: object, version: str = OLD, betas: frozenset[str] = frozenset(), *, count_tokens: bool = False) -> Request:
    return check(orjson.dumps(document), version=version, betas=betas, count_tokens=count_tokens)


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(Fault) as raised:
        call()
    assert raised.value.kind is FaultKind.INVALID
    return raised.value.text


def test_a_request_tells_what_the_gateway_needs() -> None:
    body = b'{ "stream": true, "model" : "m\\u0061x", "max_tokens": 7, "messages": [{"role": "user", "content": "Hi"}], "new": 1}'
    found = check(body, version=OLD, betas=frozenset())
    assert (found.model, found.stream, found.max_tokens) == ("max", True, 7)
    assert body[slice(*found.model_span)] == b'"m\\u0061x"'
    assert found.document["new"] == 1
    assert repr(found) == "<Request 'max' stream=True max_tokens=7>"


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({}, "max_tokens: Field required"),
        (without("max_tokens"), "max_tokens: Field required"),
        (without("messages"), "messages: Field required"),
        (without("model"), "model: Field required"),
        (minimal(max_tokens="10"), "max_tokens: Input should be a valid integer"),
        (minimal(max_tokens=1.5), "max_tokens: Input should be a valid integer"),
        (minimal(max_tokens=True), "max_tokens: Input should be a valid integer"),
        (minimal(max_tokens=None), "max_tokens: Input should be a valid integer"),
        (minimal(max_tokens=-1), "max_tokens: Input should be greater than or equal to 0"),
        (minimal(max_tokens=0, stream=True), "max_tokens: Input should be greater than or equal to 1"),
        (minimal(max_tokens=0, tool_choice={"type": "any"}), "max_tokens: Input should be greater than or equal to 1"),
        (
            minimal(max_tokens=0, thinking={"type": "enabled", "budget_tokens": 1024}),
            "max_tokens: Input should be greater than or equal to 1",
        ),
        (minimal(model=5), "model: Input should be a valid string"),
        (minimal(model=None), "model: Input should be a valid string"),
        (minimal(model=""), "model: String should have at least 1 character"),
        (minimal(model="m" * 257), "model: String should have at most 256 characters"),
        (minimal(stream="true"), "stream: Input should be a valid boolean"),
        (minimal(stream=1), "stream: Input should be a valid boolean"),
        (minimal(system=5), "system: Input should be a valid list"),
        (minimal(system={"type": "text", "text": "x"}), "system: Input should be a valid list"),
        (minimal(metadata="me"), "metadata: Input should be a valid dictionary"),
        (minimal(metadata={"user_id": 5}), "metadata.user_id: Input should be a valid string"),
        (minimal(output_config=[]), "output_config: Input should be a valid dictionary"),
        (minimal(cache_control="ephemeral"), "cache_control: Input should be a valid dictionary"),
        (minimal(service_tier=1), "service_tier: Input should be a valid string"),
        (minimal(inference_geo=["us"]), "inference_geo: Input should be a valid string"),
        (minimal(stop_sequences="x"), "stop_sequences: Input should be a valid list"),
        (minimal(stop_sequences=["x", 5]), "stop_sequences.1: Input should be a valid string"),
        (minimal(temperature="0.5"), "temperature: Input should be a valid number"),
        (minimal(temperature=True), "temperature: Input should be a valid number"),
        (minimal(temperature=1.1), "temperature: Input should be less than or equal to 1"),
        (minimal(temperature=-0.1), "temperature: Input should be greater than or equal to 0"),
        (minimal(top_p=2), "top_p: Input should be less than or equal to 1"),
        (minimal(top_k=-1), "top_k: Input should be greater than or equal to 0"),
        (minimal(top_k=0.5), "top_k: Input should be a valid integer"),
        (minimal(thinking=True), "thinking: Input should be a valid dictionary"),
        (minimal(thinking={}), "thinking.type: Field required"),
        (minimal(thinking={"type": "enabled"}), "thinking.enabled.budget_tokens: Field required"),
        (
            minimal(thinking={"type": "enabled", "budget_tokens": "2000"}),
            "thinking.enabled.budget_tokens: Input should be a valid integer",
        ),
        (
            minimal(thinking={"type": "enabled", "budget_tokens": 1023}),
            "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
        ),
        (
            minimal(max_tokens=9000, thinking={"type": "enabled", "budget_tokens": 2000}, tool_choice={"type": "any"}),
            "Thinking may not be enabled when tool_choice forces tool use.",
        ),
        (minimal(tool_choice="auto"), "tool_choice: Input should be a valid dictionary"),
        (minimal(tools={}), "tools: Input should be a valid list"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refused_in_the_upstreams_words(document: Document, text: str) -> None:
    assert refusal(lambda: ask(document)) == text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "The request body is not valid JSON: "),
        (b'{"model":', "The request body is not valid JSON: unexpected end of data: line 1 column 10"),
        (b"[]", "Input should be a valid dictionary"),
        (b"null", "Input should be a valid dictionary"),
        (orjson.dumps(minimal())[:-1] + b',"model":"other"}', "The request body is not valid JSON: a top-level key"),
        (orjson.dumps(minimal())[:-1] + b',"mod\\u0065l":"other"}', "The request body is not valid JSON: a top-level key"),
        (orjson.dumps(minimal()) + b"\n{}", "The request body is not valid JSON: unexpected content after document"),
    ],
)
def test_what_is_no_single_object_is_refused(body: bytes, text: str) -> None:
    assert refusal(lambda: check(body, version=OLD, betas=frozenset())).startswith(text)


CLAUDE_CODE_TURN = minimal(
    max_tokens=32000,
    stream=True,
    system=[
        {"type": "text", "text": "x-header: y"},
        {"type": "text", "text": "You are", "cache_control": {"type": "ephemeral", "ttl": "1h", "scope": "global"}},
    ],
    messages=[
        {"role": "user", "content": [{"type": "text", "text": "Go", "cache_control": {"type": "ephemeral"}}]},
        {"role": "system", "content": "A reminder", "clear_at": "next_user_message"},
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "", "signature": "s"}, {"type": "text", "text": "I go"}],
        },
        {"role": "user", "content": "On"},
    ],
    tools=[{"name": "Bash", "description": "d", "input_schema": {"type": "object"}, "eager_input_streaming": True}],
    thinking={"type": "adaptive"},
    output_config={"effort": "high"},
    context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    metadata={"user_id": "u"},
    safeguards={},
    tags=["a"],
    program_use_case_id="p",
)


@pytest.mark.parametrize("version", [OLD, NEW, LATER])
@pytest.mark.parametrize(
    "document",
    [
        minimal(),
        CLAUDE_CODE_TURN,
        minimal(max_tokens=0),
        minimal(max_tokens=10.0),
        minimal(max_tokens=2**40),  # the upstream knows the model's longest answer
        minimal(model="a-model/of:tomorrow"),
        minimal(stream=None, system=None, tools=None, tool_choice=None, thinking=None, metadata=None, stop_sequences=None),
        minimal(temperature=None, top_p=None, top_k=None, cache_control=None, container=None, output_config=None),
        minimal(metadata={"user_id": None, "new": 1}),
        minimal(service_tier="of_tomorrow", speed="ludicrous", inference_geo="moon"),
        minimal(output_config={"effort": "of_tomorrow", "format": {"type": "json_schema", "schema": {}}}),
        minimal(thinking={"type": "of_tomorrow", "budget_tokens": "many"}),
        minimal(thinking={"type": "between_tools"}),
        minimal(thinking={"type": "disabled"}, tool_choice={"type": "any"}),
        minimal(thinking={"type": "adaptive", "display": "updates"}),
        minimal(tool_choice={"type": "of_tomorrow"}),
        minimal(
            container={"id": "c", "skills": []}, fallbacks="default", thread={"type": "continue", "previous_message_id": "m"}
        ),
        minimal(diagnostics={"previous_message_id": None}, mcp_servers=[], betas=["x"], unknown={"deep": [1, None]}),
        minimal(stop_sequences=[]),
        minimal(tools=[]),
        minimal(system=""),
        minimal(system=[]),
        minimal(number=123456789012345678901234567890),
    ],
)
def test_what_a_newer_client_may_send_passes(document: Document, version: str) -> None:
    body = (
        orjson.dumps(document)
        if "number" not in document
        else b'{"number":123456789012345678901234567890,' + orjson.dumps(minimal())[1:]
    )
    assert check(body, version=version, betas=frozenset({"some-beta-2030-01-01"})).model == document["model"]


@pytest.mark.parametrize("field", ["temperature", "top_p", "top_k"])
def test_sampling_by_version(field: str) -> None:
    assert ask(minimal(**{field: 1})).max_tokens == 10
    assert refusal(lambda: ask(minimal(**{field: 1}), NEW)) == f"{field}: Extra inputs are not permitted"
    assert refusal(lambda: ask(minimal(**{field: 1}), NEW, count_tokens=True)) == f"{field}: Extra inputs are not permitted"
    ask(minimal(**{field: 7}), LATER)  # nobody knows yet what that version allows


def test_the_thinking_budget_fits_into_the_answer_unless_thinking_is_interleaved() -> None:
    document = minimal(max_tokens=2000, thinking={"type": "enabled", "budget_tokens": 2000})
    assert refusal(lambda: ask(document)).startswith("`max_tokens` must be greater than `thinking.budget_tokens`. Please consult")
    ask(document, betas=frozenset({"interleaved-thinking-2025-05-14"}))
    ask(minimal(max_tokens=2001, thinking={"type": "enabled", "budget_tokens": 2000}))


def test_breakpoints_are_counted_over_the_whole_request() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    text = {"type": "text", "text": "x"}
    tool = {"name": "t", "input_schema": {"type": "object"}}
    result = {"type": "tool_result", "tool_use_id": "a", "content": [text | mark]}
    messages = [
        {"role": "user", "content": [text | mark]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "t", "input": {}}]},
        {"role": "user", "content": [result]},
    ]
    document = minimal(messages=messages, tools=[tool | mark], system=[text | mark])
    ask(document)
    document["system"] = [text | mark, text | mark, text | {"cache_control": None}]
    expected = "A maximum of 4 blocks with cache_control may be provided. Found 5."
    assert refusal(lambda: ask(document)) == expected


def test_count_tokens_has_neither_an_answer_nor_a_stream() -> None:
    found = ask(without("max_tokens") | {"stream": "whatever", "stop_sequences": 5}, count_tokens=True)
    assert (found.max_tokens, found.stream) == (0, False)
    ask(without("max_tokens") | {"thinking": {"type": "enabled", "budget_tokens": 5000}}, count_tokens=True)
    assert refusal(lambda: ask(without("model"), count_tokens=True)) == "model: Field required"


@pytest.mark.parametrize("value", [b"2023-06-01", b"2026-10-21", b" 2023-06-01 ", b"2026-10-22", b"2031-01-01"])
def test_versions_that_pass(value: bytes) -> None:
    assert check_version(value) == value.strip().decode()


@pytest.mark.parametrize(
    "value",
    [
        "",
        "2023-01-01",
        "2023-10-01",
        "2023-06-01, 2023-06-01",
        "2023-06-01,2026-10-21",
        "2031-02-30",
        "2031-1-1",
        "latest",
        "2031-01-01x",
    ],
)
def test_versions_that_do_not(value: str) -> None:
    assert refusal(lambda: check_version(value.encode())) == f'anthropic-version: "{value}" is not a valid version'


def test_a_missing_version_and_an_endless_one() -> None:
    assert refusal(lambda: check_version(None)) == "anthropic-version: header is required"
    assert len(refusal(lambda: check_version(b"9" * 8000))) < 150
    assert refusal(lambda: check_version(b"\xff")) == 'anthropic-version: "\xff" is not a valid version'


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(before=NAMES, after=NAMES, space=st.sampled_from(["", " ", "\n\t "]))
def test_only_the_models_name_changes(before: str, after: str, space: str) -> None:
    head = f'{{"extra":{{"model":"inner"}},{space}"model"{space}:{space}'.encode()
    tail = f'{space},"max_tokens":1,"messages":[{{"role":"user","content":"\\u0041 {{}}"}}]}}'.encode()
    body = head + orjson.dumps(before) + tail
    found = check(body, version=OLD, betas=frozenset())
    assert found.model == before
    changed = replace_model(body, found.model_span, after)
    assert changed == head + orjson.dumps(after) + tail
    assert check(changed, version=OLD, betas=frozenset()).model == after


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "role", "content", "id", "name", "input", "cache_control", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
TOP = [
    "model",
    "max_tokens",
    "messages",
    "stream",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "metadata",
    "stop_sequences",
    "top_k",
]


@given(fields=st.dictionaries(st.sampled_from(TOP), JSON), version=st.sampled_from([OLD, NEW, LATER]), count_tokens=st.booleans())
def test_whatever_stands_in_a_field_is_a_request_or_a_refusal(fields: Document, version: str, count_tokens: bool) -> None:
    """R9 in its short form: no value anywhere in a request makes the check fail in another way."""
    body = json.dumps(minimal() | fields).encode()
    with suppress(Fault):
        assert check(body, version=version, betas=frozenset(), count_tokens=count_tokens).model


def test_the_fault_keeps_nothing_of_the_body() -> None:
    with pytest.raises(Fault) as raised:
        request.read(b'{"canary": "canary" x}')
    error: BaseException | None = raised.value
    while error is not None:
        assert "canary" not in str(error) + repr(getattr(error, "__dict__", {}))
        error = error.__context__
