"""Measures: the words in which limits are written, in files and in orders alike.

Owns what a limit can count (metric), over which time (window), for which models (class), and how an amount is written. Knows
nothing of whose limit it is, nor of how it is enforced.

Amounts are whole numbers inside: requests, tokens, requests at a time, nanodollars of cost, thousandths of messages. People
write dollars and messages, which may have a fraction.
"""

import re
from decimal import Decimal
from typing import Final

from gateway.catalog.models import LINES
from gateway.core.money import NANODOLLARS_PER_DOLLAR
from gateway.core.refusals import Refusal
from gateway.core.usage import Usage

# Word -> number in the shared file; the numbers are part of its layout.
METRICS: Final = {
    "requests": 1,
    "input_tokens": 2,
    "output_tokens": 3,
    "total_tokens": 4,
    "cost": 5,
    "concurrency": 6,
    "messages": 7,
}
WINDOWS: Final = {"minute": 1, "5h": 2, "day": 3, "month": 4, "total": 5}
ALL: Final = "all"
CLASSES: Final = (ALL, "opus", "sonnet", "haiku", "fable", "mythos", "other")
assert set(CLASSES) == {ALL, *LINES}

PATTERN_BYTES_MAX: Final = 64  # its place in the shared file
AMOUNT_MAX: Final = 10**15  # of anything, in its own unit; keeps every sum of amounts inside 63 bits
THOUSANDTHS: Final = 1000

_SCALES: Final = {"cost": NANODOLLARS_PER_DOLLAR, "messages": THOUSANDTHS}
_WORD: Final = re.compile(r"[a-z_]+")
_PATTERN: Final = re.compile(r"[!-~]+")
_AMOUNT: Final = re.compile(r"[0-9]{1,18}(\.[0-9]{1,9})?")


def amounts(usage: Usage, cost_nanodollars: int, weight: int) -> tuple[int, int, int, int, int, int, int, int]:
    """What one request counts as, by the number of its metric; `weight` in thousandths of a message.

    Input counts when it is fresh or written to a cache, not when it is read from one; in the total all of it counts.
    Concurrency is nothing once a request is over.
    """
    total, output = usage.total_input_tokens, usage.output_tokens
    return (0, 1, total - usage.cache_read_tokens, output, total + output, cost_nanodollars, 0, weight)


def check_metric(metric: str) -> None:
    """Raises Refusal unless `metric` is one of METRICS."""
    if metric not in METRICS:
        raise Refusal(
            "limit.metric", "unknown metric `{word}`, expected one of {choices}", word=metric, choices=", ".join(METRICS)
        )


def check_window(metric: str, window: str | None) -> str:
    """The window of a limit. Concurrency has none and is stored as `total`; every other metric must name one. Refusal."""
    if metric == "concurrency":
        if window not in (None, "total"):
            raise Refusal("limit.no_window", "concurrency has no window")
        return "total"
    if window is None:
        names = ", ".join(WINDOWS)
        raise Refusal("limit.needs_window", "a limit of {metric} needs a window: {choices}", metric=metric, choices=names)
    if window not in WINDOWS:
        raise Refusal(
            "limit.window", "unknown window `{word}`, expected one of {choices}", word=window, choices=", ".join(WINDOWS)
        )
    return window


def check_class(model_class: str) -> None:
    """Raises Refusal unless it is one of CLASSES or a pattern of model names (`claude-opus-5*`).

    A plain word that is no class is taken for a slip, not for the name of a model.
    """
    if model_class in CLASSES:
        return
    if not model_class or _WORD.fullmatch(model_class):
        raise Refusal(
            "limit.class",
            "unknown model class `{word}`, expected one of {choices} or a pattern such as gpt-4*",
            word=model_class,
            choices=", ".join(CLASSES),
        )
    if not _PATTERN.fullmatch(model_class) or len(model_class) > PATTERN_BYTES_MAX:
        raise Refusal(
            "limit.pattern",
            "a pattern of model names has at most {count} printable characters without blanks",
            count=PATTERN_BYTES_MAX,
        )


def read_amount(metric: str, written: int | str) -> int:
    """An amount as written, in the unit of its metric, as a whole number from 0 to AMOUNT_MAX. Raises Refusal."""
    text = str(written)
    if not _AMOUNT.fullmatch(text):
        raise Refusal("limit.amount", "an amount is a number such as 100 or 12.50, not negative")
    exact = Decimal(text) * _SCALES.get(metric, 1)
    if exact != exact.to_integral_value():
        raise Refusal("limit.too_fine", "an amount of {metric} cannot be that fine", metric=metric)
    if exact > AMOUNT_MAX:
        most = Decimal(write_amount(metric, AMOUNT_MAX))
        raise Refusal("limit.too_much", "an amount of {metric} can be at most {most}", metric=metric, most=most)
    return int(exact)


def write_amount(metric: str, amount: int) -> str:
    """The inverse of `read_amount`: dollars with two places at least, anything else without needless zeros."""
    scale = _SCALES.get(metric, 1)
    sign = "-" if amount < 0 else ""
    whole, part = divmod(abs(amount), scale)
    places = f"{part:0{len(str(scale)) - 1}d}".rstrip("0") if scale > 1 else ""
    if metric == "cost":
        places = places.ljust(2, "0")
    return f"{sign}{whole}.{places}" if places else f"{sign}{whole}"
