"""Limits: rows in the shared file that every request is counted against, exactly, by all workers at once."""

from gateway.state.limits.locks import LimitsBusyError
from gateway.state.limits.patterns import CLASS_BITS, ClassMasks, PatternsFullError
from gateway.state.limits.rows import AMOUNT_MAX, LimitSpec, LimitState, Metric, Scope, Window
from gateway.state.limits.table import LimitTable, LimitTableFullError

__all__ = [
    "AMOUNT_MAX",
    "CLASS_BITS",
    "ClassMasks",
    "LimitSpec",
    "LimitState",
    "LimitTable",
    "LimitTableFullError",
    "LimitsBusyError",
    "Metric",
    "PatternsFullError",
    "Scope",
    "Window",
]
