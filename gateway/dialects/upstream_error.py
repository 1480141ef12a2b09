"""What an upstream's refusal means here, whatever its dialect.

Owns the way from a status and a text to a fault: whose matter it is, and whether to try again. The text of a refusal is kept,
because clients heal themselves by it, with two exceptions: a refused credential and an empty account are the operator's matter,
and a caller who is told of them looks for the mistake in his own key.
"""

import re

from gateway.core.faults import Fault, FaultKind

OVERFLOW = "context_length_exceeded"
NO_MODEL = "model_not_found"
REFUSED_US = "The gateway's credential for the upstream was refused. The operator has to replace it."
OUT_OF_CREDIT = "The gateway's account at the upstream has no credit left. The operator has to see to it."
OPERATOR_RETRY_AFTER_S = 30
TEXT_CHARS_MAX = 4000

_KINDS: dict[int, FaultKind] = {
    403: FaultKind.FORBIDDEN,
    404: FaultKind.MISSING,
    408: FaultKind.STALLED,
    409: FaultKind.FAILED,  # SDKs try it again
    413: FaultKind.OVERSIZED,
    429: FaultKind.LIMITED,
    503: FaultKind.UNAVAILABLE,
    504: FaultKind.STALLED,
    529: FaultKind.UNAVAILABLE,
}
_CREDIT_CODES = frozenset(
    (
        *("billing_error", "billing_hard_limit_reached", "contract_spend_limit_reached", "enforced_spend_limit_reached"),
        *("exceeded_current_quota_error", "insufficient_quota", "linked_organization_spend_limit_reached"),
    )
)
_CREDIT = re.compile(
    r"credit balance is too low|exceeded your current quota|reached your specified (?:workspace )?API usage limits", re.IGNORECASE
)
# How upstreams say that a prompt does not fit, as Claude Code knows them too.
_OVERFLOW = re.compile(
    r"prompt is too long|maximum context length|context_length_exceeded|exceeds the context window|maximum model length"
    r"|exceeds the available context size|exceeded model token limit|input token length too long|maximum prompt length"
    r"|context window exceeds limit|reduce the length of the messages|maximum context limit",
    re.IGNORECASE,
)
# The limit and what was sent, in the words of OpenAI's shape and of Anthropic's.
_LIMIT_THEN_SIZE = re.compile(r"(?:length is|limit of|limit is) (\d+) tokens.{0,200}?(\d+) (?:input )?tokens", re.DOTALL)
_SIZE_THEN_LIMIT = re.compile(r"prompt is too long: (\d+) tokens > (\d+)")


def fault_of(status: int, text: str, *, code: str = "", param: str = "") -> Fault:
    """The fault that an upstream's error is to the client. `code` and `param` are the upstream's, where its dialect has them."""
    text = text[:TEXT_CHARS_MAX] or f"The upstream answered with status {status}."
    if status == 401:
        return Fault(FaultKind.UNAVAILABLE, REFUSED_US, retry_after_s=OPERATOR_RETRY_AFTER_S)
    if status == 402 or code in _CREDIT_CODES or (status in (400, 429) and _CREDIT.search(text)):
        return Fault(FaultKind.UNAVAILABLE, OUT_OF_CREDIT, retry_after_s=OPERATOR_RETRY_AFTER_S)
    kind = _KINDS.get(status, FaultKind.INVALID if 400 <= status < 500 else FaultKind.FAILED)
    if kind in (FaultKind.INVALID, FaultKind.OVERSIZED) and (code == OVERFLOW or _OVERFLOW.search(text)):
        kind, code = FaultKind.INVALID, OVERFLOW
    if kind is FaultKind.MISSING:
        code = code or NO_MODEL
        param = param or ("model" if code == NO_MODEL else "")
    return Fault(kind, text, param=param, code=code)


def overflow_of(text: str) -> tuple[int, int] | None:
    """How many tokens a prompt had and how many it may have, where an upstream said so in a way that is known."""
    found = _SIZE_THEN_LIMIT.search(text)
    if found:
        return int(found[1]), int(found[2])
    found = _LIMIT_THEN_SIZE.search(text)
    if found:
        return int(found[2]), int(found[1])
    return None
