"""Answers: the model's name is the only thing that changes, and no figure from outside is trusted."""

from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.usage import TOKENS_MAX, Usage
from gateway.dialects.anthropic.reply import Missing, echo_model, model_span, read_usage, usage_of
from gateway.dialects.sse import Parser

GOLDEN = Path(__file__).parent.parent.parent / "golden" / "anthropic"
BOTH = Missing.INPUT | Missing.OUTPUT


def starts() -> list[bytes]:
    events = [event for path in sorted(GOLDEN.glob("*.sse")) for event in Parser().feed(path.read_bytes())]
    return [event.data for event in events if event.name == b"message_start"]


def bodies() -> list[bytes]:
    return [path.read_bytes() for path in sorted(GOLDEN.glob("message_*.json"))]


def test_there_are_recorded_answers() -> None:
    assert len(starts()) > 5
    assert len(bodies()) > 2


@pytest.mark.parametrize("body", starts() + bodies())
def test_recorded_answers_change_in_the_models_name_alone(body: bytes) -> None:
    span = model_span(body)
    assert span is not None
    changed = echo_model(body, 'asked "name" \u00e9')
    assert changed == body[: span[0]] + orjson.dumps('asked "name" \u00e9') + body[span[1] :]
    before, after = orjson.loads(body), orjson.loads(changed)
    (before.get("message") or before)["model"] = 'asked "name" \u00e9'
    assert before == after


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b'{"type":"ping"}',
        b'{"model":5}',
        b'{"model":null}',
        b'{"model":{"id":"m"}}',
        b'{"message":"model"}',
        b'{"message":["model"]}',
        b'{"message":{"content":[{"model":"m"}]}}',
        b'{"content":[{"model":"inner"}]}',
        b'{"model":"m"',
        b'{"model":"m"} x',
    ],
)
def test_anything_else_comes_back_untouched(body: bytes) -> None:
    assert echo_model(body, "asked") == body


def test_spaces_and_padding_stay() -> None:
    assert echo_model(b' { "model" : "x" ,"a":1   } ', "y") == b' { "model" : "y" ,"a":1   } '
    assert echo_model(b'{"type":"message_start","message":{"a":{"model":"n"},"model":"x"}   }', "y") == (
        b'{"type":"message_start","message":{"a":{"model":"n"},"model":"y"}   }'
    )


@given(st.binary(max_size=80))
def test_no_bytes_make_it_fail(body: bytes) -> None:
    echo_model(body, "asked")
    usage_of(body)


FULL = {
    "input_tokens": 1,
    "cache_read_input_tokens": 20,
    "cache_creation_input_tokens": 700,
    "cache_creation": {"ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 400},
    "output_tokens": 5000,
}


def test_a_full_usage_is_read_from_a_body() -> None:
    body = orjson.dumps({"type": "message", "usage": FULL | {"service_tier": "standard", "new": None}})
    assert usage_of(body) == (Usage(1, 20, 300, 400, 5000), Missing.NONE)


@pytest.mark.parametrize(
    ("usage", "expected", "missing"),
    [
        (None, Usage(), BOTH),
        ([], Usage(), BOTH),
        ({}, Usage(), BOTH),
        ({"input_tokens": 5}, Usage(input_tokens=5), Missing.OUTPUT),
        ({"output_tokens": 5}, Usage(output_tokens=5), Missing.INPUT),
        ({"input_tokens": 0, "output_tokens": 0}, Usage(), Missing.NONE),
        ({"input_tokens": -1, "output_tokens": "7"}, Usage(), BOTH),
        ({"input_tokens": 1e9, "output_tokens": True}, Usage(), BOTH),
        ({"input_tokens": TOKENS_MAX + 1, "output_tokens": 2**64 - 1}, Usage(), BOTH),
        (FULL | {"cache_read_input_tokens": None}, Usage(1, 0, 300, 400, 5000), Missing.NONE),
        (FULL | {"cache_read_input_tokens": -5}, Usage(1, 0, 300, 400, 5000), Missing.INPUT),
        # Only the sum: the five-minute cache.
        (FULL | {"cache_creation": None}, Usage(1, 20, 700, 0, 5000), Missing.NONE),
        (FULL | {"cache_creation": "x"}, Usage(1, 20, 700, 0, 5000), Missing.INPUT),
        # Only the parts.
        (FULL | {"cache_creation_input_tokens": None}, Usage(1, 20, 300, 400, 5000), Missing.NONE),
        # Parts and sum that differ: nothing written is lost.
        (FULL | {"cache_creation_input_tokens": 1000}, Usage(1, 20, 600, 400, 5000), Missing.NONE),
        (FULL | {"cache_creation_input_tokens": 0}, Usage(1, 20, 300, 400, 5000), Missing.NONE),
        (FULL | {"cache_creation": {"ephemeral_1h_input_tokens": 400}}, Usage(1, 20, 300, 400, 5000), Missing.NONE),
        (FULL | {"cache_creation": {"ephemeral_5m_input_tokens": -1}}, Usage(1, 20, 700, 0, 5000), Missing.INPUT),
        (
            FULL | {"cache_creation": {"ephemeral_5m_input_tokens": TOKENS_MAX, "ephemeral_1h_input_tokens": TOKENS_MAX}},
            Usage(1, 20, 0, TOKENS_MAX, 5000),
            Missing.NONE,
        ),
    ],
)
def test_hostile_figures_are_handled(usage: object, expected: Usage, missing: Missing) -> None:
    assert read_usage(usage) == (expected, missing)
    assert usage_of(orjson.dumps({"usage": usage})) == (expected, missing)


FIGURE = st.none() | st.integers(-5, 2**63) | st.text(max_size=3) | st.floats() | st.lists(st.none(), max_size=1)
NAMES = [*FULL, "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"]


@given(st.dictionaries(st.sampled_from(NAMES), FIGURE | st.dictionaries(st.sampled_from(NAMES), FIGURE)))
def test_no_figure_leaves_its_range(usage: dict[str, object]) -> None:
    found, _ = read_usage(usage)
    figures = (
        found.input_tokens,
        found.cache_read_tokens,
        found.cache_write_5m_tokens,
        found.cache_write_1h_tokens,
        found.output_tokens,
    )
    assert all(type(figure) is int and 0 <= figure <= TOKENS_MAX for figure in figures)
