"""Reading one HTTP/1.1 answer as its bytes come in.

Owns: status, headers and the two framings of a body (length, chunks). Refuses to know: sockets, and what the body means.
Strategy: one buffer, consumed from the front; whatever a read delivers is either complete or stays for the next read. It is
strict, because a gateway that frames badly should fail a load run and not be forgiven by it.
"""

HEAD_BYTES_MAX = 65536


class BrokenAnswerError(Exception):
    """The bytes are not an answer HTTP/1.1 allows."""


class Answer:
    """One answer. Feed it what the socket gave; `status` is None until the head is complete, `done` says when the body is."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.done = False
        self._buffer = b""
        self._chunked = False
        self._left = 0  # bytes of the body or of the open chunk
        self._in_trailer = False

    def __repr__(self) -> str:
        return f"<Answer status={self.status} done={self.done}>"

    @property
    def keeps_connection(self) -> bool:
        """Whether the next request may use the same connection."""
        return self.done and not self._buffer and self.headers.get("connection", "").lower() != "close"

    def feed(self, data: bytes) -> bytes:
        """Takes bytes off the wire and returns those of the body. Raises BrokenAnswerError."""
        self._buffer += data
        if self.status is None and not self._read_head():
            return b""
        return self._read_chunks() if self._chunked else self._read_plain()

    def _read_head(self) -> bool:
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            if len(self._buffer) > HEAD_BYTES_MAX:
                raise BrokenAnswerError("endless head")
            return False
        first, *lines = head.decode("latin-1").split("\r\n")
        words = first.split(" ")
        if len(words) < 2 or words[0] != "HTTP/1.1" or not words[1].isdigit():
            raise BrokenAnswerError("no status line")
        for line in lines:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()
        self._buffer = rest
        self._chunked = self.headers.get("transfer-encoding", "").lower() == "chunked"
        if not self._chunked:
            length = self.headers.get("content-length", "")
            if not length.isdigit():
                raise BrokenAnswerError("neither chunks nor a length")
            self._left = int(length)
        self.status = int(words[1])
        return True

    def _read_plain(self) -> bytes:
        body, self._buffer = self._buffer[: self._left], self._buffer[self._left :]
        self._left -= len(body)
        self.done = self._left == 0
        return body

    def _read_chunks(self) -> bytes:
        body = []
        while not self.done:
            if self._left > 2:
                piece = self._buffer[: self._left - 2]
                if not piece:
                    break
                body.append(piece)
                self._left -= len(piece)
                self._buffer = self._buffer[len(piece) :]
            elif self._left:
                if len(self._buffer) < 2:
                    break
                if self._buffer[:2] != b"\r\n":
                    raise BrokenAnswerError("a chunk longer than its size")
                self._buffer, self._left = self._buffer[2:], 0
            elif not self._read_chunk_line():
                break
        return b"".join(body)

    def _read_chunk_line(self) -> bool:
        line, found, rest = self._buffer.partition(b"\r\n")
        if not found:
            return False
        self._buffer = rest
        if self._in_trailer:
            self.done = not line
            return True
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            raise BrokenAnswerError("bad chunk size") from None
        self._in_trailer = size == 0
        self._left = size + 2 if size else 0  # the line end behind a chunk belongs to it
        return True
