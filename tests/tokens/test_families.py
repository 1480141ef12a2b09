"""Model names of every spelling find their generation."""

import pytest

from gateway.tokens.families import GENERATIONS, Family, family_of, profile_of


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("claude-3-opus-20240229", "v3"),
        ("claude-3-5-sonnet-20241022", "v3"),
        ("claude-3-7-sonnet-latest", "v3"),
        ("claude-opus-4-20250514", "v3"),
        ("claude-sonnet-4-0", "v3"),
        ("claude-opus-4-1-20250805", "v3"),
        ("claude-haiku-4-5-20251001", "v3"),
        ("claude-opus-4-6", "v3"),
        ("claude-sonnet-4-6[1m]", "v3"),
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "v3"),
        ("us.anthropic.claude-opus-4-6-v1", "v3"),
        ("claude-opus-4@20250514", "v3"),
        ("anthropic/claude-opus-4.6", "v3"),
        ("claude-instant-1.2", "v3"),
        ("claude-v2:1", "v3"),
        ("claude-2.1", "v3"),
        ("claude-opus-4-7", "v4.7"),
        ("claude-opus-4-8", "v4.7"),
        ("anthropic/claude-opus-4.9", "v4.7"),
        ("claude-mythos-preview", "v4.7"),
        ("claude-opus-5", "v5"),
        ("claude-sonnet-5-20260601", "v5"),
        ("CLAUDE-HAIKU-5-5", "v5"),
        ("claude-fable-5-2", "v5"),
        ("claude-opus-12-1", "v5"),
        ("gpt-5.2", "o200k"),
        ("openai/gpt-4o-mini", "o200k"),
        ("o4-mini", "o200k"),
        ("my-own-alias", "v5"),
        ("claude", "v5"),
        ("", "v5"),
        ("x" * 100_000, "v5"),
    ],
)
def test_family_of_a_name(model: str, family: str) -> None:
    assert family_of(model) == family


def test_generations_stand_newest_first_and_end_with_all() -> None:
    since = [version for version, _ in GENERATIONS]
    assert since == sorted(since, reverse=True)
    assert since[-1] == (0, 0)


def test_frames_and_hidden_prompts_follow_the_generation() -> None:
    assert (profile_of("claude-opus-4-7").frame_tokens, profile_of("claude-opus-4-8").frame_tokens) == (11, 6)
    assert profile_of("claude-sonnet-4-5").tool_prompt_tokens == 496
    assert profile_of("claude-sonnet-5").forced_tool_prompt_tokens == 474
    assert profile_of("gpt-5").tool_prompt_tokens == 0
    assert Family("v4.7") is Family.V4_7
