"""Faults: everything that can go wrong with a request, as data.

A fault has a kind (one word, the same in code, logs, metrics and docs), the side that caused it, whether the request may be tried
again, and a public text. This module knows no envelope: each dialect writes a fault in its own words, also in mid-stream.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum


class Source(Enum):
    """The side that caused a fault; decides who is told to change something."""

    CLIENT = "client"
    GATEWAY = "gateway"
    UPSTREAM = "upstream"


class FaultKind(IntEnum):
    """Kinds of fault. The numbers stand in stored journal records: never renumber, only add."""

    NONE = 0
    INVALID = 1  # the request's shape or framing is wrong
    UNAUTHENTICATED = 2  # no key, or one we did not mint
    FORBIDDEN = 3  # a valid key that may not do this
    MISSING = 4  # no such path, model or object
    METHOD = 5  # the path exists, the method does not
    SLOW = 6  # the client took too long to send its request
    OVERSIZED = 7  # the request is larger than we admit
    UNSUPPORTED = 8  # a content type or encoding we do not take
    LIMITED = 9  # a limit of the caller is used up
    UNPAID = 10  # the caller's credit is used up
    BROKEN = 11  # a bug of ours
    UNAVAILABLE = 12  # a part of the gateway is down or full
    UNREACHABLE = 13  # no connection to the upstream
    STALLED = 14  # the upstream accepted the request and then said nothing for too long
    TRUNCATED = 15  # the upstream's answer ended before its end
    GARBLED = 16  # the upstream answered with something that cannot be passed on
    FAILED = 17  # the upstream reported a failure in the middle of its answer

    @property
    def word(self) -> str:
        """The name used in logs, metrics and docs."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Traits:
    """What is true of every fault of one kind."""

    source: Source
    status: int  # HTTP status when nothing has been sent yet
    retryable: bool  # may the same request succeed a moment later, unchanged


TRAITS: dict[FaultKind, Traits] = {
    FaultKind.INVALID: Traits(Source.CLIENT, 400, False),
    FaultKind.UNAUTHENTICATED: Traits(Source.CLIENT, 401, False),
    FaultKind.FORBIDDEN: Traits(Source.CLIENT, 403, False),
    FaultKind.MISSING: Traits(Source.CLIENT, 404, False),
    FaultKind.METHOD: Traits(Source.CLIENT, 405, False),
    FaultKind.SLOW: Traits(Source.CLIENT, 408, True),
    FaultKind.OVERSIZED: Traits(Source.CLIENT, 413, False),
    FaultKind.UNSUPPORTED: Traits(Source.CLIENT, 415, False),
    FaultKind.LIMITED: Traits(Source.CLIENT, 429, True),
    FaultKind.UNPAID: Traits(Source.CLIENT, 402, False),
    FaultKind.BROKEN: Traits(Source.GATEWAY, 500, True),
    FaultKind.UNAVAILABLE: Traits(Source.GATEWAY, 503, True),
    FaultKind.UNREACHABLE: Traits(Source.UPSTREAM, 502, True),
    FaultKind.STALLED: Traits(Source.UPSTREAM, 504, True),
    FaultKind.TRUNCATED: Traits(Source.UPSTREAM, 502, True),
    FaultKind.GARBLED: Traits(Source.UPSTREAM, 502, True),
    FaultKind.FAILED: Traits(Source.UPSTREAM, 502, True),
}


class Fault(Exception):
    """A request cannot go on.

    `text` is shown to the client, so it never holds a credential, a host name of an upstream or prompt text.
    `retry_after_s` is whole seconds; None means that the kind has no time to wait for. `param` is the field of the request
    that is at fault, `code` a stable word for this very fault (an upstream's, a dialect's own, or a refusal's); both may be
    empty. `values` are what a refusal's text was made with, for who says it in another language.
    """

    def __init__(
        self,
        kind: FaultKind,
        text: str,
        *,
        retry_after_s: int | None = None,
        param: str = "",
        code: str = "",
        values: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.retry_after_s = retry_after_s
        self.param = param
        self.code = code
        self.values = values or {}

    @property
    def traits(self) -> Traits:
        return TRAITS[self.kind]

    @property
    def status(self) -> int:
        return TRAITS[self.kind].status

    @property
    def worth_retrying(self) -> bool:
        """Whether the same request may succeed later. A limit that no waiting ends names no time to wait for."""
        return self.traits.retryable and not (self.kind is FaultKind.LIMITED and self.retry_after_s is None)

    def __repr__(self) -> str:
        return f"<Fault {self.kind.word} {self.status}: {self.text}>"
