"""Usage between two ways of counting."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.usage import TOKENS_MAX, Usage
from gateway.dialects.conversation import Spent
from gateway.dialects.openai_chat import usage


def told(document: object) -> Spent:
    spent = Spent(Usage())
    usage.tell(spent, document)
    return spent


@pytest.mark.parametrize(
    ("document", "figures", "reported"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 3}, (10, 0, 0, 3, 0), (True, True)),
        ({"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 4}}, (6, 4, 0, 0, 0), (True, False)),
        (
            {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 5}},
            (1, 4, 5, 0, 0),
            (True, False),
        ),
        ({"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 40}}, (0, 10, 0, 0, 0), (True, False)),
        (
            {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 50}},
            (0, 4, 6, 0, 0),
            (True, False),
        ),
        ({"prompt_tokens": 10, "prompt_cache_hit_tokens": 4}, (6, 4, 0, 0, 0), (True, False)),
        ({"completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 5}}, (0, 0, 0, 9, 5), (False, True)),
        ({"prompt_tokens": -1, "completion_tokens": "3"}, (0, 0, 0, 0, 0), (False, False)),
        ({"prompt_tokens": TOKENS_MAX + 1}, (0, 0, 0, 0, 0), (False, False)),
        ({"prompt_tokens_details": [], "completion_tokens_details": 1}, (0, 0, 0, 0, 0), (False, False)),
        (None, (0, 0, 0, 0, 0), (False, False)),
        ([], (0, 0, 0, 0, 0), (False, False)),
    ],
)
def test_figures(document: object, figures: tuple[int, ...], reported: tuple[bool, bool]) -> None:
    spent = told(document)
    read = spent.usage
    assert (
        read.input_tokens,
        read.cache_read_tokens,
        read.cache_write_5m_tokens,
        read.output_tokens,
        spent.thinking_tokens,
    ) == figures
    assert (spent.input_reported, spent.output_reported) == reported


def test_the_last_figures_count() -> None:
    spent = told({"prompt_tokens": 10, "completion_tokens": 1})
    usage.tell(spent, {"prompt_tokens": 10, "completion_tokens": 5})
    usage.tell(spent, None)
    assert (spent.usage.input_tokens, spent.usage.output_tokens) == (10, 5)


FIGURE = st.integers(0, TOKENS_MAX // 5)


@given(st.builds(Usage, FIGURE, FIGURE, FIGURE, st.just(0), FIGURE), FIGURE)
def test_what_is_written_reads_the_same(spent: Usage, thinking: int) -> None:
    document: Any = usage.write(Spent(spent, thinking))
    read = told(document)
    assert (read.usage, read.thinking_tokens) == (spent, thinking)
    assert document["total_tokens"] == spent.total_input_tokens + spent.output_tokens
