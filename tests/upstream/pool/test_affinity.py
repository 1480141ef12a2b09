"""Affinity: keys of conversations, and orders that all workers agree on."""

from collections import Counter
from random import Random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.body import TEXT_CHARS_MAX
from gateway.upstream.pool.affinity import KEY_BITS, key_of, order
from native_fastpath import outline

TURN: dict[str, object] = {
    "model": "m",
    "tools": [{"name": "Read"}, {"name": "Bash"}],
    "system": [{"type": "text", "text": "You are helpful."}],
    "messages": [{"role": "user", "content": "Fix the bug"}],
}
LATER: dict[str, object] = TURN | {
    "messages": [
        {"role": "user", "content": "Fix the bug"},
        {"role": "assistant", "content": "Which?"},
        {"role": "user", "content": "That one"},
    ]
}


def test_turns_of_a_conversation_have_one_key() -> None:
    assert key_of(1, b"", TURN) == key_of(1, b"", LATER) != 0
    for changed in (
        TURN | {"tools": []},
        TURN | {"system": "You are rude."},
        TURN | {"messages": [{"role": "user", "content": "Add a feature"}]},
    ):
        assert key_of(1, b"", changed) != key_of(1, b"", TURN)
    assert key_of(2, b"", TURN) != key_of(1, b"", TURN)  # other workspaces' conversations go elsewhere


def test_what_the_client_calls_its_session_comes_first() -> None:
    other: dict[str, object] = {"messages": [{"role": "user", "content": "something else"}]}
    assert key_of(1, b"s-1", TURN) == key_of(1, b"s-1", other) != key_of(1, b"s-2", TURN)
    assert key_of(2, b"s-1", TURN) != key_of(1, b"s-1", TURN)
    names: list[dict[str, object]] = [{"metadata": {"user_id": "u"}}, {"prompt_cache_key": "u"}]
    for named in names:
        assert key_of(1, b"", TURN | named) == key_of(1, b"", other | named) != key_of(1, b"", TURN)
        assert key_of(1, b"s-1", TURN | named) == key_of(1, b"s-1", TURN)
    assert key_of(1, b"", TURN | {"metadata": {"user_id": ""}}) == key_of(1, b"", TURN)


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (
            {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "a"}]}]},
            {
                "messages": [
                    {"role": "system", "content": "s"},
                    {"role": "user", "content": [{"type": "text", "text": "a"}]},
                    {"role": "assistant", "content": "b"},
                ]
            },
        ),
        (
            {
                "instructions": "i",
                "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]}],
            },
            {
                "instructions": "i",
                "input": [
                    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]},
                    {"type": "function_call", "name": "f"},
                ],
            },
        ),
    ],
)
def test_openais_dialects(first: dict[str, object], later: dict[str, object]) -> None:
    assert key_of(1, b"", first) == key_of(1, b"", later)
    assert key_of(1, b"", first) != key_of(1, b"", {"messages": [{"role": "user", "content": "other"}]})


def test_openais_tools_and_a_plain_input() -> None:
    named = {"tools": [{"type": "function", "function": {"name": "f"}}], "input": "hello"}
    assert key_of(1, b"", named) != key_of(1, b"", named | {"tools": [{"type": "function", "function": {"name": "g"}}]})
    assert key_of(1, b"", named) != key_of(1, b"", named | {"input": "bye"})


@given(
    st.integers(1, 2**KEY_BITS - 1), st.lists(st.integers(1, 2**KEY_BITS - 1), min_size=1, max_size=9, unique=True), st.randoms()
)
def test_the_order_depends_on_names_and_not_on_places(key: int, names: list[int], chance: Random) -> None:
    shuffled = names.copy()
    chance.shuffle(shuffled)
    assert [names[place] for place in order(key, names)] == [shuffled[place] for place in order(key, shuffled)]
    assert sorted(order(key, names)) == list(range(len(names)))


@given(st.integers(1, 2**KEY_BITS - 1), st.lists(st.integers(1, 2**KEY_BITS - 1), min_size=2, max_size=9, unique=True))
def test_without_one_credential_only_its_own_conversations_move(key: int, names: list[int]) -> None:
    preferred = [names[place] for place in order(key, names)]
    for gone in names:
        left = [name for name in names if name != gone]
        assert [left[place] for place in order(key, left)] == [name for name in preferred if name != gone]


def test_conversations_spread_evenly() -> None:
    names = [0x1234567 * (number + 1) for number in range(5)]
    counts = Counter(order(key_of(1, b"session %d" % number, {}), names)[0] for number in range(5000))
    assert len(counts) == 5
    assert min(counts.values()) > 850


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["tools", "system", "messages", "input", "role", "content", "text", "name", "function"]), inner
            )
        ),
    )
)
def test_any_document_has_a_key(document: object) -> None:
    body = document if isinstance(document, dict) else {"messages": document, "tools": document, "system": document}
    assert 0 < key_of(2**32 - 1, b"", body) < 2**KEY_BITS


def test_the_key_is_the_same_however_much_an_outline_leaves() -> None:
    long = "Every word of it is the same. " * 100
    messages = [{"role": "assistant", "content": long}, {"role": "user", "content": [{"type": "text", "text": long}]}]
    named = {"user_id": "somebody " * 100}
    for document in (
        {"system": long, "tools": [{"name": "n" * 700, "description": long}], "messages": messages},
        {"system": [{"type": "text", "text": long}], "messages": messages},
        {"input": [long, long], "instructions": long},
        {"input": long},
        {"metadata": named, "messages": messages},
    ):
        body = orjson.dumps(document)
        shape = outline(body, TEXT_CHARS_MAX)
        assert key_of(1, b"", orjson.loads(shape)) == key_of(1, b"", document)
        assert len(shape) < len(body) or document == {"input": long}
