"""What a dialect gives to calls that are passed on, and to whoever has to say no in it.

Owns one row for each kind of call that a client makes: how its faults, figures and names are written. `codec` is the same for
calls that are translated. Completions and embeddings are OpenAI's, and no other dialect has anything like them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from gateway.core.faults import Fault
from gateway.core.usage import Usage
from gateway.dialects.anthropic import cap as anthropic_cap
from gateway.dialects.anthropic import fault as anthropic_fault
from gateway.dialects.anthropic import reply as anthropic_reply
from gateway.dialects.anthropic import usage_tap as anthropic_tap
from gateway.dialects.anthropic.reply import Missing
from gateway.dialects.openai_chat import cap as chat_cap
from gateway.dialects.openai_chat import fault as chat_fault
from gateway.dialects.openai_chat import plain as chat_plain
from gateway.dialects.openai_chat import reply as chat_reply
from gateway.dialects.openai_chat import request as chat_request
from gateway.dialects.openai_chat import usage_tap as chat_tap
from gateway.dialects.openai_responses import cap as responses_cap
from gateway.dialects.openai_responses import fault as responses_fault
from gateway.dialects.openai_responses import reply as responses_reply
from gateway.dialects.openai_responses import request as responses_request
from gateway.dialects.openai_responses import usage_tap as responses_tap
from gateway.dialects.request import Request

Headers = list[tuple[bytes, bytes]]


class Tap(Protocol):
    """What a stream tells while its bytes go by; see the dialects' own taps."""

    between_events: bool
    deltas: int
    ended: bool

    @property
    def error(self) -> str | None: ...
    @property
    def usage(self) -> Usage: ...
    @property
    def input_reported(self) -> bool: ...
    @property
    def output_reported(self) -> bool: ...
    @property
    def content_started(self) -> bool: ...
    @property
    def output_bytes(self) -> int: ...
    def feed(self, data: bytes) -> bytes: ...
    def rest(self) -> bytes: ...
    def estimate_output(self) -> None: ...


class Cap(Protocol):
    """A stream that may carry only so many output tokens; see the dialects' own caps."""

    reached: bool

    def feed(self, data: bytes) -> bytes: ...
    def end(self) -> bytes: ...


@dataclass(frozen=True, slots=True, eq=False)
class Passing:
    """One kind of call.

    `name` is the dialect, as providers name what they speak. `id_header` carries the id of a request. `no_key`, `wrong_key` and
    `wrong_bearer` are the words of a 401. `check` reads a body, and its outline if it is to be read by that, where the dialect
    needs nothing else; None for Anthropic's, whose checks depend on headers. `write_fault` and `frame_fault` take a fault and
    the request's id. `usage_of` and `content_bytes` take the body of an answer, `echo_model` also the events of a stream, and
    the name that was asked for. `cap` takes the most output tokens, how to revise that, and an estimate of the input.
    """

    name: str
    id_header: bytes
    no_key: str
    wrong_key: str
    wrong_bearer: str
    check: Callable[[bytes, bytes | None], Request] | None
    write_fault: Callable[[Fault, str], tuple[int, Headers, bytes]]
    frame_fault: Callable[[Fault, str], bytes]
    usage_of: Callable[[bytes], tuple[Usage, Missing]]
    content_bytes: Callable[[bytes], int]
    echo_model: Callable[[bytes, str], bytes]
    tap: Callable[[], Tap]
    cap: Callable[[int, Callable[[Usage], int], int], Cap]

    def __repr__(self) -> str:
        return f"<Passing {self.name}>"


ANTHROPIC = Passing(
    name="anthropic",
    id_header=b"request-id",
    no_key="x-api-key header is required",
    wrong_key="invalid x-api-key",
    wrong_bearer="Invalid bearer token",
    check=None,
    write_fault=anthropic_fault.write,
    frame_fault=anthropic_fault.frame,
    usage_of=anthropic_reply.usage_of,
    content_bytes=anthropic_reply.content_bytes,
    echo_model=anthropic_reply.echo_model,
    tap=anthropic_tap.UsageTap,
    cap=lambda most, revise, _: anthropic_cap.Cap(most, revise),
)
OPENAI_CHAT = Passing(
    name="openai_chat",
    id_header=b"x-request-id",
    no_key="You didn't provide an API key. Provide it in the Authorization header, as `Authorization: Bearer YOUR_KEY`.",
    wrong_key="Incorrect API key provided.",
    wrong_bearer="Incorrect API key provided.",
    check=chat_request.check,
    write_fault=chat_fault.write,
    frame_fault=lambda fault, _: chat_fault.frame(fault),
    usage_of=chat_reply.usage_of,
    content_bytes=chat_reply.content_bytes,
    echo_model=chat_reply.echo_model,
    tap=chat_tap.UsageTap,
    cap=lambda most, revise, input_tokens: chat_cap.Cap(most, revise, input_tokens=input_tokens),
)
OPENAI_RESPONSES = replace(
    OPENAI_CHAT,
    name="openai_responses",
    check=responses_request.check,
    write_fault=responses_fault.write,
    frame_fault=responses_fault.frames,
    usage_of=responses_reply.usage_of,
    tap=responses_tap.UsageTap,
    cap=lambda most, revise, input_tokens: responses_cap.Cap(most, revise, input_tokens=input_tokens),
)
OPENAI_COMPLETIONS = replace(OPENAI_CHAT, name="openai_completions", check=chat_plain.check_completion)
OPENAI_EMBEDDINGS = replace(
    OPENAI_CHAT,
    name="openai_embeddings",
    check=chat_plain.check_embeddings,
    usage_of=chat_reply.embeddings_usage_of,
    content_bytes=lambda _: 0,
)

OPENAI_SHAPES = frozenset(("openai_chat", "openai_responses"))
# What an upstream has beside the conversations of OpenAI's dialects.
OPENAI_PLAIN = frozenset((OPENAI_COMPLETIONS.name, OPENAI_EMBEDDINGS.name))
