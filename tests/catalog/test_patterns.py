"""Patterns: the exact name, then the longest beginning."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.patterns import NameSet, Patterns, is_pattern

ROWS = {"gpt-4o": "exact", "gpt-4*": "four", "gpt-*": "gpt", "*": "rest"}


def test_the_most_specific_pattern_counts() -> None:
    patterns = Patterns(ROWS)
    asked = {"gpt-4o": "exact", "gpt-4o-mini": "four", "gpt-4": "four", "gpt-5": "gpt", "gpt-": "gpt", "o3": "rest", "": "rest"}
    assert {name: patterns.find(name) for name in asked} == asked
    assert Patterns({"a*": 1}).find("b") is None
    assert repr(patterns) == "<Patterns 1 exact, 3 beginnings>"
    assert patterns == Patterns(dict(reversed(ROWS.items()))) != Patterns({"*": "rest"})


def test_what_a_pattern_is() -> None:
    assert [text for text in ("a", "a*", "*", "", "a*b", "**", "*a") if is_pattern(text)] == ["a", "a*", "*"]


def test_a_set_of_names() -> None:
    names = NameSet(["claude-haiku-*", "gpt-4o"])
    assert [name for name in ("claude-haiku-5", "claude-haiku-", "gpt-4o", "gpt-4o-mini", "claude") if name in names] == [
        "claude-haiku-5",
        "claude-haiku-",
        "gpt-4o",
    ]
    assert (len(names), len(NameSet([])), "x" in NameSet([])) == (2, 0, False)


@given(st.sets(st.text("ab*", min_size=1, max_size=4).filter(is_pattern)), st.text("ab", max_size=5))
def test_the_answer_is_the_longest_of_those_that_match(patterns: set[str], name: str) -> None:
    found = Patterns({pattern: pattern for pattern in patterns}).find(name)
    matching = [one for one in patterns if one == name or (one.endswith("*") and name.startswith(one[:-1]))]
    assert found == (name if name in patterns else max(matching, key=len, default=None))
