"""What answers and faults tell: statuses, money in every dialect, bodies that are none."""

import gzip

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.faults import FaultKind
from gateway.upstream.pool.reading import FINE, TEXT_CHARS_MAX, Told, of_answer, of_fault, of_stream_error
from gateway.upstream.pool.standing import Ending

WALL_NS = 1_790_000_000 * 10**9


def anthropic(kind: str, message: str = "no", code: str | None = None) -> bytes:
    error: dict[str, object] = {"type": kind, "message": message}
    if code:
        error["details"] = {"error_code": code}
    return orjson.dumps({"type": "error", "error": error, "request_id": "req_1"})


def openai(kind: str | None, code: str | None = None, message: str = "no") -> bytes:
    return orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


def told(status: int, body: bytes = b"", *pairs: tuple[bytes, bytes]) -> Told:
    return of_answer(status, list(pairs), body, WALL_NS)


@pytest.mark.parametrize(
    ("status", "ending"),
    [
        (200, Ending.FINE),
        (204, Ending.FINE),
        (301, Ending.FAILED),
        (307, Ending.FAILED),
        (400, Ending.ANSWERED),
        (401, Ending.REFUSED),
        (402, Ending.UNPAID),
        (403, Ending.FORBIDDEN),
        (404, Ending.ANSWERED),
        (408, Ending.FAILED),
        (413, Ending.ANSWERED),
        (422, Ending.ANSWERED),
        (429, Ending.LIMITED),
        (500, Ending.FAILED),
        (501, Ending.ANSWERED),
        (502, Ending.FAILED),
        (503, Ending.FAILED),
        (504, Ending.FAILED),
        (520, Ending.FAILED),
        (529, Ending.OVERLOADED),
        (599, Ending.FAILED),
        (999, Ending.FAILED),
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad gateway</html>",
        gzip.compress(b"{}", mtime=0),
        b"null",
        b"[]",
        b'"x"',
        b'{"error": null}',
        b'{"error": [1]}',
        b"{",
        b"\xff",
    ],
)
def test_a_body_that_says_nothing_counts_by_its_status(status: int, ending: Ending, body: bytes) -> None:
    assert told(status, body).ending is ending


def test_ten_megabytes_are_not_looked_at() -> None:
    body = anthropic("billing_error", "x" * 10_000_000)
    assert told(400, body).ending is Ending.ANSWERED
    assert told(429, body) == Told(Ending.LIMITED, 429)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, anthropic("invalid_request_error", "Your credit balance is too low to access the Anthropic API. Please go to ...")),
        (
            400,
            anthropic("invalid_request_error", "You have reached your specified API usage limits. You will regain access on ..."),
        ),
        (400, anthropic("invalid_request_error", "You have reached your specified workspace API usage limits. ...")),
        (400, anthropic("invalid_request_error", "On hold.", "organization_on_hold")),
        (402, anthropic("billing_error")),
        (402, b""),
        (402, openai("unknown_error", "invalid_request_error", "Insufficient Balance")),
        (403, orjson.dumps({"code": "Arrearage", "message": "Access denied", "request_id": "r"})),
        (429, anthropic("rate_limit_error", "no", "enforced_spend_limit_reached")),
        (429, anthropic("rate_limit_error", "no", "contract_spend_limit_reached")),
        (429, openai("insufficient_quota", "insufficient_quota")),
        (429, openai("exceeded_current_quota_error")),
    ],
)
def test_no_money_and_spend_limits(status: int, body: bytes) -> None:
    """R8: 402 and the 400s and 429s that mean the same."""
    found = told(status, body, (b"retry-after", b"5"))
    assert (found.ending, found.wait_ms, found.text) == (Ending.UNPAID, -1, "")


@pytest.mark.parametrize(
    ("status", "body", "ending"),
    [
        (
            400,
            anthropic("invalid_request_error", "messages.0: Input tag 'Your credit balance is too low' found"),
            Ending.ANSWERED,
        ),
        (400, anthropic("invalid_request_error", "tools.0.name: insufficient_quota"), Ending.ANSWERED),
        (404, anthropic("not_found_error", "model: billing_error"), Ending.ANSWERED),
        (413, anthropic("billing_error"), Ending.ANSWERED),
        (429, anthropic("rate_limit_error", "ramp", "ramp_limit_exceeded"), Ending.LIMITED),
        (500, openai("insufficient_quota", "insufficient_quota"), Ending.FAILED),
    ],
)
def test_callers_cannot_write_a_credential_off(status: int, body: bytes, ending: Ending) -> None:
    assert told(status, body).ending is ending


def test_waits_belong_to_limits_and_overload() -> None:
    wait = (b"retry-after", b"7")
    assert told(429, anthropic("rate_limit_error", "slow"), wait) == Told(Ending.LIMITED, 429, 7_000, "slow")
    assert told(529, anthropic("overloaded_error", "Overloaded"), wait) == Told(Ending.OVERLOADED, 529, 7_000, "Overloaded")
    assert told(503, b"", wait) == Told(Ending.OVERLOADED, 503, 7_000)
    assert told(503, openai("server_error", "server_is_overloaded")).ending is Ending.OVERLOADED
    for status in (400, 401, 403, 404, 500):
        assert told(status, anthropic("x", "secret of a caller"), wait).wait_ms == -1
        assert told(status, anthropic("x", "secret of a caller"), wait).text == ""
    assert len(told(429, anthropic("x", "y" * 9_000)).text) == TEXT_CHARS_MAX


@pytest.mark.parametrize(
    ("document", "ending", "status"),
    [
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, Ending.OVERLOADED, 529),
        ({"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}}, Ending.LIMITED, 429),
        ({"type": "error", "error": {"type": "api_error", "message": "x"}}, Ending.FAILED, 500),
        ({"type": "error", "error": {"type": "invalid_request_error", "message": "x"}}, Ending.ANSWERED, 400),
        ({"error": {"message": "x", "code": "server_is_overloaded"}}, Ending.OVERLOADED, 529),
        ({"error": {"message": "x", "code": 502}}, Ending.FAILED, 500),
        ({"error": "x"}, Ending.FAILED, 500),
        (None, Ending.FAILED, 500),
        ([], Ending.FAILED, 500),
    ],
)
def test_an_error_inside_a_200(document: object, ending: Ending, status: int) -> None:
    found = of_stream_error(document)
    assert (found.ending, found.status, found.wait_ms) == (ending, status, -1)


def test_faults() -> None:
    assert {
        kind: of_fault(kind).ending for kind in (FaultKind.UNREACHABLE, FaultKind.STALLED, FaultKind.TRUNCATED, FaultKind.GARBLED)
    } == {
        FaultKind.UNREACHABLE: Ending.UNREACHABLE,
        FaultKind.STALLED: Ending.FAILED,
        FaultKind.TRUNCATED: Ending.FAILED,
        FaultKind.GARBLED: Ending.FAILED,
    }
    assert of_fault(FaultKind.INVALID).ending is Ending.ABANDONED
    assert told(200) is FINE


@given(st.integers(100, 999), st.binary(max_size=200))
def test_any_answer_tells_something(status: int, body: bytes) -> None:
    assert isinstance(told(status, body, (b"retry-after", body[:20])), Told)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["error", "type", "code", "message", "details", "error_code"]), inner, max_size=4)
        ),
    )
)
def test_any_document_tells_something(document: object) -> None:
    assert isinstance(of_stream_error(document), Told)
    assert isinstance(told(429, orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS) if not _huge(document) else b""), Told)


def _huge(document: object) -> bool:
    """Numbers beyond 64 bits, which orjson does not write."""
    if isinstance(document, dict):
        return any(_huge(value) for value in document.values())
    if isinstance(document, list):
        return any(_huge(value) for value in document)
    return isinstance(document, int) and not -(2**63) <= document < 2**64
