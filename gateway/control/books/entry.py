"""Entries: one journal record as a row of the books.

Pure. The record comes from a worker through the shared file; what it says about money is recomputed here, by the list that was
in force when the request began, and the figure of the books is the one that counts.

Every row has `facts`, a canonical form in bytes of all that it says: the record up to the price tag with the books' cost in it,
the number of the price list, the charges, and the note of a choice where there was one. `check_sum` is their CRC-32, so that a
changed row can be named; the ledger seals their digest. While entering, the facts are cut out of the record; `facts_of` makes the
same bytes of a stored row.
"""

import struct
import zlib
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from gateway.catalog.prices import PriceList
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from gateway.dialects.anthropic.usage_tap import estimated_output_tokens
from gateway.state.journal import Settlement
from gateway.state.layout import CHARGES_MAX, CHOICE_BYTES, FACTS_BYTES, RECORD_BYTES
from gateway.state.record import Flags, choice_in, pack, unpack

# The columns of `requests`, see store.RequestRow; a plain tuple because thousands a second are made.
Row = tuple[
    bytes, int, int, int | None, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int,
    str, str, str, str, str, str, int, int, int, int, int, bytes | None, int, int | None, bytes | None,
]  # fmt: skip

# Places in a Row.
KEY_ID: Final = 4
COST: Final = 25
WORKSPACE_ID: Final = 27
CHARGES: Final = 30
POSTING_ID: Final = 32
CHOICE: Final = 33

# A charge: limit (in the lower half) and start of its window as one number, and the amount. As one, because they are a key
# wherever charges are summed up, and pairs would take twice as long.
CHARGE: Final = struct.Struct("<Qq")

_PRICE_TAG_AT: Final = FACTS_BYTES - 8
_COST_AT: Final = FACTS_BYTES - 32
_COST: Final = struct.Struct("<q")
_PRICE_LIST: Final = struct.Struct("<I")
_TEXTS_AT: Final = 104
_COUNT: Final = struct.Struct("<Q")
_COUNT_AT: Final = RECORD_BYTES  # the count is at most 24, so its first byte says whether there are any
_CHARGES_AT: Final = RECORD_BYTES + 8
# Behind a note in the facts: charges come by 16 bytes and a note has 48, so without it three charges would pass for a note.
_CHOICE_MARK: Final = b"c"


class Pricing:
    """The price list in force and the number under which the books name it."""

    def __init__(self, prices: PriceList, price_list_id: int) -> None:
        self.prices = prices
        self._price_list_id = price_list_id
        self._price_list = _PRICE_LIST.pack(price_list_id)

    def row(self, record: bytes) -> Row:
        """A packed settlement as a row without a posting. Raises ValueError when the bytes are not one."""
        row = self.read(record, defaultdict(int))[0]
        return (*row[:POSTING_ID], None, row[CHOICE])

    def cost(self, record: bytes) -> int:
        """What a packed settlement costs, in nanodollars, whatever it says itself. Raises ValueError when it is not one."""
        return self.row(record)[COST]

    def read(self, record: bytes, postings: Mapping[int, int]) -> tuple[Row, bytes, int]:
        """A packed settlement, with or without charges, as a row; its facts; and what the worker took for its cost.

        Costs in nanodollars. `postings` knows the number of every workspace's posting. Raises ValueError when the bytes are not a
        settlement.
        """
        # Named one by one: twice as fast as slices of the tuple, and thousands a second come by.
        (
            request_id, started_ns, duration_us, ttft_us, key_id, status, outcome, fault, flags, attempts, credential, surface,
            workspace_id, fresh, read, written_5m, written_1h, output, request_bytes, response_bytes,
            asked, served, path, upstream_request_id, method, provider, told, held_nanodollars, held_tokens, _,
        ) = unpack(record)  # fmt: skip
        tokens = fresh | read | written_5m | written_1h | output
        if tokens | request_bytes | response_bytes | held_nanodollars | held_tokens < 0:
            raise ValueError("a settlement has negative figures")
        cost_nanodollars = 0
        if tokens:
            rate = self.prices.rate(served or asked, started_ns)
            if rate is not None:
                cost_nanodollars = rate.cost(Usage(fresh, read, written_5m, written_1h, output))
        charges = _charges_in(record) if len(record) > RECORD_BYTES and record[_COUNT_AT] else None
        price_list_id = self._price_list_id
        # A place may have cut a text in the middle of a character: what was read of it is what counts.
        is_canonical = told == cost_nanodollars and record[_TEXTS_AT:_COST_AT].isascii()
        facts = record[:_PRICE_TAG_AT] + self._price_list
        if charges is not None:
            facts += charges
        choice = choice_in(record) if record[FACTS_BYTES] else None
        if choice is not None:
            facts += record[FACTS_BYTES:RECORD_BYTES] + _CHOICE_MARK
        # The order of the columns: what a person looks for first stands first among the texts.
        row = (
            request_id, started_ns, duration_us, ttft_us, key_id, status, outcome, fault, flags, attempts, credential, surface,
            fresh, read, written_5m, written_1h, output, request_bytes, response_bytes,
            asked, served, provider, method, path, upstream_request_id, cost_nanodollars, price_list_id,
            workspace_id, held_nanodollars, held_tokens, charges, zlib.crc32(facts),
            postings[workspace_id] if key_id else None, choice,
        )  # fmt: skip
        if not is_canonical:
            row, facts = with_charges(row, charges)
        return row, facts, told


def facts_of(row: tuple[Any, ...]) -> bytes:
    """The canonical form of a row, stored or not. Raises ValueError, TypeError when it cannot be one of ours."""
    charges, choice = row[CHARGES], row[CHOICE]
    texts = (row[19], row[20], row[23], row[24], row[22], row[21])
    amounts = (row[COST], row[WORKSPACE_ID + 1], row[WORKSPACE_ID + 2], 0)
    facts = (*row[:12], row[WORKSPACE_ID], Usage(*row[12:17]), row[17], row[18], *texts, *amounts)
    record = pack(*facts)
    told = unpack(record)
    if told[:12] != row[:12] or told[12:20] != (row[WORKSPACE_ID], *row[12:19]) or told[20:29] != (*texts, *amounts[:3]):
        raise ValueError("the row holds figures or texts that a record cannot hold")
    bare = record[:_PRICE_TAG_AT] + _PRICE_LIST.pack(row[COST + 1]) + (charges or b"")
    if choice is None:
        return bare
    if not isinstance(choice, bytes) or not choice or len(choice) > CHOICE_BYTES or not choice[0] or not choice[-1]:
        raise ValueError("the row holds a note of a choice that a record cannot hold")
    return bare + choice.ljust(CHOICE_BYTES, b"\0") + _CHOICE_MARK


def kind_of(limit_id: int, window_start_s: int) -> int:
    """The key under which charges to a limit in a window are summed up."""
    return window_start_s << 32 | limit_id


def limit_and_window(kind: int) -> tuple[int, int]:
    """The inverse of `kind_of`."""
    return kind & 0xFFFFFFFF, kind >> 32


def with_charges(row: Row, charges: bytes | None) -> tuple[Row, bytes]:
    """A row with these charges and the check sum that belongs to it, and its facts."""
    facts = facts_of((*row[:CHARGES], charges, *row[CHARGES + 1 :]))
    return (*row[:CHARGES], charges, zlib.crc32(facts), row[POSTING_ID], row[CHOICE]), facts


def _charges_in(record: bytes) -> bytes:
    """The packed charges behind a record. Raises ValueError when it claims more than there is room for."""
    (count,) = _COUNT.unpack_from(record, _COUNT_AT)
    charges = record[_CHARGES_AT : _CHARGES_AT + count * CHARGE.size] if count <= CHARGES_MAX else b""
    if len(charges) != count * CHARGE.size:
        raise ValueError("a settlement claims more charges than there is room for")
    return charges


def settle_orphan(record: Settlement, output_bytes: int, events: int) -> Settlement:
    """The last word on a request whose worker died: what its row said, with the output estimated from what had been streamed.

    The estimate is the one that a worker makes of a stream that was cut; the upstream's own count stays when it is larger.
    """
    estimated_tokens = estimated_output_tokens(output_bytes, events)
    record.outcome = Outcome.WORKER_KILLED
    record.flags = Flags(record.flags | Flags.OUTPUT_ESTIMATED)
    usage = record.usage
    record.usage = Usage(
        usage.input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_5m_tokens,
        usage.cache_write_1h_tokens,
        max(usage.output_tokens, estimated_tokens),
    )
    return record
