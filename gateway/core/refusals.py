"""Refusals: something that was asked for and is not done, said as data.

A refusal has a stable code, an English sentence with named gaps, and the values that fill them. People read the sentence,
programs the code; pages look the code up in the visitor's language and fill in the same values. Knows no transport, no other
language, and nothing of what was refused.
"""

from typing import Self

from gateway.core.faults import Fault, FaultKind


class Refusal(Exception):
    """`str` of it is the English sentence. Values are shown to whoever asked, so they never hold a secret or prompt text.

    A value's name tells what it is: its unit last (`least_usd`), `count` where a language may need a plural, and otherwise what a
    page may have a word of its own for (`field`, `metric`, `role`)."""

    def __init__(self, code: str, sentence: str, /, **values: object) -> None:
        super().__init__(sentence.format_map(values))
        self.code = code
        self.sentence = sentence
        self.values = values

    @classmethod
    def like(cls, other: "Refusal") -> Self:
        """The same refusal under the name that callers of this part know."""
        return cls(other.code, other.sentence, **other.values)

    def fault(self, kind: FaultKind, *, retry_after_s: int | None = None) -> Fault:
        """The fault that answers a request which is refused so."""
        return Fault(kind, str(self), retry_after_s=retry_after_s, code=self.code, values=self.values)
