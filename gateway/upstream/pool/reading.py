"""Reading: what an upstream's answer, or a fault, says about the credential that was used and about the provider.

Owns the table of statuses and the few words in an error's body that change what a status means. Refuses to know what is done
about it (`standing`), and what the client is told.

Bodies are hostile: HTML, nothing, gzip, ten megabytes. One that is no error in a known form counts by its status alone. Texts of
errors may repeat what the caller wrote, so a text decides only where the upstream's own sentence begins it.
"""

import re
from dataclasses import dataclass

import orjson

from gateway.core.faults import Fault, FaultKind
from gateway.dialects.upstream_error import OUT_OF_CREDIT, REFUSED_US
from gateway.upstream.pool import waits
from gateway.upstream.pool.standing import Ending

BODY_BYTES_MAX = 65_536  # of an error; one that says something is a sentence
TEXT_CHARS_MAX = 500

_BY_STATUS: dict[int, Ending] = {
    401: Ending.REFUSED,
    402: Ending.UNPAID,
    403: Ending.FORBIDDEN,
    408: Ending.FAILED,
    429: Ending.LIMITED,
    501: Ending.ANSWERED,
    529: Ending.OVERLOADED,
}
_BY_FAULT: dict[FaultKind, Ending] = {
    FaultKind.UNREACHABLE: Ending.UNREACHABLE,
    FaultKind.STALLED: Ending.FAILED,
    FaultKind.TRUNCATED: Ending.FAILED,
    FaultKind.GARBLED: Ending.FAILED,
    FaultKind.FAILED: Ending.FAILED,
}
# What a translated error says, which has become a fault already.
_BY_REFUSAL: dict[FaultKind, Ending] = {
    FaultKind.LIMITED: Ending.LIMITED,
    FaultKind.UNAVAILABLE: Ending.OVERLOADED,
    FaultKind.FORBIDDEN: Ending.FORBIDDEN,
    FaultKind.INVALID: Ending.ANSWERED,
    FaultKind.MISSING: Ending.ANSWERED,
    FaultKind.OVERSIZED: Ending.ANSWERED,
}
_BY_OPERATORS_TEXT: dict[str, Ending] = {REFUSED_US: Ending.REFUSED, OUT_OF_CREDIT: Ending.UNPAID}
# The status that an error has which comes in the middle of a stream.
_BY_TYPE: dict[str, int] = {
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "tokens": 429,
    "requests": 429,
    "overloaded_error": 529,
    "server_is_overloaded": 529,
    "slow_down": 529,
    "invalid_request_error": 400,
    "not_found_error": 404,
    "request_too_large": 413,
    "context_length_exceeded": 400,
    "invalid_prompt": 400,
}
# Types and codes of an account without money, or at a limit of what it may spend.
_MONEY = frozenset(
    {
        "Arrearage",
        "billing_error",
        "billing_hard_limit_reached",
        "contract_spend_limit_reached",
        "enforced_spend_limit_reached",
        "exceeded_current_quota_error",
        "insufficient_balance",
        "insufficient_quota",
        "linked_organization_billing_unavailable",
        "linked_organization_spend_limit_reached",
        "organization_on_hold",
    }
)
_MONEY_TEXT = re.compile(r"Your credit balance is too low|You have reached your specified (?:workspace )?API usage limits")
_MONEY_STATUSES = frozenset({400, 403, 429})
_OVERLOAD = frozenset({"overloaded_error", "server_is_overloaded", "slow_down"})

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Told:
    """What a call's end told. `wait_ms` is how long the upstream wants to be left alone, below 0 when it did not say; `text` are
    its own words for it, empty when they are none of other callers' business."""

    ending: Ending
    status: int = 0
    wait_ms: int = waits.NOT_GIVEN
    text: str = ""


FINE = Told(Ending.FINE, 200)
ABANDONED = Told(Ending.ABANDONED)


def of_answer(status: int, pairs: Headers, body: bytes, wall_ns: int) -> Told:
    """What an answer tells. `pairs` are its headers (names in lower case), `body` an error's, without content encoding.

    `wall_ns` is Unix time, for a `retry-after` that is a date.
    """
    if status < 300:
        return FINE if status == 200 else Told(Ending.FINE, status)
    words, text = _error_in(body) if status >= 400 else (frozenset(), "")
    wait_ms = waits.of_headers(pairs, wall_ns)
    return _told(status, words, text, wait_ms)


def of_stream_error(document: object) -> Told:
    """What an error event in the middle of an answer tells; `document` is its parsed data."""
    words, text = _words_of(document)
    status = next((_BY_TYPE[word] for word in sorted(words) if word in _BY_TYPE), 500)
    return _told(status, words, text, waits.NOT_GIVEN)


def of_refusal(fault: Fault) -> Told:
    """What an error in the middle of a translated answer tells, read by its dialect."""
    ending = _BY_OPERATORS_TEXT.get(fault.text) or _BY_REFUSAL.get(fault.kind, Ending.FAILED)
    if ending not in (Ending.LIMITED, Ending.OVERLOADED):
        return Told(ending, fault.status)
    wait_ms = waits.NOT_GIVEN if fault.retry_after_s is None else fault.retry_after_s * 1000
    return Told(ending, fault.status, wait_ms, fault.text[:TEXT_CHARS_MAX])


def of_fault(kind: FaultKind) -> Told:
    """What a fault tells, as far as it is the upstream's."""
    return Told(_BY_FAULT.get(kind, Ending.ABANDONED))


def _told(status: int, words: frozenset[str], text: str, wait_ms: int) -> Told:
    ending = _BY_STATUS.get(status)
    if status in _MONEY_STATUSES and (words & _MONEY or _MONEY_TEXT.match(text)):
        ending = Ending.UNPAID
    elif status == 503 and (wait_ms >= 0 or words & _OVERLOAD):
        ending = Ending.OVERLOADED
    elif ending is None:
        ending = Ending.ANSWERED if 400 <= status < 500 else Ending.FAILED
    shown = text[:TEXT_CHARS_MAX] if ending in (Ending.LIMITED, Ending.OVERLOADED) else ""
    # A wait belongs to what it was asked for; a date beside a 400 or 401 decides nothing.
    return Told(ending, status, wait_ms if ending in (Ending.LIMITED, Ending.OVERLOADED) else waits.NOT_GIVEN, shown)


def _error_in(body: bytes) -> tuple[frozenset[str], str]:
    if not body or len(body) > BODY_BYTES_MAX:
        return frozenset(), ""
    try:
        return _words_of(orjson.loads(body))
    except orjson.JSONDecodeError:
        return frozenset(), ""


def _words_of(document: object) -> tuple[frozenset[str], str]:
    """Types and codes of an error, and its text: of Anthropic's form, OpenAI's, or a bare one."""
    error = document.get("error") if isinstance(document, dict) else None
    if isinstance(error, str):
        return frozenset(), error
    if not isinstance(error, dict):
        error = document if isinstance(document, dict) else {}
    details = error.get("details")
    code = details.get("error_code") if isinstance(details, dict) else None
    words = frozenset(word for word in (error.get("type"), error.get("code"), code) if isinstance(word, str))
    text = error.get("message")
    return words, text if isinstance(text, str) else ""
