"""Aliases: one step at run time, loops found when the file is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog import aliases
from gateway.catalog.document import Document


def read(text: str) -> tuple[aliases.Aliases, list[str]]:
    document = Document("models.toml", "[aliases]\n" + text)
    found = aliases.read(document)
    document.root.close()
    return found, document.problems


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("fast", "claude-haiku-5-5"),
        ("fast[1m]", "claude-haiku-5-5"),
        ("quick", "claude-haiku-5-5"),  # through `fast`
        ("gpt-4o", "claude-sonnet-5-5"),
        ("gpt-4o-mini", "claude-haiku-5-5"),
        ("gpt-5", "claude-opus-5-5"),
        ("claude-opus-5", "claude-opus-5"),
        ("claude-opus-5[1m]", "claude-opus-5"),
        ("old-fast", "claude-haiku-5-5"),  # a pattern that leads to an exact alias
        ("gpt-keep", "gpt-keep"),  # taken out of the pattern
        ("[1m]", "[1m]"),
        ("", ""),
    ],
)
def test_resolve(asked: str, served: str) -> None:
    found, problems = read(
        '"fast" = "claude-haiku-5-5"\n"quick" = "fast"\n"gpt-*" = "claude-opus-5-5"\n"gpt-4*" = "claude-sonnet-5-5"\n'
        '"gpt-4o-mini*" = "fast"\n"old-*" = "quick"\n"gpt-keep" = "gpt-keep"\n'
    )
    assert problems == []
    assert found.resolve(asked) == served
    assert repr(found) == "<Aliases 3 exact, 4 patterns>"


def test_a_pattern_may_lead_to_a_name_it_matches() -> None:
    found, problems = read('"claude-*" = "claude-haiku-5-5"\n')
    assert problems == []
    assert found.resolve("claude-opus-5") == found.resolve("claude-haiku-5-5") == "claude-haiku-5-5"


def test_loops_are_mistakes() -> None:
    _, problems = read('"a" = "b"\n"b" = "c"\n"c" = "a"\n"x*" = "a"\n"fine" = "y"\n')
    assert problems == [
        "models.toml:2: `a` leads into a loop",
        "models.toml:3: `b` leads into a loop",
        "models.toml:4: `c` leads into a loop",
        "models.toml:5: `x*` leads into a loop",
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('"a*b" = "c"', "`a*b` must be a name, which may end in one `*`"),
        ('"**" = "c"', "`**` must be a name, which may end in one `*`"),
        ('"" = "c"', "`` must be a name, which may end in one `*`"),
        ('"a" = ""', "`a` must lead to a name without `*`"),
        ('"a" = "b*"', "`a` must lead to a name without `*`"),
        ('"a[1m]" = "b"', "`a[1m]` never matches: the mark [1m] is taken off before aliases apply"),
        ('"a" = 5', "`a` must be a string"),
    ],
)
def test_mistakes(line: str, problem: str) -> None:
    assert read(f'"ok" = "b"\n{line}\n')[1] == [f"models.toml:3: {problem}"]


def test_a_double_is_a_mistake() -> None:
    _, problems = read('"a" = "b"\n"a" = "c"\n')
    assert len(problems) == 1
    assert problems[0].startswith("models.toml:3: ")


@given(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("abcdefg")), st.sampled_from("abcdefgh"))
def test_a_resolved_name_resolves_to_itself(pairs: dict[str, str], asked: str) -> None:
    found, problems = read("".join(f'"{name}" = "{target}"\n' for name, target in pairs.items()))
    if not problems:
        assert found.resolve(found.resolve(asked)) == found.resolve(asked)
