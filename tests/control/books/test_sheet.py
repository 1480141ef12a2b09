"""What one transaction of the drain enters."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.catalog.prices import COST_NANODOLLARS_MAX
from gateway.control.books import entry
from gateway.control.books.entry import CHARGE, Pricing, facts_of, kind_of
from gateway.control.books.rollups import Rollups
from gateway.control.books.sheet import SeenError, Sheet
from gateway.control.credits import BillingOrder, PurchaseOrder
from gateway.control.desk import Desk
from gateway.control.keys import Order
from gateway.control.limits import LimitOrder
from gateway.core.usage import TOKENS_MAX, Usage
from gateway.state.journal import Settlement
from gateway.state.record import Charge
from gateway.state.record import charged as with_charges
from tests import torture
from tests.control.office import PEPPER, STARTED_NS, Office, Worker, breaking_off, settlement, shipped_prices

COST = 1000 * 3000 + 200 * 15000  # of `settlement()`


def pricing_of(office: Office) -> Pricing:
    return Pricing(office.prices, office.store.price_list_id(office.prices.version))


def sheet_of(office: Office, desk: Desk, *records: bytes) -> Sheet:
    return Sheet(pricing_of(office), records, desk.ledger.next_id())


def enter(office: Office, desk: Desk, *records: bytes) -> dict[int, int]:
    return enter_sheet(office, desk, sheet_of(office, desk, *records))


def enter_sheet(office: Office, desk: Desk, sheet: Sheet) -> dict[int, int]:
    rollups = Rollups(office.store, office.prices)
    return sheet.enter(office.store, desk.ledger, rollups, office.shared.identity, [(0, 1)])


def charged(one: Settlement, *charges: Charge) -> bytes:
    return with_charges(one.pack(), charges).ljust(856, b"\0")


def used(office: Office) -> dict[tuple[int, int], int]:
    rows = office.store.connection.execute("SELECT limit_id, window_start_s, used FROM limit_used")
    return {(limit_id, start_s): amount for limit_id, start_s, amount in rows}


def test_each_workspace_gets_one_posting_and_its_requests_stand_together(office: Office) -> None:
    desk = office.desk()
    records = [settlement(workspace_id=number).pack() for number in (1, 7, 1, 7, 7, 1)]
    assert enter(office, desk, *records) == {}
    rows = office.rows()
    assert [row["workspace_id"] for row in rows] == [1, 1, 1, 7, 7, 7]
    assert [row["posting_id"] for row in rows] == [1, 1, 1, 2, 2, 2]
    postings = {posting.workspace_id: (posting.requests, entries) for posting, entries in desk.ledger.postings()}
    assert {number: {one.account: one.amount for one in entries} for number, (_, entries) in postings.items()} == {
        1: {"open/1": -3 * COST, "usage": 3 * COST},
        7: {"open/7": -3 * COST, "usage": 3 * COST},
    }
    assert office.store.ring_sequences(office.shared.identity) == {0: 1}


def test_requests_without_a_key_are_in_no_posting(office: Office) -> None:
    desk = office.desk()
    sheet = sheet_of(office, desk, settlement(key_id=0, workspace_id=0).pack(), settlement().pack())
    assert len(sheet.rows) == 2
    enter_sheet(office, desk, sheet)
    assert [row["posting_id"] for row in office.rows()] == [1]
    assert desk.ledger.posting(1)[0].requests == 1


def test_requests_that_cost_nothing_have_a_posting_without_entries(office: Office) -> None:
    desk = office.desk()
    enter(office, desk, settlement(usage=Usage()).pack())
    posting, entries = desk.ledger.posting(1)
    assert (posting.requests, entries) == (1, [])


def test_charges_are_summed_up_by_limit_and_window(office: Office) -> None:
    desk = office.desk()
    enter(
        office,
        desk,
        charged(settlement(), (5, 100, 7), (6, 0, 1)),
        charged(settlement(), (5, 100, 3), (5, 200, 4)),
        charged(settlement()),
    )
    assert used(office) == {(5, 100): 10, (5, 200): 4, (6, 0): 1}
    enter(office, desk, charged(settlement(), (5, 100, 1)))
    assert used(office)[5, 100] == 11
    first, _, third, _ = office.rows()
    assert list(CHARGE.iter_unpack(first["charges"])) == [(kind_of(5, 100), 7), (kind_of(6, 0), 1)]
    assert third["charges"] is None


def test_a_record_that_was_entered_before_enters_nothing(office: Office) -> None:
    desk = office.desk()
    first, second = charged(settlement(), (5, 100, 7)), charged(settlement(), (5, 100, 2))
    enter(office, desk, first)
    for records in ((first, second), (second, second)):
        with pytest.raises(SeenError):
            enter(office, desk, *records)
    assert used(office) == {(5, 100): 7}
    assert desk.ledger.balance("usage") == COST
    assert len(office.rows()) == desk.ledger.next_id() - 1 == 1


def test_a_ring_that_is_read_again_is_entered_once(office: Office, worker: Worker) -> None:
    """The shared file was restored from a copy: its rings hold what the books know."""
    desk = office.desk()
    one, two = settlement(), settlement()
    worker.settle(one)
    office.drain(desk).enter_all()
    worker.settle(one, two, one)
    assert office.drain(desk).enter_all() == 3
    assert [row["request_id"] for row in office.rows()] == [one.request_id, two.request_id]
    assert desk.ledger.balance("usage") == 2 * COST


@pytest.fixture
def lab(office: Office) -> tuple[Desk, int, int]:
    """A prepaid workspace with 10 dollars; its number, and that of its credits' limit."""
    desk = office.desk()
    workspace = desk.credits.set_billing(desk.workspaces.find_or_create("lab"), BillingOrder(billing="prepaid"))
    desk.credits.buy(workspace, PurchaseOrder(amount_usd="10"))
    [limit] = [one for one in desk.limits.of_workspace(workspace) if one.source == "credits"]
    return desk, workspace.id, limit.id


def test_credits_that_a_worker_charged_need_no_correction(office: Office, lab: tuple[Desk, int, int]) -> None:
    desk, workspace_id, limit_id = lab
    one = settlement(workspace_id=workspace_id)
    assert enter(office, desk, charged(one, (limit_id, 0, one.cost_nanodollars))) == {}
    assert desk.ledger.balance("lot/1") == 10 * 10**9 - COST


def test_credits_that_no_worker_charged_are_corrected(office: Office, lab: tuple[Desk, int, int]) -> None:
    """Calls that were admitted before their workspace paid in advance."""
    desk, workspace_id, limit_id = lab
    one, other = settlement(workspace_id=workspace_id), settlement(workspace_id=workspace_id)
    corrections = enter(office, desk, charged(one, (limit_id, 0, COST)), other.pack())
    assert corrections == {kind_of(limit_id, 0): COST}


def test_another_price_than_the_workers_is_counted_reported_and_corrected(office: Office, worker: Worker) -> None:
    """Workers that still price by an older list: the books' figure is the one that counts, everywhere."""
    desk = office.desk()
    [minted] = desk.keys.mint(
        Order(
            name="a",
            limits=(
                LimitOrder(metric="cost", window="total", amount="9"),
                LimitOrder(metric="total_tokens", window="total", amount=9),
            ),
        )
    )
    cost, tokens = minted.limits
    one = settlement(cost_nanodollars=COST + 500, choice=b"\x81\2\3")
    desk.limits.correct(cost.id, 0, COST + 500)
    desk.limits.correct(tokens.id, 0, 1200)
    assert worker.ring.append(charged(one, (cost.id, 0, COST + 500), (tokens.id, 0, 1200)))
    with capture_logs() as logs:
        office.drain(desk).enter_all()
    assert [(log["event"], log["requests"]) for log in logs] == [("workers took another cost than the books", 1)]
    assert office.tally.cost_differences == 1
    [row] = office.rows()
    assert row["cost_nanodollars"] == COST
    assert row["choice"] == b"\x81\2\3"
    assert list(CHARGE.iter_unpack(row["charges"])) == [(kind_of(cost.id, 0), COST), (kind_of(tokens.id, 0), 1200)]
    assert row["check_sum"] == entry.zlib.crc32(facts_of(tuple(row.values())))  # type: ignore[attr-defined]
    assert used(office) == {(cost.id, 0): COST, (tokens.id, 0): 1200}
    assert (desk.limits.standing(cost).used, desk.limits.standing(tokens).used) == (COST, 1200)


@pytest.mark.parametrize("told", [0, COST_NANODOLLARS_MAX, 2**63 - 1])
def test_whatever_a_worker_takes_for_the_cost_the_books_recompute_it(office: Office, told: int) -> None:
    """Money never rises by a hostile figure."""
    desk = office.desk()
    enter(office, desk, settlement(cost_nanodollars=told).pack())
    assert desk.ledger.balance("usage") == COST


def test_the_largest_usage_of_a_whole_pass_can_be_added_up(office: Office) -> None:
    """An upstream that reports the largest figures there are, for every request."""
    desk = office.desk()
    huge = [settlement(usage=Usage(*[TOKENS_MAX] * 5)) for _ in range(200)]
    enter(office, desk, *(charged(one, (5, 0, one.cost_nanodollars)) for one in huge))
    assert desk.ledger.balance("usage") == sum(one.cost_nanodollars for one in huge) > 0
    assert used(office)[5, 0] == desk.ledger.balance("usage")


@pytest.mark.parametrize("changes", [
    {"model_asked": "käse" * 30}, {"provider": "ü" * 16}, {"method": "ÄÖÜÄÖ"}, {"path": "/\udcff"},
    {"upstream_request_id": "é" * 60}, {"model_served": "a\0b"}, {"path": "x\0\0"},
    {"ttft_us": None}, {"started_ns": -5}, {"cost_nanodollars": 5}, {"choice": b"\x80\0\1"},
    {"choice": b"\x81\2" * 24, "model_served": "k\u00e4se"},
])  # fmt: skip
def test_rows_make_the_facts_that_were_sealed(office: Office, changes: dict[str, Any]) -> None:
    """What is cut out of a record is what a stored row makes again, whatever texts a place has cut."""
    desk = office.desk()
    pricing = Pricing(shipped_prices(), 3)
    one = settlement(**changes)
    row, facts, _ = pricing.read(charged(one, (5, 0, 7)), {1: 9})
    assert facts_of(row) == facts
    enter(office, desk, one.pack())
    [stored] = office.rows()
    assert entry.zlib.crc32(facts_of(tuple(stored.values()))) == stored["check_sum"]  # type: ignore[attr-defined]


def test_negative_figures_in_a_record_are_no_settlement(office: Office) -> None:
    record = bytearray(settlement().pack())
    for at in (48, 56, 80, 88, 96, 392, 400):  # tokens, bytes, holds
        broken = record[:at] + (-1).to_bytes(8, "little", signed=True) + record[at + 8 :]
        with pytest.raises(ValueError, match="negative"):
            pricing_of(office).read(bytes(broken), {1: 1})


def test_more_charges_than_there_is_room_for_are_no_settlement(office: Office) -> None:
    record = settlement().pack() + (25).to_bytes(8, "little") + bytes(384)
    with pytest.raises(ValueError, match="room"):
        pricing_of(office).read(record, {1: 1})


@pytest.mark.torture
def test_wherever_the_database_fails_nothing_of_a_sheet_is_entered(
    office: Office, worker: Worker, lab: tuple[Desk, int, int]
) -> None:
    """R19: the n-th write fails, for every n; the ring keeps what it has, and the next pass enters it once.

    Where the last step of the commit itself breaks off, all of it is there although a failure was told.
    """
    desk, workspace_id, limit_id = lab
    drain = office.drain(desk)
    one = settlement(workspace_id=workspace_id)
    assert worker.ring.append(charged(one, (limit_id, 0, COST)))
    worker.settle(settlement())
    before = dump(office)
    steps, stride = 0, torture.rounds(7, 1)
    while not breaking_off(office.store, drain.enter_some, steps) and worker.ring.free() == 62:
        assert dump(office) == before or whole(office, desk)
        steps += stride
    assert steps > 300
    assert worker.ring.free() == 64
    assert whole(office, desk)
    assert used(office) == {(limit_id, 0): COST}
    torture.proved("R19", f"the books broken off at each of {steps // stride} places of a transaction: all of it or nothing")


def whole(office: Office, desk: Desk) -> bool:
    """Whether both rows are in the books, and what they cost once."""
    return len(office.rows()) == 2 and desk.ledger.balance("lot/1") == 10 * 10**9 - COST


def dump(office: Office) -> list[str]:
    return [line for line in office.store.connection.iterdump() if "INSERT" in line]


def test_another_pepper_makes_other_seals(office: Office) -> None:
    desk = office.desk()
    enter(office, desk, settlement().pack())
    assert PEPPER.derived(b"ledger seal") not in (desk.ledger.posting(1)[0].seal, PEPPER.derived(b"other"))
    assert desk.ledger.posting(1)[0].at_ns == STARTED_NS
