"""Faults in Anthropic's envelope, as an answer and in mid-stream, as its own SDK reads them."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import anthropic
import orjson
import pytest

from gateway.core.faults import TRAITS, Fault, FaultKind
from gateway.dialects.anthropic import fault as dialect
from gateway.dialects.sse import Parser

REQUEST_ID = "req_0123456789ABCDEFGHIJKL"

# What an unchanged client must see for each kind: the class its SDK raises.
SDK_CLASSES: dict[FaultKind, type[anthropic.APIStatusError]] = {
    FaultKind.INVALID: anthropic.BadRequestError,
    FaultKind.UNAUTHENTICATED: anthropic.AuthenticationError,
    FaultKind.FORBIDDEN: anthropic.PermissionDeniedError,
    FaultKind.MISSING: anthropic.NotFoundError,
    FaultKind.METHOD: anthropic.APIStatusError,
    FaultKind.SLOW: anthropic.APIStatusError,
    FaultKind.OVERSIZED: anthropic.APIStatusError,
    FaultKind.UNSUPPORTED: anthropic.APIStatusError,
    FaultKind.LIMITED: anthropic.RateLimitError,
    FaultKind.UNPAID: anthropic.APIStatusError,
    FaultKind.BROKEN: anthropic.InternalServerError,
    FaultKind.UNAVAILABLE: anthropic.InternalServerError,
    FaultKind.UNREACHABLE: anthropic.InternalServerError,
    FaultKind.STALLED: anthropic.InternalServerError,
    FaultKind.TRUNCATED: anthropic.InternalServerError,
    FaultKind.GARBLED: anthropic.InternalServerError,
    FaultKind.FAILED: anthropic.InternalServerError,
}


def test_every_kind_has_a_type() -> None:
    assert set(dialect.TYPES) == set(TRAITS) == set(SDK_CLASSES)


class Refusals(BaseHTTPRequestHandler):
    """Answers every call with the fault that the header `x-kind` names."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        status, headers, body = dialect.write(Fault(FaultKind(int(self.headers["x-kind"])), "why"), REQUEST_ID)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name.decode(), value.decode())
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keeps the test's output clean."""


@pytest.fixture(scope="module")
def client() -> Iterator[anthropic.Anthropic]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusals)
    Thread(target=server.serve_forever, daemon=True).start()
    with anthropic.Anthropic(api_key="k", base_url=f"http://127.0.0.1:{server.server_port}", max_retries=0) as sdk:
        yield sdk
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("kind", list(TRAITS), ids=lambda kind: kind.word)
def test_an_answer_is_one_that_the_sdk_understands(kind: FaultKind, client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.APIStatusError) as raised:
        client.messages.create(
            model="m", max_tokens=1, messages=[{"role": "user", "content": "x"}], extra_headers={"x-kind": str(int(kind))}
        )
    error = raised.value
    assert isinstance(error, SDK_CLASSES[kind])
    assert (error.status_code, error.request_id) == (TRAITS[kind].status, REQUEST_ID)
    assert error.body == {"type": "error", "error": {"type": dialect.TYPES[kind], "message": "why"}, "request_id": REQUEST_ID}
    assert ("retry-after" in error.response.headers) == (error.status_code >= 500)


@pytest.mark.parametrize(
    ("kind", "status", "error_type", "retry"),
    [
        (FaultKind.INVALID, 400, "invalid_request_error", b"false"),
        (FaultKind.UNAUTHENTICATED, 401, "authentication_error", b"false"),
        (FaultKind.UNPAID, 402, "billing_error", b"false"),
        (FaultKind.FORBIDDEN, 403, "permission_error", b"false"),
        (FaultKind.MISSING, 404, "not_found_error", b"false"),
        (FaultKind.SLOW, 408, "timeout_error", b"true"),
        (FaultKind.OVERSIZED, 413, "request_too_large", b"false"),
        (FaultKind.UNSUPPORTED, 415, "invalid_request_error", b"false"),
        (FaultKind.LIMITED, 429, "rate_limit_error", b"false"),
        (FaultKind.BROKEN, 500, "api_error", b"true"),
        (FaultKind.UNREACHABLE, 502, "api_error", b"true"),
        (FaultKind.UNAVAILABLE, 503, "overloaded_error", b"true"),
        (FaultKind.STALLED, 504, "timeout_error", b"true"),
    ],
)
def test_status_type_and_retry(kind: FaultKind, status: int, error_type: str, retry: bytes) -> None:
    answered, headers, body = dialect.write(Fault(kind, "x"), REQUEST_ID)
    assert (answered, orjson.loads(body)["error"]["type"], dict(headers)[b"x-should-retry"]) == (status, error_type, retry)


def test_a_time_to_wait_is_told() -> None:
    headers = dict(dialect.write(Fault(FaultKind.LIMITED, "x", retry_after_s=17), REQUEST_ID)[1])
    assert (headers[b"retry-after"], headers[b"x-should-retry"]) == (b"17", b"true")
    assert dict(dialect.write(Fault(FaultKind.UNAVAILABLE, "x", retry_after_s=5), REQUEST_ID)[1])[b"retry-after"] == b"5"
    assert dict(dialect.write(Fault(FaultKind.UNAVAILABLE, "x"), REQUEST_ID)[1])[b"retry-after"] == b"1"


def test_a_code_stands_in_the_envelope_of_our_administration_alone() -> None:
    refused = Fault(FaultKind.INVALID, "no", code="limit.window")
    plain, coded = (orjson.loads(dialect.write(refused, REQUEST_ID, coded=coded)[2])["error"] for coded in (False, True))
    assert plain == {"type": "invalid_request_error", "message": "no"}
    assert coded == plain | {"code": "limit.window"}
    without = Fault(FaultKind.INVALID, "no")
    assert dialect.write(without, REQUEST_ID, coded=True) == dialect.write(without, REQUEST_ID)


def test_the_event_in_mid_stream() -> None:
    (event,) = Parser().feed(dialect.frame(Fault(FaultKind.TRUNCATED, "cut \n off"), REQUEST_ID))
    assert event.name == b"error"
    assert orjson.loads(event.data) == {
        "type": "error",
        "error": {"type": "api_error", "message": "cut \n off"},
        "request_id": REQUEST_ID,
    }


@pytest.mark.parametrize("text", ["\udc80", 'a "quoted" \\ text', "\x00\x1f", "\u2028 \U0001f600", ""])
def test_any_text_becomes_a_proper_answer(text: str) -> None:
    _, _, body = dialect.write(Fault(FaultKind.INVALID, text), REQUEST_ID)
    assert orjson.loads(body)["error"]["message"] == text.replace("\udc80", "?")


@pytest.mark.parametrize(
    ("status", "body", "kind", "text"),
    [
        (400, b'{"type":"error","error":{"type":"invalid_request_error","message":"No."}}', FaultKind.INVALID, "No."),
        (413, b'{"error":{"type":"request_too_large","message":"Too large."}}', FaultKind.OVERSIZED, "Too large."),
        (429, b'{"type":"error","error":{"type":"rate_limit_error","message":"Slow."}}', FaultKind.LIMITED, "Slow."),
        (
            529,
            b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
            FaultKind.UNAVAILABLE,
            "Overloaded",
        ),
        (500, b"<html>", FaultKind.FAILED, "The upstream answered with status 500."),
        (400, b'{"error":7}', FaultKind.INVALID, "The upstream answered with status 400."),
        (0, b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', FaultKind.UNAVAILABLE, "Overloaded"),
        (0, b'{"type":"error","error":{"type":["odd"],"message":"Oh."}}', FaultKind.FAILED, "Oh."),
    ],
)
def test_an_upstreams_errors(status: int, body: bytes, kind: FaultKind, text: str) -> None:
    fault = dialect.read(status, body) if status else dialect.read_error(0, orjson.loads(body))
    assert (fault.kind, fault.text) == (kind, text)


def test_a_prompt_that_is_too_long_is_said_in_the_words_that_clients_shorten_it_by() -> None:
    foreign = "This model's maximum context length is 128000 tokens. However, your messages resulted in 140000 tokens."
    written = dialect.write(Fault(FaultKind.INVALID, foreign, code="context_length_exceeded"), REQUEST_ID)[2]
    assert orjson.loads(written)["error"]["message"] == "prompt is too long: 140000 tokens > 128000 maximum"
    unknown = dialect.write(
        Fault(FaultKind.INVALID, "reduce the length of the messages", code="context_length_exceeded"), REQUEST_ID
    )[2]
    assert orjson.loads(unknown)["error"]["message"] == "reduce the length of the messages"
