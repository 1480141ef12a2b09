"""A fault in the middle of a response, and what an upstream says of one.

Owns what is peculiar to this API: the error of a response that failed, and the `error` event. An answer that is a fault as a
whole is the same in all of OpenAI's dialects.
"""

import re

import orjson

from gateway.core.faults import Fault, FaultKind
from gateway.dialects.openai_chat.fault import STATUSES, envelope, read, read_error, write

__all__ = ["frames", "read", "read_failure", "write", "write_event", "write_failure"]

# Higher than any that went by, which are not looked at.
LAST_NUMBER = 2_000_000_000
# Codes that clients of streams decide by: to wait and try again, to shorten the conversation, to give up.
CODES = frozenset(
    (
        *("context_length_exceeded", "cyber_policy", "insufficient_quota", "invalid_prompt", "rate_limit_exceeded"),
        *("server_error", "server_is_overloaded", "slow_down", "usage_not_included"),
    )
)
# Codes of failed responses that are about the request: its pictures, what it may be about. All others may go away by themselves.
_REQUEST = re.compile(r"image|policy|residency|^(?:invalid|missing|unknown|unsupported)_")


def write_failure(fault: Fault) -> bytes:
    """The `error` of a response that failed, as JSON text. Clients of streams look for the time to wait in its message."""
    error = orjson.loads(envelope(fault))["error"]
    message = error["message"]
    if fault.retry_after_s and "try again in" not in message:
        message = f"{message} Please try again in {fault.retry_after_s}s."
    return orjson.dumps({"code": _code_of(fault, error["code"]), "message": message})


def _code_of(fault: Fault, code: object) -> object:
    """One of the codes that clients decide by. What they do not know they try again, so a request that is wrong must say so."""
    if code in CODES:
        return code
    if fault.kind is FaultKind.UNPAID:
        return "insufficient_quota"
    return "server_error" if fault.traits.retryable else "invalid_prompt"


def write_event(fault: Fault) -> bytes:
    """The members of an `error` event, as JSON text without braces: flat, as documented, and nested, as SDKs want it to raise."""
    error = orjson.loads(envelope(fault))["error"]
    return orjson.dumps({**{field: error[field] for field in ("code", "message", "param")}, "error": error})[1:-1]


def frames(fault: Fault, request_id: str) -> bytes:
    """The two events that end a stream which is passed on. What its answer was so far is not known, so none of it is repeated."""
    failed = b'{"id":"resp_%b","object":"response","status":"failed","output":[],"error":%b}' % (
        request_id.removeprefix("req_").encode("ascii"),
        write_failure(fault),
    )
    return (
        b'event: response.failed\ndata: {"type":"response.failed","sequence_number":%d,"response":%b}\n\n'
        b'event: error\ndata: {"type":"error","sequence_number":%d,%b}\n\n'
    ) % (LAST_NUMBER, failed, LAST_NUMBER + 1, write_event(fault))


def read_failure(error: object) -> Fault:
    """What the error of a failed response, or an `error` event, says."""
    if not isinstance(error, dict) or not error.get("message"):
        return Fault(FaultKind.FAILED, "The upstream's answer failed.")
    code = error.get("code")
    of_request = isinstance(code, str) and code not in STATUSES and _REQUEST.search(code)
    return read_error(400 if of_request else 0, {"error": error})
