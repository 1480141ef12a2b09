"""Entries of `reasoning_details`, as this and other servers write them."""

from typing import Any

import pytest

from gateway.dialects.conversation import RedactedThinking, Text, Thinking
from gateway.dialects.openai_chat.reasoning import UNSIGNED, Placed, interleave, is_signed, read, write


@pytest.mark.parametrize("thought", [Thinking("a", "s"), Thinking("", "s"), RedactedThinking("d"), Thinking("a", UNSIGNED)])
def test_entries_come_back(thought: Any) -> None:
    entry = write(thought, 3, 10, 1)
    assert entry["index"] == 3
    assert read([entry], foreign=False) == [Placed(thought, 10, 1)]


@pytest.mark.parametrize(
    ("entry", "thought"),
    [
        ({"type": "reasoning.text", "text": "a", "signature": "s"}, Thinking("a", "openai_chat:s")),
        ({"type": "reasoning.text", "text": "a", "signature": None}, Thinking("a", UNSIGNED)),
        ({"type": "reasoning.encrypted", "data": "d"}, RedactedThinking("openai_chat:d")),
        ({"type": "reasoning.summary", "summary": "a"}, Thinking("a", UNSIGNED)),
    ],
)
def test_what_an_upstream_signed_is_marked_as_its_own(entry: dict[str, Any], thought: Any) -> None:
    assert read([entry], foreign=True) == [Placed(thought, 0, 0)]


@pytest.mark.parametrize(
    "details",
    [
        None,
        "a",
        [7],
        [{}],
        [{"type": "reasoning.text"}],
        [{"type": "reasoning.encrypted", "data": ""}],
        [{"type": "reasoning.summary", "summary": 1}],
        [{"type": "new", "text": "a"}],
    ],
)
def test_what_holds_nothing(details: object) -> None:
    assert read(details, foreign=False) == []


@pytest.mark.parametrize("at", [None, [1], ["a", "b"], [-5, -5], [1.5, True], {"a": 1}])
def test_places_that_are_none_are_the_beginning(at: object) -> None:
    (placed,) = read([{"type": "reasoning.text", "text": "a", "at": at}], foreign=False)
    assert placed[1:] == (0, 0)


def test_places_beyond_the_message_are_its_end() -> None:
    thought = Thinking("a", "s")
    assert interleave("text", 0, [Placed(thought, 900, 3)]) == ([Text("text"), thought], [])
    assert interleave("text", 1, [Placed(thought, 0, 3)]) == ([Text("text")], [[thought]])
    assert interleave("", 0, [Placed(thought, 5, 0)]) == ([thought], [])


def test_who_gets_what_back() -> None:
    assert is_signed(Thinking("a", "s"))
    assert is_signed(Thinking("a", "openai_responses:s"))
    assert not is_signed(Thinking("a", UNSIGNED))
    assert not is_signed(Thinking("a"))
