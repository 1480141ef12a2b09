"""Standing: what an answer tells its caller about the limits it was counted against, and how a limit that refuses is put.

Owns the rate-limit headers of three families and the words of refusals. The figures are those of the moment of admission: what
the tightest limit of each kind had left with this request's worst case held.
"""

from datetime import UTC, datetime
from typing import Final

from gateway.core.faults import Fault, FaultKind
from gateway.core.money import dollars
from gateway.state.limits import Figures, LimitState, Metric, Refused, Scope, Window
from native_fastpath import tell_limits

Headers = list[tuple[bytes, bytes]]

UNPAID: Final = "Your credit balance is too low to make this request. Please buy credits to continue."

_SECOND_NS: Final = 1_000_000_000
LAST_SECOND: Final = 253402300799  # of the year 9999
_METRICS: Final = {
    Metric.REQUESTS: "requests",
    Metric.INPUT_TOKENS: "input tokens",
    Metric.OUTPUT_TOKENS: "output tokens",
    Metric.TOTAL_TOKENS: "tokens",
    Metric.COST: "US dollars",
    Metric.CONCURRENCY: "requests at the same time",
    Metric.MESSAGES: "messages",
}
_WINDOWS: Final = {
    Window.MINUTE: " per minute",
    Window.FIVE_HOURS: " per 5 hours",
    Window.DAY: " per day",
    Window.MONTH: " per month",
    Window.TOTAL: " in all",
}
# Where a metric's figures begin.
_GROUPS: Final = {Metric.REQUESTS: 0, Metric.TOTAL_TOKENS: 3, Metric.INPUT_TOKENS: 6, Metric.OUTPUT_TOKENS: 9}
_SCOPES: Final = {Scope.KEY: "key", Scope.PLAN: "plan", Scope.WORKSPACE: "workspace"}


def refusal(refused: Refused, wall_ns: int) -> Fault:
    """The fault of a limit that has no room: which it is, how large, and when it ends."""
    limit = refused.limit
    if limit.credits:
        return Fault(FaultKind.UNPAID, UNPAID)
    text = f"This request would exceed the limit of your {_SCOPES[limit.scope]}: {size(limit)}."
    if refused.wait_ns < 0:
        return Fault(FaultKind.LIMITED, f"{text} Waiting does not help: this limit has to be raised.")
    wait_s = max(-(-refused.wait_ns // _SECOND_NS), 1)
    if limit.metric is Metric.CONCURRENCY:
        return Fault(FaultKind.LIMITED, f"{text} Try again when one of them has ended.", retry_after_s=wait_s)
    return Fault(
        FaultKind.LIMITED,
        f"{text} Try again in {wait_s} s, at {_moment(wall_ns + refused.wait_ns)}.",
        retry_after_s=wait_s,
    )


def figures_of(refused: Refused) -> Figures:
    """How the caller stands: of all its limits, or of the refusing one alone when the request's amounts were not known yet."""
    if refused.packed is not None:
        return refused.figures
    figures = [-1] * 12
    group = _GROUPS.get(refused.limit.metric)
    if group is not None:
        figures[group : group + 3] = [refused.limit.amount, 0, max(refused.wait_ns, 0)]
    return tuple(figures)


def size(limit: LimitState) -> str:
    """A limit in words: `50 requests per minute`, `12.50 US dollars in all, for some models`."""
    if limit.metric is Metric.COST:
        amount = dollars(limit.amount)
    elif limit.metric is Metric.MESSAGES:
        amount = f"{limit.amount / 1000:g}"
    else:
        amount = str(limit.amount)
    window = "" if limit.metric is Metric.CONCURRENCY else _WINDOWS[limit.window]
    return f"{amount} {_METRICS[limit.metric]}{window}{', for this class of models' if limit.class_bit else ''}"


def headers(tightest: Figures, wall_ns: int) -> Headers:
    """The headers of an answer: OpenAI's six, Anthropic's, and the plain pair; of limits that the caller has."""
    return tell_limits(tightest, wall_ns)


def _moment(wall_ns: int) -> str:
    """RFC 3339 in UTC, to the second; the next one when it is not whole, so that nobody comes too early."""
    second = min(max(-(-wall_ns // _SECOND_NS), 0), LAST_SECOND)
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
