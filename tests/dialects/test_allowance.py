"""The allowance: what fits is counted, what does not fit leaves no trace."""

from gateway.dialects.allowance import Allowance
from gateway.dialects.anthropic.usage_tap import estimated_output_tokens


def test_it_counts_as_streams_that_were_cut_are_counted() -> None:
    allowance = Allowance(100)
    texts = ["a word ", "\u00e9" * 40, "", "\ud83d"]
    assert all(allowance.takes((text,)) for text in texts)
    size = sum(len(text.encode("utf-8", "replace")) for text in texts)
    assert allowance.output_tokens == estimated_output_tokens(size, len(texts))
    assert repr(allowance) == f"<Allowance {allowance.output_tokens} of 100>"


def test_what_does_not_fit_is_not_counted_and_less_may_still_fit() -> None:
    allowance = Allowance(5)
    assert allowance.takes(("abcd" * 3,))
    before = allowance.output_tokens
    assert not allowance.takes(("abcd" * 3,))
    assert allowance.output_tokens == before
    assert allowance.takes(("ab", "cd"))


def test_a_better_figure_counts_from_then_on() -> None:
    allowance = Allowance(1)
    assert not allowance.takes(("abcd" * 5,))
    allowance.tokens_max = 50
    assert allowance.takes(("abcd" * 5,))


def test_pieces_count_as_tokens_however_small_they_are() -> None:
    allowance = Allowance(3)
    assert [allowance.takes(("a",)) for _ in range(4)] == [True, True, True, False]
