"""Usage: how many tokens of each class one request took.

Figures from an upstream are input, not truth: `whole` is the only door through which they come in.
"""

from dataclasses import dataclass

# No model takes or gives this many tokens in one request; a larger figure is an error or an attack, and keeping every sum of a
# billion requests inside 63 bits needs a bound.
TOKENS_MAX = 2**31 - 1


@dataclass(slots=True, init=False)
class Usage:
    """Tokens of one request by price class. `input_tokens` excludes cache reads and writes, as on Anthropic's wire."""

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0

    def __init__(
        self,
        input_tokens: int = 0,
        cache_read_tokens: int = 0,
        cache_write_5m_tokens: int = 0,
        cache_write_1h_tokens: int = 0,
        output_tokens: int = 0,
    ) -> None:
        self.input_tokens = input_tokens
        self.cache_read_tokens = cache_read_tokens
        self.cache_write_5m_tokens = cache_write_5m_tokens
        self.cache_write_1h_tokens = cache_write_1h_tokens
        self.output_tokens = output_tokens

    @property
    def total_input_tokens(self) -> int:
        return self.input_tokens + self.cache_read_tokens + self.cache_write_5m_tokens + self.cache_write_1h_tokens

    def __repr__(self) -> str:
        return (
            f"<Usage in={self.input_tokens} read={self.cache_read_tokens} write5m={self.cache_write_5m_tokens}"
            f" write1h={self.cache_write_1h_tokens} out={self.output_tokens}>"
        )


def whole(value: object) -> int | None:
    """A token figure as an upstream sent it, or None when it is not one (missing, negative, not a whole number, too large)."""
    if type(value) is int and 0 <= value <= TOKENS_MAX:
        return value
    return None
