"""The form of a row of the limit table, and the words for what a limit counts.

A row is an anchor or a limit. Rows are linked into chains: a key's anchor, the key's limits, the plan's anchor, the limits that
all keys of a workspace on that plan share, the workspace's anchor, its limits, the end. A caller is counted against every limit
behind the anchor it begins at. The workspace's anchor is the chain's account: its lock word guards every row that names it.

    word 0   kind (4 bits) and scope (4), metric (8), window (8), class bit (6), flags (2); generation (32)
    word 1   limit id (32), owner id (32): of the key, the plan instance or the workspace
    word 2   next row (32), account (32)
    word 3   amount
    word 4   used           6   window_start_s     8   debt: theoretical arrival time, monotonic ns
    word 5   held           7   window_end_s       9   debt's fraction of a ns, in 1/amount
    word 15  lock

Words 4 to 9 change with every request, under the lock; the rest is written by the control plane. Word 15 is never cleared when a
row is used again, so that whoever locks by an old reference locks and unlocks properly. Row 0 is the table's own: {rows ever
used, capacity}.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from gateway.state.layout import LIMIT_BYTES, Layout
from native_fastpath import Region

# By metric, from 1 on; the first place is not used.
Amounts = tuple[int, int, int, int, int, int, int, int]
NOTHING: Final[Amounts] = (0,) * 8

AMOUNT_MAX: Final = 2**63 - 1
LIMITS_PER_ANCHOR_MAX: Final = 8  # three anchors make the 24 places of a request's holds and charges
CHAIN_MAX: Final = 3 * (LIMITS_PER_ANCHOR_MAX + 1)
LOCK_AT: Final = 120
NEXT_AT, AMOUNT_AT, USED_AT, DEBT_FRACTION_AT = 16, 24, 32, 72

_U32_MAX: Final = 2**32 - 1
_REFERENCE_BITS: Final = 20  # of the row; the 12 above are the last of its generation
_LIMIT: Final = 4  # kind; the others are scopes, for anchors
_CREDITS: Final = 1 << 30
_WORDS: Final = struct.Struct("=10Q")
_ROW: Final = struct.Struct("=3Q2qqQQqQ40x")  # all but the lock
assert _ROW.size == LOCK_AT == LIMIT_BYTES - 8


class Metric(IntEnum):
    """What is counted. COST is in nanodollars, MESSAGES in thousandths of a message. The numbers stand in the books."""

    REQUESTS = 1
    INPUT_TOKENS = 2
    OUTPUT_TOKENS = 3
    TOTAL_TOKENS = 4
    COST = 5
    CONCURRENCY = 6
    MESSAGES = 7


class Window(IntEnum):
    """Over which time. The numbers stand in the books.

    MINUTE is smooth: what was taken comes back evenly, up to the whole amount at once. FIVE_HOURS begins with the first request
    after the last one ended. DAY and MONTH are those of the calendar, in UTC. TOTAL never ends. CONCURRENCY ignores it.
    """

    MINUTE = 1
    FIVE_HOURS = 2
    DAY = 3
    MONTH = 4
    TOTAL = 5


class Scope(IntEnum):
    """Whose limit it is."""

    WORKSPACE = 1
    PLAN = 2
    KEY = 3


@dataclass(frozen=True, slots=True)
class LimitSpec:
    """What a limit is. `class_bit` says for which models, see patterns.py; 0 stands for all. `credits` marks prepaid money."""

    limit_id: int
    metric: Metric
    window: Window
    class_bit: int
    amount: int
    credits: bool = False

    def __post_init__(self) -> None:
        if not (0 < self.limit_id <= _U32_MAX and 0 <= self.class_bit <= 63 and 0 <= self.amount <= AMOUNT_MAX):
            raise ValueError(f"a limit is out of range: {self}")


@dataclass(frozen=True, slots=True)
class LimitState:
    """A limit and how far it is used at one moment. `window_end_s` is 0 when no window has begun or it never ends."""

    index: int
    scope: Scope
    owner_id: int
    limit_id: int
    metric: Metric
    window: Window
    class_bit: int
    credits: bool
    amount: int
    used: int
    held: int
    window_start_s: int
    window_end_s: int
    debt_ns: int

    @property
    def is_durable(self) -> bool:
        """Whether the books know what was used of it: not so for what a minute gives back and for what a request gives back."""
        return self.window is not Window.MINUTE and self.metric is not Metric.CONCURRENCY


@dataclass(frozen=True, slots=True)
class Links:
    """How a row stands in its chain. `scope` is None for a free row."""

    scope: Scope | None
    is_anchor: bool
    owner_id: int
    limit_id: int
    generation: int
    next: int
    account: int


def row_at(layout: Layout, index: int) -> int:
    """The offset of a row. Raises IndexError."""
    if not 0 <= index < layout.limits_capacity:
        raise IndexError(f"row {index} of {layout.limits_capacity}")
    return layout.limits_at + index * LIMIT_BYTES


def reference(index: int, generation: int) -> int:
    """How others name an anchor: they notice when its row has been used again."""
    return (generation & 0xFFF) << _REFERENCE_BITS | index


def index_of(name: int) -> int:
    """The row that a reference names."""
    return name & ((1 << _REFERENCE_BITS) - 1)


def anchor_bytes(scope: Scope, owner_id: int, next_row: int, account: int) -> bytes:
    """A row of generation 0 without its lock word. Raises ValueError."""
    if not 0 < owner_id <= _U32_MAX:
        raise ValueError(f"an owner's number is out of range: {owner_id}")
    return _ROW.pack(scope << 4 | scope, owner_id << 32, account << 32 | next_row, *(0,) * 7)


def limit_bytes(spec: LimitSpec, anchor: Links, used: int, window_start_s: int, window_end_s: int) -> bytes:
    """A row of generation 0 behind `anchor`, before what followed it, without its lock word. Raises ValueError."""
    if not (0 <= used <= AMOUNT_MAX and 0 <= window_start_s <= _U32_MAX and 0 <= window_end_s <= AMOUNT_MAX):
        raise ValueError("what was used of a limit is out of range")
    assert anchor.scope is not None
    kind = _LIMIT | anchor.scope << 4 | spec.metric << 8 | spec.window << 16 | spec.class_bit << 24
    head = kind | (_CREDITS if spec.credits else 0)
    links = anchor.account << 32 | anchor.next
    owner = anchor.owner_id << 32 | spec.limit_id
    return _ROW.pack(head, owner, links, spec.amount, used, 0, window_start_s, window_end_s, 0, 0)


def links_of(region: Region, layout: Layout, index: int) -> Links:
    """How the row stands in its chain."""
    head, owner, links = _WORDS.unpack(region.read(row_at(layout, index), _WORDS.size))[:3]
    kind = head & 15
    scope = Scope(head >> 4 & 15) if kind else None
    return Links(scope, kind != _LIMIT, owner >> 32, owner & _U32_MAX, head >> 32, links & _U32_MAX, links >> 32)


def metrics_behind(region: Region, layout: Layout, index: int) -> int:
    """A bit for each metric of the limits behind an anchor; of a chain that changes meanwhile, what is seen of it."""
    metrics = 0
    for _ in range(CHAIN_MAX):
        if not 0 < index < layout.limits_capacity:
            break
        head, _owner, links = _WORDS.unpack(region.read(row_at(layout, index), _WORDS.size))[:3]
        if head & 15 == _LIMIT:
            metrics |= 1 << (head >> 8 & 255)
        index = links & _U32_MAX
    return metrics


def state_of(region: Region, layout: Layout, index: int) -> LimitState | None:
    """The limit in a row, None when there is none. Exact under the account's lock; else of nearly one moment."""
    head, owner, _, amount, used, held, start, end, debt, _ = _WORDS.unpack(region.read(row_at(layout, index), _WORDS.size))
    if head & 15 != _LIMIT:
        return None
    return LimitState(
        index=index,
        scope=Scope(head >> 4 & 15),
        owner_id=owner >> 32,
        limit_id=owner & _U32_MAX,
        metric=Metric(head >> 8 & 255),
        window=Window(head >> 16 & 255),
        class_bit=head >> 24 & 63,
        credits=bool(head & _CREDITS),
        amount=amount,
        used=used,
        held=held,
        window_start_s=start,
        window_end_s=end,
        debt_ns=debt,
    )
