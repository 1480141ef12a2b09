"""Standing: what an answer tells its caller about the limits it was counted against, and how a limit that refuses is put.

Owns the rate-limit headers of three families and the words of refusals. The figures are those of the moment of admission: what
the tightest limit of each kind had left with this request's worst case held.
"""

from datetime import UTC, datetime

from gateway.core.faults import Fault, FaultKind
from gateway.core.money import dollars
from gateway.state.limits import Figures, LimitState, Metric, Refused, Scope, Window

Headers = list[tuple[bytes, bytes]]

UNPAID = "Your credit balance is too low to make this request. Please buy credits to continue."

_SECOND_NS = 1_000_000_000
LAST_SECOND = 253402300799  # of the year 9999
_FAR_NS = 9_000_000_000 * _SECOND_NS  # about the year 2255; beyond it no date is given
_METRICS = {
    Metric.REQUESTS: "requests",
    Metric.INPUT_TOKENS: "input tokens",
    Metric.OUTPUT_TOKENS: "output tokens",
    Metric.TOTAL_TOKENS: "tokens",
    Metric.COST: "US dollars",
    Metric.CONCURRENCY: "requests at the same time",
    Metric.MESSAGES: "messages",
}
_WINDOWS = {
    Window.MINUTE: " per minute",
    Window.FIVE_HOURS: " per 5 hours",
    Window.DAY: " per day",
    Window.MONTH: " per month",
    Window.TOTAL: " in all",
}
# Where a metric's figures begin.
_GROUPS = {Metric.REQUESTS: 0, Metric.TOTAL_TOKENS: 3, Metric.INPUT_TOKENS: 6, Metric.OUTPUT_TOKENS: 9}
_SCOPES = {Scope.KEY: "key", Scope.PLAN: "plan", Scope.WORKSPACE: "workspace"}


def _names(word: bytes) -> tuple[bytes, bytes, bytes, bytes, bytes, bytes]:
    return (
        b"anthropic-ratelimit-" + word + b"-limit",
        b"anthropic-ratelimit-" + word + b"-remaining",
        b"anthropic-ratelimit-" + word + b"-reset",
        b"x-ratelimit-limit-" + word,
        b"x-ratelimit-remaining-" + word,
        b"x-ratelimit-reset-" + word,
    )


_REQUESTS, _TOKENS = _names(b"requests"), _names(b"tokens")
_INPUT, _OUTPUT = _names(b"input-tokens"), _names(b"output-tokens")


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
        f"{text} Try again in {wait_s} s, at {_moment(wall_ns + refused.wait_ns).decode()}.",
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
    requests, tokens, fresh, output = tightest[0:3], tightest[3:6], tightest[6:9], tightest[9:12]
    if tokens[0] < 0:
        # No limit counts both together: the one with less left speaks for tokens.
        tokens = output if fresh[0] < 0 or (output[0] >= 0 and output[1] < fresh[1]) else fresh
    pairs: Headers = []
    if requests[0] >= 0:
        _tell(pairs, _REQUESTS, requests, wall_ns, both=True)
    if tokens[0] >= 0:
        _tell(pairs, _TOKENS, tokens, wall_ns, both=True)
    if fresh[0] >= 0:
        _tell(pairs, _INPUT, fresh, wall_ns, both=False)
    if output[0] >= 0:
        _tell(pairs, _OUTPUT, output, wall_ns, both=False)
    plain = requests if requests[0] >= 0 else tokens
    if plain[0] >= 0:
        pairs.append((b"x-ratelimit-limit", b"%d" % plain[0]))
        pairs.append((b"x-ratelimit-remaining", b"%d" % plain[1]))
    return pairs


def _tell(pairs: Headers, names: tuple[bytes, ...], figures: Figures, wall_ns: int, *, both: bool) -> None:
    """One kind of limit, for clients of Anthropic or of both."""
    limit, left, reset_ns = b"%d" % figures[0], b"%d" % figures[1], figures[2]
    pairs.append((names[0], limit))
    pairs.append((names[1], left))
    if reset_ns < _FAR_NS:
        pairs.append((names[2], _moment(wall_ns + reset_ns)))
    if both:
        pairs.append((names[3], limit))
        pairs.append((names[4], left))
        pairs.append((names[5], span(reset_ns).encode("ascii")))


def span(ns: int) -> str:
    """A duration as OpenAI writes it: `120ms`, `1.5s`, `6m0s`, `2h0m5s`."""
    if ns < _SECOND_NS:
        return f"{-(-ns // 1_000_000)}ms"
    seconds, rest_ns = divmod(ns, _SECOND_NS)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    tenths = rest_ns // 100_000_000
    text = f"{seconds}.{tenths}s" if tenths and not hours else f"{seconds}s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text


_shown: dict[int, bytes] = {}


def _moment(wall_ns: int) -> bytes:
    """RFC 3339 in UTC, to the second; the next one when it is not whole, so that nobody comes too early."""
    second = -(-wall_ns // _SECOND_NS)
    text = _shown.get(second)
    if text is None:
        if len(_shown) >= 1024:
            _shown.clear()
        text = _shown[second] = (
            datetime.fromtimestamp(min(max(second, 0), 253402300799), UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
        )
    return text
