from gateway.catalog.prices import COST_NANODOLLARS_MAX, Price, PriceList, Rate
from gateway.control.books import entry
from gateway.control.books.drain import RECORDS_PER_RING_MAX
from gateway.control.books.entry import Pricing
from gateway.control.store import RequestRow
from gateway.core.outcome import Outcome
from gateway.core.usage import TOKENS_MAX, Usage
from gateway.settings import WORKERS_MAX
from gateway.state.journal import Settlement
from gateway.state.record import Flags
from tests.control.office import MODEL, STARTED_NS, settlement

OLD, NEW = Rate(1, 2, 3, 4, 5), Rate(10, 20, 30, 40, 50)
PRICES = PriceList([Price(MODEL, 0, OLD), Price(MODEL, STARTED_NS, NEW)], "v1")
PRICING = Pricing(PRICES, 7)


def row(**changes: object) -> RequestRow:
    return RequestRow(*PRICING.row(settlement(**changes).pack()))


def test_each_token_class_has_its_price() -> None:
    entered = row(usage=Usage(1, 10, 100, 1000, 10000))
    assert entered.cost_nanodollars == 1 * 10 + 10 * 30 + 100 * 40 + 1000 * 50 + 10000 * 20
    assert entered.price_list_id == 7


def test_the_price_is_that_of_the_moment_the_request_began() -> None:
    assert row(usage=Usage(1, 0, 0, 0, 0), started_ns=STARTED_NS - 1).cost_nanodollars == 1
    assert row(usage=Usage(1, 0, 0, 0, 0), started_ns=STARTED_NS).cost_nanodollars == 10


def test_the_model_that_served_is_the_one_that_costs() -> None:
    assert row(model_asked="fast", model_served=MODEL).cost_nanodollars > 0
    assert row(model_asked=MODEL, model_served="").cost_nanodollars > 0
    assert row(model_asked=MODEL, model_served="unlisted").cost_nanodollars == 0


def test_no_usage_costs_more_than_the_books_can_add_up() -> None:
    dear = Pricing(PriceList([Price("*", 0, Rate(10**6, 10**6, 10**6, 10**6, 10**6))], "v1"), 1)
    assert dear.row(settlement(usage=Usage(*[TOKENS_MAX] * 5)).pack())[entry.COST] == COST_NANODOLLARS_MAX
    assert COST_NANODOLLARS_MAX * RECORDS_PER_RING_MAX * WORKERS_MAX < 2**63


def test_rows_hold_plain_integers() -> None:
    assert {type(value) for value in PRICING.row(settlement(ttft_us=None).pack())} == {bytes, int, str, type(None)}


def test_an_orphan_is_settled_with_the_larger_output() -> None:
    record = settlement(usage=Usage(50, 1, 2, 3, 4), outcome=Outcome.FINISHED, flags=Flags.STREAM)
    settled = entry.settle_orphan(Settlement.unpack(record.pack()), output_bytes=800, events=30)
    assert settled.usage == Usage(50, 1, 2, 3, 200)
    assert settled.outcome is Outcome.WORKER_KILLED
    assert settled.flags == Flags.STREAM | Flags.OUTPUT_ESTIMATED
    assert entry.settle_orphan(settlement(usage=Usage(50, 0, 0, 0, 900)), output_bytes=800, events=30).usage.output_tokens == 900
