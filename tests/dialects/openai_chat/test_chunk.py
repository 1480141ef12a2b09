"""Chunks: the usual ones by a typed pass, odd ones as far as they go."""

import pytest

from gateway.dialects.openai_chat.chunk import Choice, Chunk, Delta, Function, PieceOfCall, read


@pytest.mark.parametrize(
    ("payload", "chunk"),
    [
        (b"{}", Chunk()),
        (b'{"choices":null,"id":null,"usage":null}', Chunk()),
        (b'{"choices":[{"delta":{"content":"a","new":[1]}}],"id":"c"}', Chunk([Choice(Delta("a"))], "c")),
        (b'{"choices":[{"delta":{"content":7},"finish_reason":1,"index":"0"}]}', Chunk([Choice(Delta(tool_calls=[]))])),
        (b'{"choices":[null,{"delta":[]}]}', Chunk([Choice(Delta(tool_calls=[]))])),
        (b'{"choices":{},"usage":{"a":1}}', Chunk([], usage={"a": 1})),
        (b'{"error":"no","choices":1}', Chunk([], error="no")),
        (
            b'{"choices":[{"delta":{"tool_calls":[7,{"id":5,"function":{"name":1,"arguments":{"a":1}}}]}}]}',
            Chunk([Choice(Delta(tool_calls=[PieceOfCall(None, "5", Function(None, '{"a":1}'))]))]),
        ),
    ],
)
def test_read(payload: bytes, chunk: Chunk) -> None:
    assert read(payload) == chunk


@pytest.mark.parametrize("payload", [b"", b"[]", b"7", b"<html>", b'{"choices":'])
def test_what_is_none(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(payload)
