"""Allow lists: what was written down, and what other names lead to."""

import pytest

from gateway.catalog.aliases import Aliases
from gateway.catalog.allowed import AllowedModels
from gateway.catalog.routes import Routes, Rows, Way
from tests.catalog.test_routes import ANTHROPIC, ROUTER

ROUTES = Routes(
    (ANTHROPIC, ROUTER),
    Aliases({"fast": "claude-haiku-5-5", "claude-haiku-big": "claude-opus-5"}),
    rows=Rows({"mixed": (Way("anthropic", "claude-opus-5"), Way("router", "claude-haiku-5-5"))}, {}),
)


@pytest.mark.parametrize(
    ("patterns", "asked", "left"),
    [
        ((), "anything", ["anthropic/anything"]),
        (("claude-haiku-*",), "claude-haiku-5-5", ["anthropic/claude-haiku-5-5"]),
        (("claude-haiku-*",), "claude-haiku-5-5[1m]", ["anthropic/claude-haiku-5-5"]),
        (("claude-haiku-*",), "claude-opus-5", []),
        (("claude-haiku-*",), "fast", ["anthropic/claude-haiku-5-5"]),
        (("claude-haiku-*",), "anthropic/claude-haiku-5-5", ["anthropic/claude-haiku-5-5"]),
        (("claude-haiku-*",), "anthropic/claude-opus-5", []),
        (("claude-haiku-*",), "router/claude-opus-5", []),
        (("claude-haiku-*",), "mixed", ["router/claude-haiku-5-5"]),
        (("mixed",), "mixed", ["anthropic/claude-opus-5", "router/claude-haiku-5-5"]),
        (("router/*",), "router/anything", ["router/anything"]),
        (("router/*",), "mixed", ["router/claude-haiku-5-5"]),
        (("claude-haiku-big",), "claude-haiku-big", ["anthropic/claude-opus-5"]),  # the operator's own alias
        (("claude-opus-5",), "claude-haiku-big", ["anthropic/claude-opus-5"]),
    ],
)
def test_what_is_left_of_a_plan(patterns: tuple[str, ...], asked: str, left: list[str]) -> None:
    assert [target.slug for target in AllowedModels(patterns).of(asked, ROUTES.plan(asked))] == left


def test_it_says_what_it_is() -> None:
    assert repr(AllowedModels()) == "<AllowedModels all>"
    assert repr(AllowedModels(["a", "b*"])) == "<AllowedModels 2>"
