"""Nothing is lost silently: every field of a request is carried, refused by name, or listed."""

import copy
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from anthropic.types import message_create_params
from anthropic.types.beta import message_create_params as beta_message_create_params
from openai.types.chat import completion_create_params

from gateway.core.faults import Fault, FaultKind
from gateway.core.profile import DEFAULTS, Profile
from gateway.dialects.losses import IDLE, NAMES_SHOWN_MAX, REFUSED, Losses
from gateway.dialects.translation import CODECS
from tests.dialects.shapes import LEAF_NUMBER, LEAF_TEXT, TEXT, Field, Walk, schema_of

Document = dict[str, Any]

# Fields of the SDKs' methods that travel as headers.
HEADERS = {"betas", "workspace_id", "user_profile_id"}
# What does not go to the upstream: the name that is asked for, and what is about the form of the answer. Both decide what the
# answer looks like, and the tests of that look at them.
ABOUT_THE_ANSWER = {("model",), ("stream_options", "include_usage")}
# What a client may say although it is done in any case: upstream, path, value.
ANYWAY = {("openai_responses", "thinking.display", "summarized")}


def outcome(
    document: Document, client: str, upstream: str, profile: Profile | None = None
) -> tuple[bytes, tuple[str, ...], Fault | None]:
    losses = Losses(client)
    try:
        conversation = CODECS[client].read_request(document, losses)
        written = CODECS[upstream].write_request(conversation, "served", profile or DEFAULTS[upstream], losses)
    except Fault as fault:
        return b"", losses.dropped, fault
    return written.body, losses.dropped, None


def kinds(document: Any) -> set[str]:
    """The types of blocks and tools in a document: what is left out whole is named by its type."""
    if isinstance(document, list):
        return {kind for one in document for kind in kinds(one)}
    if not isinstance(document, dict):
        return set()
    own = {document["type"]} if isinstance(document.get("type"), str) else set()
    return own | {kind for one in document.values() for kind in kinds(one)}


def is_told(field: Field, client: str, upstream: str, complete: Callable[[Document], Document]) -> bool:
    body, dropped, fault = outcome(complete(copy.deepcopy(field.document)), client, upstream)
    names = {*field.path, *kinds(field.document)}
    if fault is not None:
        assert fault.kind is FaultKind.INVALID
        return any(name in fault.text for name in names)
    if any(set(name.split(".")[-1:]) <= names for name in dropped):
        return True
    if LEAF_TEXT.encode() in body or str(LEAF_NUMBER).encode() in body:
        return True
    idle = IDLE[client].get(".".join(field.path), ())
    if field.value in idle or [field.value] in idle or (*field[:1], field.value) == (("stream",), False):
        return True
    if (upstream, ".".join(field.path), field.value) in ANYWAY:
        return True
    other = outcome(complete(copy.deepcopy(field.without)), client, upstream)
    return other[0] != body


def complete_anthropic(document: Document) -> Document:
    if not document.get("messages"):
        document["messages"] = [{"role": "user", "content": "hi"}]
    document.setdefault("model", "asked")
    document.setdefault("max_tokens", 64)
    if "tool_choice" in document:
        document["tools"] = [{"name": TEXT, "input_schema": {"type": "object"}}]
    return document


def complete_openai(document: Document) -> Document:
    document.setdefault("model", "asked")
    messages = document.get("messages") or [{"role": "user", "content": "hi"}]
    before: list[Document] = []
    after: list[Document] = []
    for message in messages:
        calls = message.get("tool_calls") or ()
        after += [{"role": "tool", "tool_call_id": call["id"], "content": "done"} for call in calls]
        if message.get("function_call"):
            after.append({"role": "function", "name": message["function_call"]["name"], "content": "done"})
        if message["role"] == "tool":
            call = {"id": message["tool_call_id"], "type": "function", "function": {"name": "f", "arguments": "{}"}}
            before = [{"role": "assistant", "content": None, "tool_calls": [call]}]
        if message["role"] == "function":
            before = [{"role": "assistant", "function_call": {"name": message["name"], "arguments": "{}"}}]
    document["messages"] = [*before, *messages, *after]
    if {"tool_choice", "parallel_tool_calls"} & document.keys():
        document["tools"] = [{"type": "function", "function": {"name": name}} for name in (TEXT, "another")]
    if "function_call" in document:
        document["functions"] = [{"name": TEXT}]
    if "stream_options" in document:
        document["stream"] = True
    return document


# What clients may say, by the SDKs' own types. Responses requests have a walk of their own, in openai_responses/test_losses.py.
SAID = {
    "anthropic": ("anthropic", message_create_params.MessageCreateParamsNonStreaming, complete_anthropic),
    "anthropic-beta": ("anthropic", beta_message_create_params.MessageCreateParamsNonStreaming, complete_anthropic),
    "openai_chat": ("openai_chat", completion_create_params.CompletionCreateParamsNonStreaming, complete_openai),
}
CASES = [
    pytest.param(kind, client, upstream, complete, id=f"{name}-{upstream}")
    for name, (client, kind, complete) in SAID.items()
    for upstream in CODECS
    if upstream != client
]


@pytest.mark.parametrize(("kind", "client", "upstream", "complete"), CASES)
def test_every_field_is_carried_refused_or_listed(kind: object, client: str, upstream: str, complete: Any) -> None:
    walk = Walk(schema_of(kind))
    silent: dict[str, Any] = {}
    seen = 0
    for field in walk.fields(walk.root):
        optional_or_marked = not field.required or field.value in (LEAF_TEXT, LEAF_NUMBER)
        if field.path[0] in HEADERS or field.path in ABOUT_THE_ANSWER or not optional_or_marked:
            continue
        seen += 1
        if not is_told(field, client, upstream, complete):
            silent[".".join(field.path)] = field.value
    assert silent == {}
    assert seen > 100


def test_the_first_of_the_reasons_is_told_with_its_place() -> None:
    file = {"type": "image", "source": {"type": "file", "file_id": "file_zq"}}
    document = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, file]}]}
    fault = outcome(document, "anthropic", "openai_chat")[2]
    assert fault is not None
    assert fault.param == "messages.0.content.1.image.source"
    assert fault.text.startswith("messages.0.content.1.image.source: ")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 2),
        ("audio", {"voice": "a"}),
        ("modalities", ["text", "audio"]),
        ("web_search_options", {}),
        ("logit_bias", {"5": 1}),
    ],
)
def test_refused_fields_of_chat(field: str, value: object) -> None:
    fault = outcome({"model": "m", "messages": [{"role": "user", "content": "a"}], field: value}, "openai_chat", "anthropic")[2]
    assert fault is not None
    assert (fault.kind, fault.param) == (FaultKind.INVALID, field)


@pytest.mark.parametrize(
    ("field", "value"),
    [("n", 1), ("logprobs", False), ("store", False), ("presence_penalty", 0), ("modalities", ["text"]), ("seed", None)],
)
def test_values_that_ask_for_nothing_are_no_loss(field: str, value: object) -> None:
    document = {"model": "m", "messages": [{"role": "user", "content": "a"}], field: value}
    assert outcome(document, "openai_chat", "anthropic")[1:] == ((), None)


def test_an_odd_form_without_a_schema_and_an_odd_display_are_listed() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "tide", "strict": True}}
    document = HELLO["openai_chat"] | {"response_format": form}
    assert outcome(document, "openai_chat", "openai_responses")[1:] == (
        ("response_format.json_schema.name", "response_format.json_schema.strict"),
        None,
    )
    document = HELLO["anthropic"] | {"thinking": {"type": "adaptive", "display": "updates"}}
    assert outcome(document, "anthropic", "openai_responses")[1:] == (("thinking.display",), None)


def test_fields_nobody_has_heard_of_are_listed() -> None:
    losses = Losses("anthropic")
    block = {"type": "text", "text": "a", "glow": 1}
    document = {
        "model": "m",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": [block]}],
        "safeguards": {},
        "bad name!": 1,
    }
    conversation = CODECS["anthropic"].read_request(document, losses)
    CODECS["openai_chat"].write_request(conversation, "served", DEFAULTS["openai_chat"], losses)
    assert losses.dropped == ("safeguards", "bad name!", "messages.content.text.glow")
    assert losses.header() == b"safeguards, ?, messages.content.text.glow"
    assert repr(losses) == "<Losses safeguards, bad name!, messages.content.text.glow>"


def test_the_header_is_bounded() -> None:
    losses = Losses("anthropic")
    losses.judge_all("", {f"field-{number}": 1 for number in range(NAMES_SHOWN_MAX + 5)})
    assert losses.header().count(b",") == NAMES_SHOWN_MAX
    assert losses.header().endswith(b", and-5-more")
    assert Losses("anthropic").header() == b""


PICTURE = "data:image/png;base64,iVBORw0KGgo="
# What both of OpenAI's dialects have a name for and Anthropic's has none, in a request of each, with the names of it.
KIN: dict[str, tuple[Document, tuple[str, ...]]] = {
    "openai_chat": (
        {
            "model": "m",
            "messages": [
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}}]},
            ],
            "verbosity": "high",
            "prompt_cache_key": "zq",
        },
        ("messages.content.image_url.detail", "verbosity", "prompt_cache_key"),
    ),
    "openai_responses": (
        {
            "model": "m",
            "input": [{"role": "user", "content": [{"type": "input_image", "image_url": PICTURE, "detail": "low"}]}],
            "text": {"verbosity": "high"},
            "prompt_cache_key": "zq",
        },
        ("input.content.detail", "text.verbosity", "prompt_cache_key"),
    ),
}


@pytest.mark.parametrize(("client", "upstream"), [("openai_chat", "openai_responses"), ("openai_responses", "openai_chat")])
def test_what_both_of_openais_dialects_have_is_carried(client: str, upstream: str) -> None:
    document, names = KIN[client]
    body, dropped, fault = outcome(document, client, upstream)
    assert (dropped, fault) == ((), None)
    sent = json.loads(body)
    text = sent.get("text") or sent
    assert (text["verbosity"], sent["prompt_cache_key"]) == ("high", "zq")
    assert b'"detail":"low"' in body

    body, dropped, fault = outcome(document, client, upstream, replace(DEFAULTS[upstream], verbosity=False, cache_key=False))
    assert (set(dropped), fault) == (set(names[1:]), None)
    assert b"verbosity" not in body
    assert b"zq" not in body

    assert outcome(document, client, "anthropic")[1:] == (names, None)


@pytest.mark.parametrize("client", CODECS)
@pytest.mark.parametrize("upstream", CODECS)
def test_what_a_profile_does_not_take_is_named(client: str, upstream: str) -> None:
    said: dict[str, tuple[Document, str]] = {
        "anthropic": ({"metadata": {"user_id": "ann"}, "service_tier": "auto"}, "metadata.user_id"),
        "openai_chat": ({"user": "ann", "service_tier": "auto"}, "user"),
        "openai_responses": ({"safety_identifier": "ann", "service_tier": "auto"}, "safety_identifier"),
    }
    fields, name = said[client]
    profile = replace(DEFAULTS[upstream], user=False, service_tier=False)
    assert outcome(HELLO[client] | fields, client, upstream, profile)[1:] == ((name, "service_tier"), None)


def test_a_second_name_of_the_user_is_named() -> None:
    document = HELLO["openai_responses"] | {"safety_identifier": "ann", "user": "bob"}
    assert outcome(document, "openai_responses", "anthropic")[1:] == (("user",), None)
    assert outcome(document | {"user": "ann"}, "openai_responses", "anthropic")[1:] == ((), None)


def test_thoughts_are_named_in_the_clients_words() -> None:
    reasoning = {"effort": "low", "summary": "auto", "context": "all"}
    document = HELLO["openai_responses"] | {"reasoning": reasoning}
    assert outcome(document, "openai_responses", "openai_chat")[1:] == (("reasoning.context", "reasoning.summary"), None)


@pytest.mark.parametrize("strict", [True, False])
def test_a_format_is_as_strict_as_was_said(strict: bool) -> None:
    form = {"type": "json_schema", "name": "tide", "schema": {"type": "object"}, "strict": strict}
    body, dropped, fault = outcome(HELLO["openai_responses"] | {"text": {"format": form}}, "openai_responses", "openai_chat")
    assert (dropped, fault) == ((), None)
    assert json.loads(body)["response_format"]["json_schema"]["strict"] is strict


README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
HELLO: dict[str, Document] = {
    "anthropic": {"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": "a"}]},
    "openai_chat": {"model": "m", "messages": [{"role": "user", "content": "a"}]},
    "openai_responses": {"model": "m", "input": "a"},
}
# Refused as it is read, in words of its own, whatever the upstream is.
REFUSED_EARLY = {"anthropic": set(), "openai_chat": set(), "openai_responses": {"previous_response_id"}}
EXAMPLES: Document = {
    "cache_control": {"type": "ephemeral"},
    "speed": "fast",
    "top_k": 5,
    "max_tool_calls": 3,
    "prompt_cache_key": "zq",
    "text.verbosity": {"verbosity": "low"},
    "truncation": "auto",
    "frequency_penalty": 0.5,
    "presence_penalty": 0.5,
    "logprobs": True,
    "store": True,
    "verbosity": "low",
}


def told(page: str, heading: str) -> dict[str, set[str]]:
    """The words in backticks in the second column of the table of dialects under this heading, by dialect."""
    table = page.partition(f"| dialect | {heading} |\n|---|---|\n")[2].partition("\n\n")[0]
    cells = [line.strip("| ").split(" | ") for line in table.splitlines()]
    return {name.strip("`"): set(re.findall(r"`([^`]+)`", words)) for name, words in cells}


def test_the_readme_lists_what_is_refused() -> None:
    assert told(README, "refused") == {name: fields.keys() | REFUSED_EARLY[name] for name, fields in REFUSED.items()}
    assert told(README.replace("`mcp_servers`, ", ""), "refused") != told(README, "refused")
    for dialect, fields in REFUSED_EARLY.items():
        for field in fields:
            fault = outcome(HELLO[dialect] | {field: "resp_1"}, dialect, "anthropic")[2]
            assert fault is not None
            assert fault.param == field


def test_the_examples_of_the_readme_are_left_out_and_named() -> None:
    examples = told(README, "left out and named")
    assert examples.keys() == CODECS.keys()
    for client, fields in examples.items():
        upstream = "openai_chat" if client == "anthropic" else "anthropic"
        for field in fields:
            document = HELLO[client] | {field.partition(".")[0]: EXAMPLES.get(field, {"zq": 1})}
            assert outcome(document, client, upstream)[1:] == ((field,), None), field
