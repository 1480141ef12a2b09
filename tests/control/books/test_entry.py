import zlib

import pytest

from gateway.catalog.prices import COST_NANODOLLARS_MAX, Price, PriceList, Rate
from gateway.control.books import entry
from gateway.control.books.drain import RECORDS_PER_RING_MAX
from gateway.control.books.entry import Pricing
from gateway.control.store import RequestRow
from gateway.core.outcome import Outcome
from gateway.core.usage import TOKENS_MAX, Usage
from gateway.settings import WORKERS_MAX
from gateway.state.journal import Settlement
from gateway.state.record import Flags, charged
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


NOTE = bytes([0x81, 2, 3, 0, 5, 6, 0x80, 1, 0, 0, 0x80, 0x3E])


@pytest.mark.parametrize(("charges", "check_sum"), [((), 3464659086), (((5, 0, 7), (9, 1_795_000_000, 1)), 3910140322)])
def test_a_row_without_a_note_has_the_check_sum_of_before_there_were_notes(
    charges: tuple[tuple[int, int, int], ...], check_sum: int
) -> None:
    """The numbers were made by the release before: its rows must still prove."""
    one = settlement(request_id=bytes(range(16)), usage=Usage(1, 2, 3, 4, 5), upstream_request_id="req_up", credential=2)
    entered = RequestRow(*PRICING.row(charged(one.pack(), charges)))
    assert (entered.check_sum, entered.choice) == (check_sum, None)
    assert zlib.crc32(entry.facts_of(entered)) == check_sum


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/m\u00e9ssages"])
@pytest.mark.parametrize("charges", [(), ((5, 0, 7), (9, 1_795_000_000, 1))])
@pytest.mark.parametrize("note", [NOTE, NOTE * 4, b"\x80", bytes([0x81, 1, 2, 3, 4, 0])])
@pytest.mark.parametrize("is_right", [True, False])
def test_a_note_is_part_of_the_facts(is_right: bool, note: bytes, charges: tuple[tuple[int, int, int], ...], path: str) -> None:
    one = settlement(choice=note, path=path)
    if is_right:
        one.cost_nanodollars = PRICING.cost(one.pack())  # then the facts are cut out of the record
    made, facts, told = PRICING.read(charged(one.pack(), charges), {1: 9})
    found = RequestRow(*made)
    assert (told == found.cost_nanodollars) is is_right
    assert (found.choice, found.posting_id) == (note.rstrip(b"\0"), 9)
    assert entry.facts_of(found) == facts
    assert zlib.crc32(facts) == found.check_sum
    assert entry.facts_of(found._replace(choice=None)) != facts


def test_charges_cannot_pass_for_a_note() -> None:
    """Facts are the same for two rows only if the rows are."""
    note = NOTE * 4  # as long as three charges
    with_note = row(choice=note)
    assert len(note) == 3 * entry.CHARGE.size
    assert entry.facts_of(with_note._replace(choice=None, charges=note)) != entry.facts_of(with_note)


@pytest.mark.parametrize("choice", [b"", b"\0", b"\0\1", b"\1\0", b"x" * 49, "x", 7, 1.5])
def test_what_is_no_note_is_in_no_row(choice: object) -> None:
    with pytest.raises(ValueError, match="note"):
        entry.facts_of((*row()[: entry.CHOICE], choice))


def test_a_damaged_note_costs_nobody_a_receipt() -> None:
    record = bytearray(settlement(choice=NOTE).pack())
    record[416] = 0  # what a note never begins with
    found = RequestRow(*PRICING.row(bytes(record)))
    assert found.choice is None
    assert zlib.crc32(entry.facts_of(found)) == found.check_sum


def test_rows_hold_plain_integers() -> None:
    assert {type(value) for value in PRICING.row(settlement(ttft_us=None).pack())} == {bytes, int, str, type(None)}


def test_an_orphan_is_settled_with_the_larger_output() -> None:
    record = settlement(usage=Usage(50, 1, 2, 3, 4), outcome=Outcome.FINISHED, flags=Flags.STREAM, choice=NOTE)
    settled = entry.settle_orphan(Settlement.unpack(record.pack()), output_bytes=800, events=30)
    assert settled.usage == Usage(50, 1, 2, 3, 200)
    assert settled.outcome is Outcome.WORKER_KILLED
    assert settled.choice == NOTE
    assert settled.flags == Flags.STREAM | Flags.OUTPUT_ESTIMATED
    assert entry.settle_orphan(settlement(usage=Usage(50, 0, 0, 0, 900)), output_bytes=800, events=30).usage.output_tokens == 900
