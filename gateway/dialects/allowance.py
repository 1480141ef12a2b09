"""The allowance of a stream: how many output tokens it may still carry.

Owns the counting that all caps share, whatever dialect they cut. What went by is estimated as in a stream that was cut, because
no upstream tells its figure before the end.
"""

from collections.abc import Iterable

from gateway.dialects.anthropic.usage_tap import estimated_output_tokens


class Allowance:
    """`tokens_max` is the most that may go by; whoever learns better puts another figure there."""

    __slots__ = ("_deltas", "_text_bytes", "tokens_max")

    def __init__(self, tokens_max: int) -> None:
        self.tokens_max = tokens_max
        self._text_bytes = 0
        self._deltas = 0

    @property
    def output_tokens(self) -> int:
        """The estimate of what has gone by."""
        return estimated_output_tokens(self._text_bytes, self._deltas)

    def takes(self, texts: Iterable[str]) -> bool:
        """Counts one delta with these texts if it still fits; says whether it does."""
        size = self._text_bytes + sum(len(text.encode("utf-8", "replace")) for text in texts)
        if estimated_output_tokens(size, self._deltas + 1) > self.tokens_max:
            return False
        self._text_bytes = size
        self._deltas += 1
        return True

    def __repr__(self) -> str:
        return f"<Allowance {self.output_tokens} of {self.tokens_max}>"
