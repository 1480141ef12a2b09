"""Faults in OpenAI's envelope, as its own SDK reads them, and an upstream's errors read back."""

import openai
import orjson
import pytest

from gateway.core.faults import TRAITS, Fault, FaultKind
from gateway.dialects.openai_chat import fault as dialect
from tests.dialects.answering import answering

REQUEST_ID = "req_0123456789ABCDEFGHIJKL"
SDK_CLASSES: dict[FaultKind, type[openai.APIStatusError]] = {
    FaultKind.INVALID: openai.BadRequestError,
    FaultKind.UNAUTHENTICATED: openai.AuthenticationError,
    FaultKind.FORBIDDEN: openai.PermissionDeniedError,
    FaultKind.MISSING: openai.NotFoundError,
    FaultKind.METHOD: openai.APIStatusError,
    FaultKind.SLOW: openai.APIStatusError,
    FaultKind.OVERSIZED: openai.APIStatusError,
    FaultKind.UNSUPPORTED: openai.APIStatusError,
    FaultKind.LIMITED: openai.RateLimitError,
    FaultKind.UNPAID: openai.APIStatusError,
    FaultKind.BROKEN: openai.InternalServerError,
    FaultKind.UNAVAILABLE: openai.InternalServerError,
    FaultKind.UNREACHABLE: openai.InternalServerError,
    FaultKind.STALLED: openai.InternalServerError,
    FaultKind.TRUNCATED: openai.InternalServerError,
    FaultKind.GARBLED: openai.InternalServerError,
    FaultKind.FAILED: openai.InternalServerError,
}


def test_every_kind_has_its_words() -> None:
    assert set(dialect.WORDS) == set(TRAITS) == set(SDK_CLASSES)


@pytest.mark.parametrize("kind", SDK_CLASSES)
def test_what_the_sdk_raises(kind: FaultKind) -> None:
    status, headers, body = dialect.write(Fault(kind, "why", param="model"), REQUEST_ID)
    assert dict(headers)[b"content-length"] == b"%d" % len(body)
    with (
        answering(body, stream=False, status=status, headers=headers) as url,
        openai.OpenAI(api_key="k", base_url=url, max_retries=0) as sdk,
        pytest.raises(SDK_CLASSES[kind]) as caught,
    ):
        sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": "a"}])
    error = caught.value
    assert (error.status_code, error.request_id, error.param) == (TRAITS[kind].status, REQUEST_ID, "model")
    assert (error.type, error.code or None) == (dialect.WORDS[kind][0], error.code)


@pytest.mark.parametrize(
    ("fault", "status", "kind", "code"),
    [
        (Fault(FaultKind.UNAUTHENTICATED, "x"), 401, "invalid_request_error", "invalid_api_key"),
        (Fault(FaultKind.UNPAID, "x"), 402, "insufficient_quota", "insufficient_credits"),
        (Fault(FaultKind.MISSING, "x", param="model"), 404, "invalid_request_error", "model_not_found"),
        (Fault(FaultKind.MISSING, "x"), 404, "invalid_request_error", None),
        (Fault(FaultKind.LIMITED, "x"), 429, "tokens", "rate_limit_exceeded"),
        (Fault(FaultKind.UNREACHABLE, "x"), 502, "server_error", "provider_request_failed"),
        (Fault(FaultKind.INVALID, "x", code="invalid_type"), 400, "invalid_request_error", "invalid_type"),
    ],
)
def test_words(fault: Fault, status: int, kind: str, code: str | None) -> None:
    written = dialect.write(fault, REQUEST_ID)
    error = orjson.loads(written[2])["error"]
    assert (written[0], error["type"], error["code"]) == (status, kind, code)


def test_headers_that_clients_decide_by() -> None:
    def told(fault: Fault) -> tuple[bytes | None, bytes | None]:
        headers = dict(dialect.write(fault, REQUEST_ID)[1])
        return headers.get(b"x-should-retry"), headers.get(b"retry-after")

    assert told(Fault(FaultKind.INVALID, "x")) == (b"false", None)
    assert told(Fault(FaultKind.LIMITED, "x", retry_after_s=7)) == (b"true", b"7")
    assert told(Fault(FaultKind.LIMITED, "x")) == (b"false", None)  # no waiting ends it
    assert told(Fault(FaultKind.UNREACHABLE, "x")) == (b"true", b"1")


def test_in_mid_stream() -> None:
    frame = dialect.frame(Fault(FaultKind.TRUNCATED, "cut\ud800"))
    assert frame.startswith(b'data: {"error":{"message":"cut?",')
    assert frame.endswith(b"}\n\n")


@pytest.mark.parametrize(
    ("status", "body", "kind", "text"),
    [
        (400, b'{"error":{"message":"No.","type":"invalid_request_error","param":"stop","code":null}}', FaultKind.INVALID, "No."),
        (400, b'{"error":"No."}', FaultKind.INVALID, "No."),
        (400, b'{"message":"No.","code":400}', FaultKind.INVALID, "No."),
        (404, b'{"error":{"message":"No.","code":"model_not_found"}}', FaultKind.MISSING, "No."),
        (429, b'{"error":{"message":"Slow.","type":"tokens","code":"rate_limit_exceeded"}}', FaultKind.LIMITED, "Slow."),
        (502, b"<html>", FaultKind.FAILED, "The upstream answered with status 502."),
        (500, b"[]", FaultKind.FAILED, "The upstream answered with status 500."),
        (0, b'{"error":{"message":"Slow.","code":429}}', FaultKind.LIMITED, "Slow."),
        (0, b'{"error":{"message":"Slow.","code":"rate_limit_exceeded"}}', FaultKind.LIMITED, "Slow."),
        (0, b'{"error":{"message":"Busy.","type":"server_error","code":"server_is_overloaded"}}', FaultKind.UNAVAILABLE, "Busy."),
        (0, b'{"error":{"message":"Oh.","type":"server_error"}}', FaultKind.FAILED, "Oh."),
        (0, b'{"error":{}}', FaultKind.FAILED, "The upstream answered with status 500."),
    ],
)
def test_an_upstreams_errors(status: int, body: bytes, kind: FaultKind, text: str) -> None:
    fault = dialect.read(status, body)
    assert (fault.kind, fault.text) == (kind, text)
    if b'"param":"stop"' in body:
        assert fault.param == "stop"
