"""Limits: rows in the shared file that every request is counted against, exactly, by all workers at once."""

from gateway.state.limits.holds import HoldState
from gateway.state.limits.locks import LimitsBusyError
from gateway.state.limits.moments import Calendar, Moment
from gateway.state.limits.patterns import CLASS_BITS, FIRST_PATTERN_BIT, ClassMasks, PatternsFullError
from gateway.state.limits.rows import AMOUNT_MAX, NOTHING, Amounts, LimitSpec, LimitState, Metric, Scope, Window
from gateway.state.limits.table import LimitTable, LimitTableFullError
from gateway.state.limits.taking import Figures, Limits, Refused, Taken, Tightness

__all__ = [
    "AMOUNT_MAX",
    "CLASS_BITS",
    "FIRST_PATTERN_BIT",
    "NOTHING",
    "Amounts",
    "Calendar",
    "ClassMasks",
    "Figures",
    "HoldState",
    "LimitSpec",
    "LimitState",
    "LimitTable",
    "LimitTableFullError",
    "Limits",
    "LimitsBusyError",
    "Metric",
    "Moment",
    "PatternsFullError",
    "Refused",
    "Scope",
    "Taken",
    "Tightness",
    "Window",
]
