"""Ids of calls for upstreams that bound them."""

from gateway.dialects.openai_chat.call_ids import write


def test_lengths() -> None:
    assert write("x" * 40, 40) == "x" * 40
    assert write("x" * 400, None) == "x" * 400
    shortened = write("x" * 41, 40)
    assert len(shortened) <= 40
    assert shortened == write("x" * 41, 40) != write("x" * 42, 40)
