"""The conversation: known blocks have their fields, unknown ones pass, calls and results pair up where that is certain."""

import pytest

from gateway.core.faults import Fault
from gateway.dialects.anthropic import turns

Block = dict[str, object]
Message = dict[str, object]

CALL_A: Block = {"type": "tool_use", "id": "toolu_A", "name": "t", "input": {}}
CALL_B: Block = CALL_A | {"id": "toolu_B"}
RESULT_A: Block = {"type": "tool_result", "tool_use_id": "toolu_A", "content": "fine"}
RESULT_B: Block = RESULT_A | {"tool_use_id": "toolu_B"}
TEXT: Block = {"type": "text", "text": "x"}


def user(*content: object) -> Message:
    return {"role": "user", "content": list(content)}


def assistant(*content: object) -> Message:
    return {"role": "assistant", "content": list(content)}


def check(*messages: object, count_tokens: bool = False, strict_documents: bool = False) -> int:
    return turns.check({"messages": list(messages)}, count_tokens=count_tokens, strict_documents=strict_documents)


def refusal(*messages: object, **options: bool) -> str:
    with pytest.raises(Fault) as raised:
        check(*messages, **options)
    return raised.value.text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "messages: Input should be a valid list"),
        ("Hi", "messages: Input should be a valid list"),
        ({"role": "user"}, "messages: Input should be a valid list"),
        ([], "messages: at least one message is required"),
        ([1], "messages.0: Input should be a valid dictionary"),
        (
            [{"role": "user", "content": "x"}] * 100_001,
            "messages: List should have at most 100000 items after validation, not 100001",
        ),
    ],
    ids=["null", "string", "object", "empty", "number", "too many"],
)
def test_messages_is_a_list_with_something_in_it(value: object, text: str) -> None:
    with pytest.raises(Fault) as raised:
        turns.check({"messages": value}, count_tokens=False, strict_documents=False)
    assert raised.value.text == text


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "x"}, "messages.0.role: Field required"),
        ({"role": 5, "content": "x"}, "messages.0.role: Input should be a valid string"),
        ({"role": "user"}, "messages.0.content: Field required"),
        ({"role": "user", "content": None}, "messages.0.content: Input should be a valid list"),
        ({"role": "assistant", "content": {}}, "messages.0.content: Input should be a valid list"),
        ({"role": "user", "content": ""}, "messages: text content blocks must be non-empty"),
        (user(5), "messages.0.content.0: Input should be a valid dictionary"),
        (user(TEXT, {}), "messages.0.content.1.type: Field required"),
        (user({"type": ["text"]}), "messages.0.content.0.type: Input should be a valid string"),
        (user({"type": "text"}), "messages.0.content.0.text.text: Field required"),
        (user({"type": "text", "text": None}), "messages.0.content.0.text.text: Input should be a valid string"),
        (user({"type": "text", "text": ""}), "messages: text content blocks must be non-empty"),
        (
            user({"type": "text", "text": "", "cache_control": {"type": "ephemeral"}}),
            "cache_control cannot be set for empty text blocks",
        ),
        (user({"type": "image"}), "messages.0.content.0.image.source: Field required"),
        (user({"type": "document", "source": "x"}), "messages.0.content.0.document.source: Input should be a valid dictionary"),
        (assistant({"type": "thinking", "thinking": "x"}), "messages.0.content.0.thinking.signature: Field required"),
        (assistant({"type": "redacted_thinking"}), "messages.0.content.0.redacted_thinking.data: Field required"),
        (assistant({"type": "tool_use", "name": "t", "input": {}}), "messages.0.content.0.tool_use.id: Field required"),
        (
            assistant(CALL_A | {"id": "no spaces"}),
            "messages.0.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
        ),
        (assistant(CALL_A | {"id": ""}), "messages.0.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"),
        (assistant(CALL_A | {"id": "a\n"}), "messages.0.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"),
        (assistant(CALL_A | {"input": "{}"}), "messages.0.content.0.tool_use.input: Input should be a valid dictionary"),
        (user({"type": "tool_result"}), "messages.0.content.0.tool_result.tool_use_id: Field required"),
        (user(RESULT_A | {"content": 5}), "messages.0.content.0.tool_result.content: Input should be a valid list"),
        (user(RESULT_A | {"content": [5]}), "messages.0.content.0.tool_result.content.0: Input should be a valid dictionary"),
        (user(RESULT_A | {"content": [{}]}), "messages.0.content.0.tool_result.content.0.type: Field required"),
        (
            user(RESULT_A | {"content": [TEXT, {"type": "text"}]}),
            "messages.0.content.0.tool_result.content.1.text.text: Field required",
        ),
    ],
)
def test_known_shapes_are_checked(message: Message, text: str) -> None:
    assert refusal(message) == text


@pytest.mark.parametrize(
    "message",
    [
        user(),
        assistant(),
        {"role": "assistant", "content": ""},
        {"role": "of_tomorrow"},
        {"role": "of_tomorrow", "content": 5},
        {"role": "system", "content": [TEXT], "clear_at": "never"},
        user({"type": "of_tomorrow"}),
        user({"type": "container_upload", "file_id": "f"}),
        user(TEXT | {"citations": None, "new": 1}),
        user({"type": "image", "source": {"type": "of_tomorrow"}}),
        user({"type": "search_result"}),
        assistant({"type": "server_tool_use"}, {"type": "web_search_tool_result"}, {"type": "compaction"}),
        assistant({"type": "thinking", "thinking": "", "signature": ""}),
    ],
)
def test_what_is_not_known_passes(message: Message) -> None:
    assert check(message) == 0


@pytest.mark.parametrize(
    "messages",
    [
        [user(TEXT), assistant(CALL_A), user(RESULT_A)],
        [user(TEXT), assistant(TEXT, CALL_A, CALL_B), user(RESULT_B, RESULT_A, TEXT)],
        # Messages of one role in a row are one turn.
        [user(TEXT), assistant(CALL_A), assistant(CALL_B), user(RESULT_A), user(RESULT_B, TEXT)],
        [user(TEXT), assistant(CALL_A), user(RESULT_A), assistant(CALL_A), user(RESULT_A)],
        [user(TEXT), assistant(CALL_A), user(RESULT_A, RESULT_A)],
        [user(TEXT), assistant(CALL_A), user(RESULT_A), assistant(TEXT)],
        [assistant(CALL_A), user(RESULT_A | {"content": None})],
    ],
)
def test_pairs(messages: list[Message]) -> None:
    assert check(*messages) == 0


UNANSWERED = (
    "messages.{}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` block must have "
    "a corresponding `tool_result` block in the next message."
)
UNEXPECTED = (
    "messages.{}.content.{}: unexpected `tool_use_id` found in `tool_result` blocks: {}. Each `tool_result` block must have a "
    "corresponding `tool_use` block in the previous message."
)


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([user(TEXT), assistant(CALL_A), user(TEXT)], UNANSWERED.format(1, "toolu_A")),
        ([user(TEXT), assistant(CALL_A), {"role": "user", "content": "x"}], UNANSWERED.format(1, "toolu_A")),
        ([user(TEXT), assistant(CALL_A, CALL_B), user(TEXT)], UNANSWERED.format(1, "toolu_A, toolu_B")),
        ([user(TEXT), assistant(CALL_A, CALL_B), user(RESULT_A)], UNANSWERED.format(1, "toolu_B")),
        ([user(TEXT), assistant(CALL_A)], UNANSWERED.format(1, "toolu_A")),
        ([user(TEXT), assistant(CALL_A), user(TEXT), assistant(TEXT), user(TEXT)], UNANSWERED.format(1, "toolu_A")),
        ([user(RESULT_A)], UNEXPECTED.format(0, 0, "toolu_A")),
        ([user(TEXT), assistant(TEXT), user(TEXT, RESULT_A)], UNEXPECTED.format(2, 1, "toolu_A")),
        ([user(TEXT), assistant(CALL_A), user(RESULT_A), assistant(TEXT), user(RESULT_A)], UNEXPECTED.format(4, 0, "toolu_A")),
        (
            [user(RESULT_A | {"tool_use_id": "a secret prompt"})],
            "messages.0.content.0.tool_result.tool_use_id: String should match pattern '^[a-zA-Z0-9_-]+$'",
        ),
    ],
)
def test_broken_pairs(messages: list[Message], text: str) -> None:
    assert refusal(*messages) == text


BROKEN = [user(TEXT), assistant(CALL_A), user(TEXT)]


@pytest.mark.parametrize("field", sorted(turns.EDITING_FIELDS))
def test_pairs_are_left_alone_when_the_upstream_may_see_another_conversation(field: str) -> None:
    assert turns.check({"messages": BROKEN, field: {}}, count_tokens=False, strict_documents=False) == 0


@pytest.mark.parametrize(
    "extra", [{"role": "system", "content": "x"}, assistant({"type": "compaction"}), user({"type": "of_tomorrow"})]
)
def test_pairs_are_left_alone_among_what_is_not_plain(extra: Message) -> None:
    check(*BROKEN, extra)


def test_pairs_are_left_alone_when_tokens_are_counted() -> None:
    check(*BROKEN, count_tokens=True)


def test_an_error_shows_neither_endless_ids_nor_endlessly_many() -> None:
    calls = [CALL_A | {"id": f"{number:0>5000}"} for number in range(200)]
    assert len(refusal(user(TEXT), assistant(*calls), user(TEXT))) < 3000
    assert len(refusal(user(RESULT_A | {"tool_use_id": "x" * 50_000}))) < 400


def test_the_new_version_refuses_documents_and_citations_in_their_old_places() -> None:
    document: Block = {"type": "document", "source": {}}
    cited = TEXT | {"citations": [{"type": "char_location"}]}
    check(assistant(document), user(cited))
    expected = "messages.0.content.0: Input tag 'document' found using 'type' does not match any of the expected tags: 'text', "
    assert refusal(assistant(document), strict_documents=True).startswith(expected)
    assert (
        refusal(user(TEXT, cited), strict_documents=True) == "messages.0.content.1.text.citations: Extra inputs are not permitted"
    )
    check(user(document, TEXT | {"citations": []}), assistant(cited), strict_documents=True)


def test_breakpoints_are_counted_in_blocks_and_in_results() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    content = [RESULT_A | mark | {"content": [TEXT | mark, TEXT, TEXT | {"cache_control": None}]}, TEXT | mark]
    assert check(user(TEXT), assistant(CALL_A | mark), user(*content)) == 4


@pytest.mark.parametrize(
    ("system", "text"),
    [
        (5, "system: Input should be a valid list"),
        ([5], "system.0: Input should be a valid dictionary"),
        ([{"text": "x"}], "system.0.type: Field required"),
        ([TEXT, {"type": "text"}], "system.1.text: Field required"),
        ([{"type": "text", "text": 5}], "system.0.text: Input should be a valid string"),
        ([{"type": "text", "text": "", "cache_control": {}}], "cache_control cannot be set for empty text blocks"),
    ],
)
def test_system_is_checked(system: object, text: str) -> None:
    with pytest.raises(Fault) as raised:
        turns.check_system({"system": system})
    assert raised.value.text == text


def test_system_that_passes() -> None:
    assert turns.check_system({}) == turns.check_system({"system": None}) == turns.check_system({"system": "x"}) == 0
    assert (
        turns.check_system({"system": [{"type": "of_tomorrow", "cache_control": {}}, TEXT, TEXT | {"cache_control": None}]}) == 1
    )
