"""Nothing is lost silently: every field of a request is carried, refused by name, or listed."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from anthropic.types import message_create_params
from anthropic.types.beta import message_create_params as beta_message_create_params
from openai.types.chat import completion_create_params

from gateway.core.faults import Fault, FaultKind
from gateway.core.profile import DEFAULTS
from gateway.dialects.losses import IDLE, NAMES_SHOWN_MAX, Losses
from gateway.dialects.translation import CODECS
from tests.dialects.shapes import LEAF_NUMBER, LEAF_TEXT, TEXT, Field, Walk, schema_of

Document = dict[str, Any]

# Fields of the SDKs' methods that travel as headers.
HEADERS = {"betas", "workspace_id", "user_profile_id"}
# What does not go to the upstream: the name that is asked for, and what is about the form of the answer. Both decide what the
# answer looks like, and the tests of that look at them.
ABOUT_THE_ANSWER = {("model",), ("stream_options", "include_usage")}


def outcome(document: Document, client: str, upstream: str) -> tuple[bytes, tuple[str, ...], Fault | None]:
    losses = Losses(client)
    try:
        conversation = CODECS[client].read_request(document, losses)
        written = CODECS[upstream].write_request(conversation, "served", DEFAULTS[upstream], losses)
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


CASES = [
    (message_create_params.MessageCreateParamsNonStreaming, "anthropic", "openai_chat", complete_anthropic),
    (beta_message_create_params.MessageCreateParamsNonStreaming, "anthropic", "openai_chat", complete_anthropic),
    (completion_create_params.CompletionCreateParamsNonStreaming, "openai_chat", "anthropic", complete_openai),
]


@pytest.mark.parametrize(("kind", "client", "upstream", "complete"), CASES, ids=["anthropic", "anthropic-beta", "openai_chat"])
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
