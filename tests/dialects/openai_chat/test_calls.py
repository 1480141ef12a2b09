"""Calls in pieces: however they are mixed, whole blocks one after the other."""

import json
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.conversation import ToolUse
from gateway.dialects.events import BlockEnded, BlockStarted, Event, InputDelta
from gateway.dialects.openai_chat.calls import Call, Calls


def begun(call: Call) -> ToolUse:
    return ToolUse(call.id or f"made_{call.place}", call.name, {})


def taken(pieces: list[tuple[Any, ...]], *, custom: bool = False) -> tuple[list[Event], Calls]:
    calls = Calls(begun)
    events: list[Event] = []
    for index, identifier, name, text in pieces:
        calls.take(index, identifier, name, text, custom, events)
    return events, calls


def blocks(events: list[Event]) -> list[tuple[str, str, str]]:
    """Id, name and input of each block; fails when one is opened in another."""
    found: list[tuple[str, str, str]] = []
    opened = False
    for event in events:
        if isinstance(event, BlockStarted):
            assert not opened
            assert isinstance(event.block, ToolUse)
            opened = True
            found.append((event.block.id, event.block.name, ""))
        elif isinstance(event, InputDelta):
            assert opened
            found[-1] = (*found[-1][:2], found[-1][2] + event.fragment)
        else:
            assert isinstance(event, BlockEnded)
            opened = False
    return found


INPUTS = st.dictionaries(st.text('ab}{"\\', max_size=3), st.text('{}"a', max_size=4), min_size=1, max_size=3)


@given(st.lists(INPUTS, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_any_mixture_of_calls(inputs: list[dict[str, str]], random: Any) -> None:
    """Pieces of each call in their order, those of different calls mixed."""
    waiting: list[list[tuple[Any, ...]]] = []
    for index, arguments in enumerate(inputs):
        text = json.dumps(arguments)
        cut = random.randrange(len(text) + 1)
        waiting.append([(index, f"call_{index}", "f", ""), (index, None, None, text[:cut]), (index, None, None, text[cut:])])
    pieces = []
    while any(waiting):
        pieces.append(random.choice([one for one in waiting if one]).pop(0))
    events, calls = taken(pieces)
    calls.finish(events)
    assert sorted(identifier for identifier, _, _ in blocks(events)) == [f"call_{index}" for index in range(len(inputs))]
    assert {identifier: orjson.loads(text) for identifier, _, text in blocks(events)} == {
        f"call_{index}": arguments for index, arguments in enumerate(inputs)
    }


def test_one_after_the_other_is_streamed_without_delay() -> None:
    events, calls = taken([(0, "a", "f", ""), (0, None, None, '{"n":'), (0, None, None, "1}")])
    assert [type(event) for event in events] == [BlockStarted, InputDelta, InputDelta]
    calls.take(1, "b", "g", "", False, events)
    assert isinstance(events[-1], BlockEnded)
    calls.take(1, None, None, "{}", False, events)
    assert [type(event) for event in events[-2:]] == [BlockStarted, InputDelta]


def test_what_is_open() -> None:
    events, calls = taken([(0, "a", "f", '{"n":')])
    before = (calls.any, calls.open)
    calls.take(0, None, None, "1}", False, events)
    assert (before, calls.open, Calls(begun).any) == ((True, True), False, False)


def test_texts_of_freeform_calls_travel_as_objects() -> None:
    events, calls = taken([(0, "a", "patch", 'say "'), (0, None, None, 'hi"\n')], custom=True)
    calls.finish(events)
    assert blocks(events) == [("a", "patch", '{"input":"say \\"hi\\"\\n"}')]


def test_a_call_without_an_id_gets_one() -> None:
    events, calls = taken([(None, None, "f", "{}"), (None, None, "f", "{}")])
    calls.finish(events)
    assert blocks(events) == [("made_0", "f", "{}"), ("made_1", "f", "{}")]
