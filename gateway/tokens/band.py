"""Bands: how far an estimate may be off, by tokenizer.

Owns the figures and what they make of a count. Knows nothing of how it was counted. The figures are what was seen on texts that
played no part in the fit, see `loadtest/calibration`, rounded up; languages that were left out of the fit can be further off.
"""

from dataclasses import dataclass

from gateway.tokens.encoding import WINDOW_CHARS
from gateway.tokens.families import Family

# Seen at most: 11.0 % with v3, 7.6 % with the newer vocabulary.
BAND_PERCENT = {Family.V3: 12, Family.V4_7: 8, Family.V5: 8, Family.O200K: 0}
# 90 of 100 texts: 2.8 % and 2.0 %.
USUAL_PERCENT = {Family.V3: 3, Family.V4_7: 2, Family.V5: 2, Family.O200K: 0}
# A text of five words cannot be right to a per cent. The frame of a message was measured to a token or two.
SHORT_TOKENS = 3
CUT_TOKENS = 2  # what one cut between windows can cost


@dataclass(frozen=True, slots=True)
class Band:
    """The true count is between `low` and `high` tokens, and nine times out of ten within `usual_percent` of the estimate."""

    low: int
    high: int
    percent: int
    usual_percent: int


def band(tokens: int, characters: int, family: Family) -> Band:
    """The band around an estimate of a text. With `o200k` the vocabulary itself counts: only cuts are in doubt."""
    percent = BAND_PERCENT[family]
    cuts = max(characters - 1, 0) // WINDOW_CHARS
    doubt = max(-(-tokens * percent // 100), SHORT_TOKENS) if percent else CUT_TOKENS * cuts
    return Band(max(tokens - doubt, 0), tokens + doubt, percent, USUAL_PERCENT[family])
