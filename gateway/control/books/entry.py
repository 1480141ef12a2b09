"""Entries: one journal record as a row of the books.

Pure. The record comes from a worker through the shared file; what it says about money is priced
here, by the list that was in force when the request began.
"""

from gateway.catalog.prices import PriceList
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from gateway.dialects.anthropic.usage_tap import estimated_output_tokens
from gateway.state.journal import Flags, Settlement, unpack

# The columns of `requests`, see store.tables.RequestRow; a plain tuple because thousands a second are made.
Row = tuple[
    bytes, int, int, int | None, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int,
    str, str, str, str, str, str, int, int,
]  # fmt: skip

KEY_ID = 4  # place in a Row

COST_NANODOLLARS_MAX = 2**63 - 1  # what a database integer holds


class Pricing:
    """The price list in force and the number under which the books name it."""

    def __init__(self, prices: PriceList, price_list_id: int) -> None:
        self._prices = prices
        self._price_list_id = price_list_id

    def row(self, record: bytes) -> Row:
        """A packed settlement with its cost in nanodollars. Raises ValueError when the bytes are not one."""
        facts = unpack(record)
        started_ns, usage, model_served = facts[1], facts[13:18], facts[21]
        cost_nanodollars = 0
        if any(usage):
            rate = self._prices.rate(model_served or facts[20], started_ns)
            if rate is not None:
                cost_nanodollars = min(rate.cost(Usage(*usage)), COST_NANODOLLARS_MAX)
        path, upstream_request_id, method, provider = facts[22:26]
        # The order of the columns: what a person looks for first stands first among the texts.
        texts = (facts[20], model_served, provider, method, path, upstream_request_id)
        return (*facts[:12], *facts[13:20], *texts, cost_nanodollars, self._price_list_id)


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
