"""The streaming user: opens one stream after the other and checks every one to its end.

Owns: the socket, the clock, what locust is told. Refuses to know: whether a gateway, a simulator or a vendor answers.
Strategy: blocking socket code; locust has made `socket` cooperative, so a thousand users are greenlets of one thread. Two
metrics a stream, `first content` and `stream`, go to locust's own statistics, and their exact values to `RESULTS` for the
paired table.
"""

import itertools
import json
import socket
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from gevent import GreenletExit  # type: ignore[import-untyped]  # it carries no types
from locust import User, task

from loadtest.scenarios.answers import Answer, BrokenAnswerError
from loadtest.scenarios.message_streams import BrokenStreamError, MessageStream

SILENCE_TIMEOUT_S = 30.0
PAUSE_AFTER_FAILURE_S = 0.2  # what refuses is not hammered; locust makes sleep cooperative
READ_BYTES = 65536
QUESTIONS = (
    "How does water know which way is down?",
    "Tell me of the lock keeper at the third gate.",
    "What is counted when nobody counts?",
    "Describe a flood in seven calm sentences.",
    "Why is the ledger closed at night?",
    "Name the parts of a sluice.",
    "Who may open the upper gate?",
    "When is a full canal empty?",
)


@dataclass
class Results:
    """Exact figures of this process's streams, in milliseconds; `texts` holds the digests each question was answered with."""

    first_content_ms: list[float] = field(default_factory=list)
    duration_ms: list[float] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    texts: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    events: int = 0

    def as_json(self) -> dict[str, Any]:
        """Plain values for a file."""
        return {
            "first_content_ms": self.first_content_ms,
            "duration_ms": self.duration_ms,
            "failures": dict(self.failures),
            "texts": {question: sorted(digests) for question, digests in self.texts.items()},
            "events": self.events,
        }


RESULTS = Results()
_turns = itertools.count()


def request_bytes(host: str, path: str, key: str, script: str, question: str, max_tokens: int, model: str) -> bytes:
    """The whole request, head and body, as an SDK would send it; `script` goes to the simulator and is left out when empty."""
    message = {"role": "user", "content": question}
    body = json.dumps(
        {"max_tokens": max_tokens, "messages": [message], "model": model, "stream": True}, separators=(",", ":")
    ).encode()
    headers = {
        "host": host,
        "accept": "application/json",
        "content-type": "application/json",
        "user-agent": "loadtest",
        "anthropic-version": "2023-06-01",
        "x-api-key": key,
        "content-length": str(len(body)),
    }
    if script:
        headers["x-simulate"] = script
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body


class StreamingUser(User):
    """Holds one stream open at any time, over one kept connection."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        address = urlsplit(self.environment.host or "")
        if address.scheme != "http" or not address.hostname:
            raise ValueError("--host must be an http:// address")
        self.address = (address.hostname, address.port or 80)
        self.path = address.path.rstrip("/") + "/v1/messages"
        self.connection: socket.socket | None = None

    def on_stop(self) -> None:
        """Locust calls this when the user leaves."""
        self.disconnect()

    def disconnect(self) -> None:
        """Gives the connection back to the system, if there is one."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    @task
    def stream(self) -> None:
        """One stream, from the request to the verdict on it."""
        options: Any = self.environment.parsed_options
        question = QUESTIONS[next(_turns) % len(QUESTIONS)]
        request = request_bytes(
            f"{self.address[0]}:{self.address[1]}",
            self.path,
            options.key,
            options.script,
            question,
            options.max_tokens,
            options.model,
        )
        began_s = time.perf_counter()
        try:
            self.exchange(request, question, began_s)
        except (OSError, BrokenAnswerError, BrokenStreamError) as error:
            self.record_failure(began_s, error)
            time.sleep(PAUSE_AFTER_FAILURE_S)
        except GreenletExit:
            self.record_failure(began_s, BrokenStreamError("still open when the run was over"))
            raise

    def exchange(self, request: bytes, question: str, began_s: float) -> None:
        """Sends the request and reads its stream; raises on anything that is not a whole, well-formed stream."""
        if self.connection is None:
            self.connection = socket.create_connection(self.address, timeout=SILENCE_TIMEOUT_S)
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection.sendall(request)
        answer, stream, first_content_ms = Answer(), MessageStream(), None
        while not answer.done:
            data = self.connection.recv(READ_BYTES)
            if not data:
                raise BrokenAnswerError("the connection was closed in the middle of the answer")
            body = answer.feed(data)
            if answer.status not in (None, 200):
                raise BrokenAnswerError(f"status {answer.status}")
            stream.feed(body)
            if first_content_ms is None and stream.has_content:
                first_content_ms = (time.perf_counter() - began_s) * 1000
        stream.finish()
        if first_content_ms is None:
            raise BrokenStreamError("no content")
        if not answer.keeps_connection:
            self.disconnect()
        self.record_success(stream, question, first_content_ms, (time.perf_counter() - began_s) * 1000)

    def record_success(self, stream: MessageStream, question: str, first_content_ms: float, duration_ms: float) -> None:
        """Tells of a whole stream."""
        RESULTS.first_content_ms.append(first_content_ms)
        RESULTS.duration_ms.append(duration_ms)
        RESULTS.texts[question].add(stream.text_sha256)
        RESULTS.events += stream.events
        self.tell("first content", first_content_ms, None)
        self.tell("stream", duration_ms, None)

    def record_failure(self, began_s: float, error: Exception) -> None:
        """Tells of a broken stream and gives up its connection."""
        self.disconnect()
        RESULTS.failures[f"{type(error).__name__}: {error}"] += 1
        self.tell("stream", (time.perf_counter() - began_s) * 1000, error)

    def tell(self, name: str, response_time_ms: float, error: Exception | None) -> None:
        """One line in locust's statistics."""
        self.environment.events.request.fire(
            request_type="SSE", name=name, response_time=response_time_ms, response_length=0, exception=error, context={}
        )
