"""The exchange: one record per request, from its first byte to its settlement.

Each field is written by one phase, named beside it. What was taken (row, connection) stands here before the next await, and
`finish` is the only place that gives things back. It lives in the data plane, not in `core`, because it holds what only a
worker has.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
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


@dataclass(slots=True, repr=False)
class Exchange:
    # surfaces
    surface: Surface
    method: str
    path: str
    started_ns: int  # wall clock
    began_ns: int  # monotonic
    request_id: bytes = b""  # made here, of the start
    dialect: Passing = ANTHROPIC  # the client's
    metered: bool = False  # its tokens are billed
    # identify
    caller: KeyRow | None = None
    # read body, check
    request_bytes: int = 0
    stream: bool = False
    model_asked: str = ""
    # route
    model_served: str = ""
    model: Model | None = None  # what is known of it
    upstream: Upstream | None = None
    translation: Translation | None = None  # where the upstream speaks another dialect than the client
    reshape: Callable[[bytes], bytes] | None = None  # turns a whole answer into the caller's dialect
    # admit
    row: int | None = None
    limited: bool = False  # something is held of the caller's limits
    rate: Rate | None = None  # what the model's tokens cost
    weight: int = 0  # what a message to the model counts for, in thousandths
    held_nanodollars: int = 0
    held_tokens: int = 0
    budget: Budget | None = None  # where a stream has to be ended, when the hold does not cover all of `max_tokens`
    # attempt
    attempts: int = 0
    lease: Lease | None = None
    credential: int = 0
    choice: bytes = b""  # what the last pick compared, see upstream.pool.choice
    connection: Connection | None = None
    request: Request | None = None
    # passthrough
    status: int = 0
    usage: Usage = field(default_factory=Usage)
    flags: int = 0  # of state.record.Flags
    first_content_ns: int = 0  # monotonic; 0 while there is none
    response_bytes: int = 0
    upstream_request_id: str = ""
    # whoever ends it
    outcome: Outcome | None = None
    fault: FaultKind = FaultKind.NONE

    def __post_init__(self) -> None:
        self.request_id = timed_id(self.started_ns)

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
