"""Classes of models."""

import fnmatch
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.state.limits import ClassMasks, LimitSpec, LimitTable, Metric, PatternsFullError, Window
from gateway.state.limits.patterns import MASKS_REMEMBERED_MAX, PatternTable, matches
from gateway.state.shared import SharedFile


def test_a_model_belongs_to_all_to_its_line_and_to_patterns(shared: SharedFile) -> None:
    table, masks = LimitTable(shared), ClassMasks(shared.region, shared.layout)
    assert masks.of("claude-opus-4-5", "opus") == 0b11
    lines = ("opus", "sonnet", "haiku", "fable", "mythos", "other", "unheard of")
    assert [masks.of("m", line) for line in lines] == [1 | 1 << bit for bit in (1, 2, 3, 4, 5, 6, 6)]
    assert [table.pattern_bit(text) for text in ("claude-*", "*-4-5", "claude-*")] == [8, 9, 8]
    assert masks.of("claude-opus-4-5", "opus") == 0b11_0000_0011
    assert masks.of("claude-opus-4-1", "opus") == 0b01_0000_0011
    assert masks.of("Claude-opus-4-5", "opus") == 0b10_0000_0011


def test_memory_is_bounded(shared: SharedFile) -> None:
    masks = ClassMasks(shared.region, shared.layout)
    for number in range(MASKS_REMEMBERED_MAX + 10):
        assert masks.of(f"model-{number}", "other") == 0b100_0001
    assert len(masks._masks) == 10


def test_a_place_is_used_again_when_no_limit_needs_it(shared: SharedFile) -> None:
    table, masks = LimitTable(shared), ClassMasks(shared.region, shared.layout)
    bits = [table.pattern_bit(f"pattern-{number}") for number in range(56)]
    assert bits == [*range(8, 64)]
    workspaces = [table.workspace_anchor(number) for number in range(1, 8)]
    for number, bit in enumerate(bits):
        if bit != 40:
            spec = LimitSpec(number + 1, Metric.COST, Window.TOTAL, bit, 5)
            table.add(workspaces[number // 8], spec)
    assert masks.of("pattern-32", "other") == 1 << 40 | 1 << 6 | 1
    assert table.pattern_bit("another") == 40
    assert masks.of("pattern-32", "other") == 1 << 6 | 1
    assert masks.of("another", "other") == 1 << 40 | 1 << 6 | 1
    table.add(table.workspace_anchor(8), LimitSpec(99, Metric.COST, Window.TOTAL, 40, 5))
    with pytest.raises(PatternsFullError):
        table.pattern_bit("one too many")


def test_a_place_that_others_keep_is_not_used_again(shared: SharedFile) -> None:
    table = LimitTable(shared)
    for number in range(56):
        table.pattern_bit(f"pattern-{number}")
    assert table.pattern_bit("another", lambda: range(8, 63)) == 63
    with pytest.raises(PatternsFullError):
        table.pattern_bit("one too many", lambda: range(8, 64))


@pytest.mark.parametrize("text", ["", "x" * 65, "a\0b", "\u00e9" * 33])
def test_texts_that_do_not_fit_are_refused(shared: SharedFile, text: str) -> None:
    with pytest.raises(ValueError, match="1 to 64 bytes"):
        LimitTable(shared).pattern_bit(text)


def test_the_longest_text_fits(shared: SharedFile) -> None:
    assert LimitTable(shared).pattern_bit("x" * 64) == 8
    assert PatternTable(shared.region, shared.layout).texts() == {8: "x" * 64}


@settings(max_examples=300, deadline=None)
@given(st.text("ab*", max_size=8), st.text("ab", max_size=10))
def test_a_star_stands_for_any_text(pattern: str, name: str) -> None:
    assert matches(pattern, name) == bool(re.fullmatch(fnmatch.translate(pattern), name))


def test_only_the_star_is_special_and_nothing_takes_long() -> None:
    assert matches("a[b]?.c", "a[b]?.c")
    assert not matches("a[b]?.c", "abx.c")
    # A matcher that tries every way would not be through before the universe ends, far less before the test's own timeout.
    assert not matches("*a" * 32 + "b", "a" * 10_000)
