"""What an in-flight row holds of its caller's limits, as others than its worker read it.

The area behind the row's two records is {u64 state, u64 count, u64 account, u64 unused} and for each hold {u32 row, u32
generation, u64 start of its window or end of its debt, i64 held, i64 charged}. It is written by `limits_take` and
`limits_settle` under the account's lock.
"""

import struct
from enum import IntEnum

from gateway.state.layout import CHARGES_MAX, HOLDS_AT, Layout
from gateway.state.limits import rows
from gateway.state.record import Charge
from native_fastpath import Region

_HEADER_BYTES = 32
_HOLD = struct.Struct("=IIQqq")


class HoldState(IntEnum):
    """What became of a row's holds. The numbers stand in the shared file."""

    NONE = 0
    HELD = 1
    SETTLED = 2


def state_of(region: Region, row: int) -> HoldState:
    """Of the in-flight row at an offset. Certain once its worker's undo log is empty."""
    return HoldState(region.load(row + HOLDS_AT))


def account_of(region: Region, row: int) -> int:
    """Whose lock guards what the row holds."""
    return region.load(row + HOLDS_AT + 16)


def charges_of(region: Region, layout: Layout, row: int) -> tuple[Charge, ...]:
    """What a settled row was charged to, as far as the limits are still there; nothing for a row that is not settled."""
    if state_of(region, row) is not HoldState.SETTLED:
        return ()  # what lies there is of a former request
    count = region.load(row + HOLDS_AT + 8)
    raw = region.read(row + HOLDS_AT + _HEADER_BYTES, min(count, CHARGES_MAX) * _HOLD.size)
    charges = []
    for index, generation, since, _, charged in _HOLD.iter_unpack(raw):
        if charged and 0 < index < layout.limits_capacity:
            links = rows.links_of(region, layout, index)
            if links.generation == generation and not links.is_anchor:
                charges.append((links.limit_id, since, charged))
    return tuple(charges)
