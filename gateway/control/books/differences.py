"""Differences: what is not as it should be in the books, as data.

Owns the sentence of each: a code, and English words with gaps for its values. Pages look the code up in the visitor's language
and fill in the same values. Knows nothing of how a difference is found.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

WHOLE_MAX = 2**53  # the largest whole number that every reader of JSON takes exactly

SENTENCES = {
    "amount": "has an amount of {shared} in the shared file and of {booked} in the books",
    "apart": "stands apart from its posting {posting}",
    "balance": "has a balance of {balance}, its entries make {made}",
    "bought": "has lots with {amount} credits bought, the ledger {entered}",
    "check_sum": "does not fit its check sum",
    "cost": "enters {entered} for requests that cost {cost}",
    "credits": "stands for credits of {amount}, the lots hold {held}",
    "entry": "of {amount} does not fit its check sum",
    "expired": "has lots with {amount} expired, the ledger {entered}",
    "left": "has {left} left, its account {held}",
    "missing": "is missing; the next one is {next}",
    "no_account": "has no account",
    "no_posting": "is in no posting",
    "not_booked": "is in the shared file and not in the books",
    "not_shared": "is in the books and not in the shared file",
    "other_requests": "does not fit its requests",
    "overdrawn": "has a balance of {balance}",
    "posting_gone": "names posting {posting}, which is not there",
    "refunded": "has lots with {amount} refunded, the ledger {entered}",
    "requests": "has {entered} requests, and {found} name it",
    "seal": "does not fit its seal",
    "stray": "belongs to no posting",
    "unbalanced": "has entries that do not sum up to zero",
    "unreadable": "{problem}",
    "unused": "has nothing used since {since_at}, its requests were charged {charged}",
    "used": "has {used} used since {since_at}, its requests were charged {charged}",
    "used_apart": "has {shared} used since {since_at} in the shared file and {booked} in the books",
    "window": "is in a window according to the books and in none according to the shared file",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as it should be: `what` kind of thing, `which` one, and `how` it differs, in English; `code` and
    `values` are that sentence as data. Amounts are in the unit of what differs, `since_at` in Unix seconds."""

    what: str
    which: str
    how: str
    code: str
    values: Mapping[str, int | str]


def difference(what: str, which: object, code: str, /, **values: object) -> Difference:
    """One of SENTENCES. Values may be anything that a damaged file holds."""
    shown = {name: value if type(value) is int and abs(value) <= WHOLE_MAX else str(value) for name, value in values.items()}
    return Difference(what, str(which), SENTENCES[code].format_map(values), code, shown)


@dataclass(slots=True)
class Report:
    """What was looked at, and what differs. Nothing differs: the books are proven."""

    postings: int = 0
    entries: int = 0
    requests: int = 0
    lots: int = 0
    limits: int = 0
    figures: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def proven(self) -> bool:
        return not self.differences

    def differs(self, what: str, which: object, code: str, /, **values: object) -> None:
        """Adds one of SENTENCES."""
        self.differences.append(difference(what, which, code, **values))
