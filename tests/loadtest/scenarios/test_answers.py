import pytest

from loadtest.scenarios.answers import Answer, BrokenAnswerError

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n" + b"5\r\nhello\r\nC; x=y\r\n, wide\r\nland\r\n0\r\n\r\n"
PLAIN = HEAD + b"Content-Length: 16\r\n\r\nhello, wide\r\nland"[:-1]


@pytest.mark.parametrize("wire", [CHUNKED, PLAIN], ids=["chunked", "length"])
def test_an_answer_is_the_same_however_it_is_cut(wire: bytes) -> None:
    for cut in range(1, len(wire)):
        answer = Answer()
        body = answer.feed(wire[:cut])
        assert answer.headers == {} or answer.status == 200
        body += answer.feed(wire[cut:])
        assert answer.done
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/event-stream"
        assert body.startswith(b"hello, wide\r\nlan")
        assert answer.keeps_connection


def test_byte_by_byte() -> None:
    answer = Answer()
    assert b"".join(answer.feed(CHUNKED[at : at + 1]) for at in range(len(CHUNKED))) == b"hello, wide\r\nland"
    assert answer.done


@pytest.mark.parametrize(
    ("wire", "what"),
    [
        (b"HTTP/1.0 200 OK\r\n\r\n", "status line"),
        (b"nonsense\r\n\r\n", "status line"),
        (HEAD + b"\r\n", "neither chunks"),
        (HEAD + b"content-length: -1\r\n\r\n", "neither chunks"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n", "chunk size"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\nabc\r\n", "longer than its size"),
        (b"x" * 70000, "endless head"),
    ],
)
def test_bad_framing_is_not_forgiven(wire: bytes, what: str) -> None:
    with pytest.raises(BrokenAnswerError, match=what):
        Answer().feed(wire)


@pytest.mark.parametrize(
    "wire", [CHUNKED + b"HTTP/1.1", PLAIN.replace(b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK\r\nConnection: close")]
)
def test_a_connection_that_says_more_or_closes_is_not_used_again(wire: bytes) -> None:
    answer = Answer()
    answer.feed(wire)
    assert answer.done
    assert not answer.keeps_connection
