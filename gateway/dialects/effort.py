"""How hard to think: one scale of words, and the budgets of tokens they stand for.

Owns the order of the words of all dialects and the way from one to the nearest that an upstream takes. The budgets are those most
translators use (LiteLLM's defaults up to `high`), so that a client moved from one of them sees the same.
"""

from collections.abc import Sequence

ORDER = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
OFF = "none"

BUDGETS: dict[str, int] = {"minimal": 1024, "low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192, "max": 16_384}
# A budget of so many tokens or more is this effort. Above `high` nobody could tell what a client meant.
_FROM_BUDGET = ((4096, "high"), (2048, "medium"), (1024, "low"), (0, "minimal"))


def clamp(effort: str, taken: Sequence[str]) -> str:
    """The word among `taken` that is nearest to `effort`, rather less than more; empty when none is taken or the word is none."""
    if effort in taken or effort not in ORDER:
        return effort if effort in taken else ""
    wanted = ORDER.index(effort)
    known = [word for word in ORDER if word in taken]
    below = [word for word in known if ORDER.index(word) < wanted and word != OFF]
    return (below or [word for word in known if word != OFF] or [""])[-1 if below else 0]


def of_budget(budget_tokens: int) -> str:
    """The effort that a budget of thinking tokens stands for."""
    return next(word for least, word in _FROM_BUDGET if budget_tokens >= least)
