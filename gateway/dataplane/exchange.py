"""The exchange: one record per request, from its first byte to its settlement.

Each field is written by one phase, named beside it. What was taken (row, connection) stands here before the next await, and
`finish` is the only place that gives things back. It lives in the data plane, not in `core`, because it holds what only a
worker has.
"""

from collections.abc import Callable
from typing import Protocol

from gateway.catalog.models import Model
from gateway.catalog.prices import Rate
from gateway.core.faults import Fault, FaultKind
from gateway.core.ids import text_of, timed_id
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from gateway.dataplane.amounts import Budget
from gateway.dialects.passing import ANTHROPIC, Passing
from gateway.dialects.translation import Translation
from gateway.state.keys import KeyRow
from gateway.state.record import Surface
from gateway.upstream.pool.lease import Lease
from gateway.upstream.providers import Upstream
from gateway.upstream.transport.http1 import Connection


class Request(Protocol):
    """What is sent to upstreams, kept for as long as it may have to be sent again."""

    def release(self) -> None:
        """Lets go of it: the client has seen something of an answer."""


class Exchange:
    """No dataclass: compiled, the initializer that one makes is run by the interpreter: 15 thousand instructions, now 2.5."""

    __slots__ = (
        "attempts",
        "began_ns",
        "budget",
        "caller",
        "choice",
        "connection",
        "credential",
        "dialect",
        "fault",
        "first_content_ns",
        "flags",
        "held_nanodollars",
        "held_tokens",
        "lease",
        "limited",
        "metered",
        "method",
        "model",
        "model_asked",
        "model_served",
        "outcome",
        "path",
        "rate",
        "request",
        "request_bytes",
        "request_id",
        "reshape",
        "response_bytes",
        "row",
        "started_ns",
        "status",
        "stream",
        "surface",
        "translation",
        "upstream",
        "upstream_request_id",
        "usage",
        "weight",
    )

    def __init__(self, surface: Surface, method: str, path: str, started_ns: int, began_ns: int) -> None:
        # surfaces
        self.surface = surface
        self.method = method
        self.path = path
        self.started_ns = started_ns  # wall clock
        self.began_ns = began_ns  # monotonic
        self.request_id = timed_id(started_ns)
        self.dialect: Passing = ANTHROPIC  # the client's
        self.metered = False  # its tokens are billed
        # identify
        self.caller: KeyRow | None = None
        # read body, check
        self.request_bytes = 0
        self.stream = False
        self.model_asked = ""
        # route
        self.model_served = ""
        self.model: Model | None = None  # what is known of it
        self.upstream: Upstream | None = None
        self.translation: Translation | None = None  # where the upstream speaks another dialect than the client
        self.reshape: Callable[[bytes], bytes] | None = None  # turns a whole answer into the caller's dialect
        # admit
        self.row: int | None = None
        self.limited = False  # something is held of the caller's limits
        self.rate: Rate | None = None  # what the model's tokens cost
        self.weight = 0  # what a message to the model counts for, in thousandths
        self.held_nanodollars = 0
        self.held_tokens = 0
        self.budget: Budget | None = None  # where a stream has to be ended, when the hold does not cover all of `max_tokens`
        # attempt
        self.attempts = 0
        self.lease: Lease | None = None
        self.credential = 0
        self.choice = b""  # what the last pick looked at, see upstream.pool.choice
        self.connection: Connection | None = None
        self.request: Request | None = None
        # passthrough
        self.status = 0
        self.usage: Usage = Usage()
        self.flags = 0  # of state.record.Flags
        self.first_content_ns = 0  # monotonic; 0 while there is none
        self.response_bytes = 0
        self.upstream_request_id = ""
        # whoever ends it
        self.outcome: Outcome | None = None
        self.fault: FaultKind = FaultKind.NONE

    @property
    def id_text(self) -> str:
        return text_of("req", self.request_id)

    @property
    def echoes(self) -> bool:
        """Whether the answer must bear another model name than the upstream writes."""
        return self.model_asked != self.model_served

    def end(self, outcome: Outcome, fault: Fault | None = None) -> None:
        """Notes how it ended; the first word counts, since what follows is a consequence."""
        if self.outcome is None:
            self.outcome = outcome
            if fault is not None:
                self.fault = fault.kind

    def forget_answer(self) -> None:
        """Before another attempt, when nothing of the last one's answer was shown."""
        self.status = 0
        self.usage = Usage()
        self.flags = 0
        self.first_content_ns = 0
        self.upstream_request_id = ""

    def __repr__(self) -> str:
        ended = self.outcome.word if self.outcome else "open"
        return f"<Exchange {self.id_text} {self.method} {self.path} {self.model_asked!r} {ended}>"
