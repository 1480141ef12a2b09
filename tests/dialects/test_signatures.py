"""Marks on signatures: whose they are, and what was marked."""

import pytest

from gateway.dialects.signatures import mark, owner, parts


def test_a_mark_gives_back_what_was_marked() -> None:
    signature = mark("openai_responses", "rs_1", "gAAA:with:colons==")
    assert owner(signature) == "openai_responses"
    assert parts(signature, 2) == ["rs_1", "gAAA:with:colons=="]


@pytest.mark.parametrize("signature", ["", "EqQBCgIYAhIM+/==", "anthropic", "unknown:abc"])
def test_what_a_provider_signed_itself_has_no_owner(signature: str) -> None:
    assert owner(signature) == ""


def test_missing_parts_are_empty() -> None:
    assert parts("openai_chat:", 2) == ["", ""]
    assert parts("openai_chat", 1) == [""]
