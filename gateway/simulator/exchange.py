"""Exchanges: one request from its arrival to its truth record.

Owns what is known of a request on its way (`Call`) and what is written down about it when it is over (`Served`). Knows no socket
and no path.
"""

import hashlib
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from gateway.simulator.answer import Answer
from gateway.simulator.connection import Exchange, Request
from gateway.simulator.delivery import Delivery, Reply
from gateway.simulator.prompt import Refusal
from gateway.simulator.script import Script
from gateway.simulator.truth import Truth, TruthLog

_CREDENTIAL_HEADERS = ("x-api-key", "authorization", "cookie", "proxy-authorization")


@dataclass(slots=True)
class Call:
    """One request on its way to a reply. `script` may still change when the prompt is read."""

    request: Request
    request_id: str
    script: Script
    tenant: str = ""
    model: str | None = None
    stream: bool = False
    answer: Answer | None = field(default=None, repr=False)

    @property
    def query(self) -> dict[str, list[str]]:
        """The query string. Raises Refusal."""
        try:
            return parse_qs(self.request.query, keep_blank_values=True, max_num_fields=100)
        except ValueError:
            raise Refusal(400, "too many query parameters") from None


class Served(Exchange):
    """A delivery and its truth record (None when no truth is kept)."""

    __slots__ = ("_log", "_truth", "delivery")

    def __init__(self, delivery: Delivery, truth: Truth | None, log: TruthLog) -> None:
        self.delivery = delivery
        self._truth = truth
        self._log = log

    def ended(self, ending: str, wire_bytes: int) -> None:
        truth = self._truth
        if truth is None:
            return
        frames = self.delivery.frames
        sent = self.delivery.frames_within(wire_bytes)
        truth.ending = ending
        truth.wire_bytes_sent = wire_bytes
        truth.events_planned = len(frames) if truth.stream else 0
        truth.events_sent = sent if truth.stream else 0
        truth.output_tokens_sent = frames.tokens[sent - 1] if sent else 0
        truth.payload_bytes_sent = sum(map(len, frames.bytes_of[:sent]))
        if sent == len(frames):
            truth.payload_sha256 = hashlib.sha256(b"".join(frames.bytes_of)).hexdigest()
        self._log.append(truth)


def begun(call: Call, reply: Reply) -> Truth:
    """The record of a request that is about to be answered."""
    request = call.request
    credential = credential_of(request)
    return Truth(
        request_id=call.request_id,
        tag=request.header.get("x-request-tag"),
        method=request.method,
        path=f"{request.path}?{request.query}" if request.query else request.path,
        headers=[(name, _hidden(value) if name in _CREDENTIAL_HEADERS else value) for name, value in request.headers],
        body_bytes=len(request.body),
        body_sha256=hashlib.sha256(request.body).hexdigest(),
        credential_sha256=_digest(credential) if credential else None,
        model=call.model,
        stream=reply.streamed,
        status=reply.status,
        usage=_figures(call.answer),
    )


def credential_of(request: Request) -> str:
    """The credential a request carries, or nothing; x-api-key decides when both kinds are there."""
    found = request.header.get("x-api-key")
    if found:
        return found
    kind, _, token = request.header.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def _hidden(value: str) -> str:
    """A credential header with the secret as a digest; the scheme stays, for it tells which way the secret came."""
    scheme, space, secret = value.partition(" ")
    return f"{scheme} {_digest(secret)}" if space else _digest(value)


def _figures(answer: Answer | None) -> dict[str, int]:
    if answer is None:
        return {}
    usage = answer.usage
    return {
        "input_tokens": usage.input_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_5m_tokens": usage.cache_write_5m_tokens,
        "cache_write_1h_tokens": usage.cache_write_1h_tokens,
        "output_tokens": usage.output_tokens,
        "thinking_tokens": answer.thinking_tokens,
    }
