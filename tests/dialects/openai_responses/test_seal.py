"""Thoughts inside `encrypted_content`: what goes in comes out, and nothing else does."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.conversation import RedactedThinking, Thinking
from gateway.dialects.openai_responses.seal import seal, unseal

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXTS, TEXTS)
def test_thoughts_come_back_to_the_letter(text: str, signature: str) -> None:
    sealed = seal(Thinking(text, signature))
    assert unseal(sealed) == (Thinking(text, signature) if text or signature else None)


@given(TEXTS)
def test_what_only_the_provider_reads_comes_back_to_the_letter(data: str) -> None:
    assert unseal(seal(RedactedThinking(data))) == RedactedThinking(data)


def test_the_form_is_the_documented_one() -> None:
    thoughts = base64.urlsafe_b64encode("é?".encode()).decode()
    assert seal(Thinking("é?", "Sig+/=.x")) == f"sluice1.t.{thoughts}.Sig+/=.x"
    assert seal(RedactedThinking("Data")) == "sluice1.r..Data"
    assert seal(Thinking("")) == ""


@pytest.mark.parametrize(
    "content",
    [
        "",
        "gAAAAABnOpenAIsOwn==",
        "sluice1.",
        "sluice1.t",
        "sluice1.t.",
        "sluice1.x.YQ==.s",
        "sluice1.r.YQ==.data",
        "sluice1.t.a.s",  # no base64
        "sluice1.t._w==.s",  # no UTF-8
        "sluice1.t.é.s",
        "sluice2.t.YQ==.s",
    ],
)
def test_anything_else_is_not_ours(content: str) -> None:
    assert unseal(content) is None
