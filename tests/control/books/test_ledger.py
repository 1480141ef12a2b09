from typing import Any

import pytest

from gateway.control.books import ledger
from gateway.control.books.ledger import Draft, Ledger, Seal, drawn
from gateway.control.keys import Order
from gateway.control.orders import MissingError, OrderError
from gateway.core import ids
from gateway.core.clock import ManualClock
from gateway.core.outcome import Outcome
from gateway.state.pepper import Pepper
from tests.control.office import PEPPER, STARTED_NS, Office, Worker, breaking_off, settlement


def books_of(office: Office) -> Ledger:
    return Ledger(office.store, PEPPER, ManualClock(wall_ns=STARTED_NS))


def draft(amount: int = 5, **facts: object) -> Draft:
    made = Draft("usage", 1, **facts)  # type: ignore[arg-type]
    made.move("open/1", "usage", amount)
    return made


def test_postings_move_value_between_accounts(office: Office) -> None:
    held = books_of(office)
    assert held.next_id() == 1
    first, second = held.post(draft(5), draft(7, memo="m", requests=3, requests_digest=b"d"))
    assert (first.id, second.id, held.next_id()) == (1, 2, 3)
    assert (held.balance("usage"), held.balance("open/1"), held.balance("cash")) == (12, -12, 0)
    assert [(one.name, one.balance) for one in held.accounts()] == [("open/1", -12), ("usage", 12)]
    posting, entries = held.posting(2)
    assert posting == second
    assert (posting.at_ns, posting.memo, posting.requests, posting.requests_digest) == (STARTED_NS, "m", 3, b"d")
    assert {one.account: one.amount for one in entries} == {"open/1": -7, "usage": 7}
    assert [one.id for one, _ in held.postings()] == [2, 1]
    assert held.post() == []
    with pytest.raises(MissingError):
        held.posting(3)


def test_a_posting_that_does_not_balance_is_never_made(office: Office) -> None:
    wrong = draft()
    wrong.amounts["usage"] += 1
    with pytest.raises(AssertionError, match="balance"):
        books_of(office).post(draft(), wrong)
    assert books_of(office).postings() == []


def test_nothing_moved_is_no_entry(office: Office) -> None:
    [posting] = books_of(office).post(draft(0, requests=1))
    assert books_of(office).posting(posting.id)[1] == []


def test_each_seal_depends_on_everything_before_it(office: Office) -> None:
    seal: Any = Seal(PEPPER)
    facts: tuple[Any, ...] = (1, "usage", 5, 1, 3, "memo", b"digest", [("a", 1), ("b", -1)])
    other_seal: Any = Seal(Pepper(b"\2" * 32))
    whole = seal.of(b"former", *facts)
    assert len(whole) == 32
    others = [
        seal.of(b"other", *facts),
        other_seal.of(b"former", *facts),
        *(seal.of(b"former", *facts[:at], other, *facts[at + 1 :]) for at, other in enumerate(
            [2, "refund", 6, 2, 4, "mem0", b"digesT", [("a", 2), ("b", -2)]])),
        seal.of(b"former", *facts[:-1], [("a", 1)]),
        seal.of(b"former", *facts[:-1], [("b", 1), ("a", -1)]),
        # Moving a border between two facts makes another seal too.
        seal.of(b"former", 1, "usag", 5, 1, 3, "ememo", b"digest", [("a", 1), ("b", -1)]),
    ]  # fmt: skip
    assert len({whole, *others}) == 1 + len(others)
    assert repr(seal) == "<Seal>"


def test_an_account_opened_in_vain_is_opened_again(office: Office) -> None:
    """R19: wherever a posting is broken off, the next one finds its accounts."""
    held = books_of(office)
    steps = 0
    while not breaking_off(office.store, lambda: held.post(draft()), steps):
        steps += 5
    assert steps > 50
    held.post(draft())
    assert (held.balance("usage"), held.balance("open/1")) == (10, -10)
    assert [one.id for one, _ in held.postings()] == [2, 1]


@pytest.mark.parametrize(("lots", "amount", "takes", "rest"), [
    ([], 10, [], 10), ([(1, 5), (2, 7)], 10, [(1, 5), (2, 5)], 0), ([(1, 5), (2, 7)], 5, [(1, 5)], 0),
    ([(1, 5), (2, 7)], 20, [(1, 5), (2, 7)], 8), ([(1, 5)], 0, [], 0),
])  # fmt: skip
def test_usage_comes_from_the_oldest_lot_first(
    lots: list[tuple[int, int]], amount: int, takes: list[tuple[int, int]], rest: int
) -> None:
    made = Draft("usage", 1)
    assert drawn(made, lots, amount, "owed/1") == takes
    assert made.amounts.get("owed/1", 0) == -rest
    assert made.amounts.get("usage", 0) == amount
    assert sum(made.amounts.values()) == 0


def test_every_outcome_has_its_rule() -> None:
    assert set(ledger.RULES) == set(Outcome)


def receipt_of(office: Office, request_id: str) -> dict[str, Any]:
    with office.store.reading() as connection:
        return ledger.receipt(connection, ledger.request(connection, request_id))


def test_a_receipt_says_what_a_request_took_and_why(office: Office, worker: Worker) -> None:
    desk = office.desk()
    [minted] = desk.keys.mint(Order(name="a"))
    one = settlement(key_id=minted.record.id, held_nanodollars=99, held_tokens=7)
    worker.settle(one)
    office.drain(desk).enter_all()
    receipt = receipt_of(office, ids.text_of("req", one.request_id))
    assert (receipt["key"], receipt["workspace"]) == (minted.record.public_id, minted.record.workspace_public_id)
    assert receipt["tokens"] == {"input": 1000, "cache_read": 0, "cache_write_5m": 0, "cache_write_1h": 0, "output": 200}
    assert (receipt["outcome"], receipt["rule"]) == ("finished", "usage as reported by the upstream")
    assert (receipt["cost_nanodollars"], receipt["cost_usd"]) == (6_000_000, "0.006")
    assert (receipt["held_nanodollars"], receipt["held_tokens"]) == (99, 7)
    assert receipt["price_version"] == office.prices.version
    assert receipt["posting"]["requests"] == 1
    assert {entry["account"]: entry["amount_usd"] for entry in receipt["posting"]["entries"]} == {
        "open/1": "-0.006",
        "usage": "0.006",
    }
    with pytest.raises(MissingError):
        receipt_of(office, "req_0000000000000000000000")
    with pytest.raises(OrderError, match="not a request id"):
        receipt_of(office, "sk-ant-secret")
    assert ledger.view_account(desk.ledger.accounts()[0]) == {
        "name": "open/1",
        "balance_nanodollars": -6_000_000,
        "balance_usd": "-0.006",
    }


@pytest.mark.parametrize("outcome", Outcome)
def test_every_ending_has_a_receipt(office: Office, worker: Worker, outcome: Outcome) -> None:
    one = settlement(outcome=outcome)
    worker.settle(one)
    desk = office.desk()
    office.drain(desk).enter_all()
    receipt = receipt_of(office, ids.text_of("req", one.request_id))
    assert receipt["outcome"] == outcome.word
    assert receipt["rule"]
    assert receipt["cost_nanodollars"] == one.cost_nanodollars
