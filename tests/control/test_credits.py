"""Credits: bought, drawn, refunded, expired; every nanodollar in the ledger."""

import pytest

from gateway.control import credits
from gateway.control.books.verify import Verifier
from gateway.control.credits import BillingOrder, PurchaseOrder, RefundOrder, months_later
from gateway.control.desk import Desk
from gateway.control.orders import MissingError, OrderError
from gateway.control.store import LimitRecord, Lot, Reader, WorkspaceRecord
from gateway.core.clock import ManualClock
from gateway.core.usage import Usage
from tests.control.office import STARTED_NS, Office, Worker, settlement

DOLLAR = 10**9
DAY_S = 86_400
CENT_OF_USAGE = 10**7


class Shop:
    """A prepaid workspace, and calls that cost whole cents."""

    def __init__(self, office: Office, worker: Worker) -> None:
        self.office, self.worker = office, worker
        self.clock = ManualClock(wall_ns=STARTED_NS)
        self.desk = office.desk(clock=self.clock)
        self.drain = office.drain(self.desk)
        self.workspace = self.prepaid(self.desk, "lab")

    @staticmethod
    def prepaid(desk: Desk, name: str) -> WorkspaceRecord:
        return desk.credits.set_billing(desk.workspaces.find_or_create(name), BillingOrder(billing="prepaid"))

    def buy(self, dollars: str) -> Lot:
        return self.desk.credits.buy(self.workspace, PurchaseOrder(amount_usd=dollars))

    def use(self, cents: int, drained: bool = True) -> None:
        """Two calls. Sonnet costs 15 dollars a million tokens of output: 2000 are three cents."""
        assert cents % 6 == 0
        for _ in range(2):
            self.worker.settle(settlement(workspace_id=self.workspace.id, usage=Usage(0, 0, 0, 0, 1000 * cents // 3)))
        if drained:
            self.drain.enter_all()

    def lots(self) -> list[tuple[float, float, float, float]]:
        """(remaining, used, refunded, expired) in cents."""
        found = self.desk.credits.lots(self.workspace)
        return [tuple(part / CENT_OF_USAGE for part in (one.remaining, one.used, one.refunded, one.expired)) for one in found]  # type: ignore[misc]

    def balance(self) -> tuple[float, float]:
        found = self.desk.credits.balance(self.workspace)
        return found.remaining / CENT_OF_USAGE, found.owed / CENT_OF_USAGE

    def limit(self) -> LimitRecord:
        [found] = [one for one in self.desk.limits.of_workspace(self.workspace) if one.source == "credits"]
        return found

    def check(self) -> None:
        """The books are proven, and the credits' limit says what the lots say."""
        assert (
            Verifier(Reader(self.office.paths.gateway_db), self.office.pepper, self.desk.limits, lambda: None).books().differences
            == []
        )
        standing = self.desk.limits.standing(self.limit())
        found = self.desk.credits.balance(self.workspace)
        assert self.limit().amount - standing.used == found.remaining - found.owed


@pytest.fixture
def shop(office: Office, worker: Worker) -> Shop:
    return Shop(office, worker)


def test_lots_are_used_up_oldest_first(shop: Shop) -> None:
    shop.buy("5")
    shop.clock.advance(10)
    shop.buy("6")
    shop.use(300)
    assert shop.lots() == [(200, 300, 0, 0), (600, 0, 0, 0)]
    shop.use(300)
    assert shop.lots() == [(0, 500, 0, 0), (500, 100, 0, 0)]
    assert shop.balance() == (500, 0)
    shop.check()


def test_what_no_lot_covers_is_owed_and_the_next_purchase_covers_it(shop: Shop) -> None:
    shop.buy("5")
    shop.use(600)
    assert shop.balance() == (0, 100)
    assert shop.desk.ledger.balance(f"owed/{shop.workspace.id}") == -100 * CENT_OF_USAGE
    shop.check()
    lot = shop.buy("5")
    assert (lot.amount, lot.remaining) == (5 * DOLLAR, 4 * DOLLAR)
    assert shop.balance() == (400, 0)
    shop.use(600)
    shop.use(300)
    assert shop.balance() == (0, 500)
    lot = shop.buy("5")
    assert (lot.remaining, shop.balance()) == (0, (0, 0))
    shop.check()


def test_an_open_account_is_never_covered_by_a_purchase(shop: Shop) -> None:
    """What was used before a workspace paid in advance is billed outside."""
    shop.workspace = shop.desk.credits.set_billing(shop.workspace, BillingOrder(billing="open"))
    shop.use(900)
    assert shop.balance() == (0, 0)
    assert shop.desk.ledger.balance(f"open/{shop.workspace.id}") == -900 * CENT_OF_USAGE
    shop.workspace = Shop.prepaid(shop.desk, "lab")
    shop.buy("5")
    assert shop.balance() == (500, 0)
    shop.check()


def test_credits_of_an_open_workspace_are_used_first(shop: Shop) -> None:
    shop.workspace = shop.desk.credits.set_billing(shop.workspace, BillingOrder(billing="open"))
    shop.buy("5")
    shop.use(600)
    assert shop.lots() == [(0, 500, 0, 0)]
    assert shop.desk.ledger.balance(f"open/{shop.workspace.id}") == -100 * CENT_OF_USAGE


def test_the_limit_of_the_credits_follows_the_lots(shop: Shop) -> None:
    assert shop.limit().amount == 0, "a workspace without credits has nothing to spend"
    shop.buy("5")
    shop.buy("7")
    assert shop.limit().amount == 12 * DOLLAR
    shop.use(300)
    assert shop.desk.limits.standing(shop.limit()).used == 3 * DOLLAR, "calls that no worker charged are counted by the books"
    shop.check()
    shop.desk = shop.office.renewed()
    assert shop.desk.limits.standing(shop.limit()).used == 3 * DOLLAR
    shop.workspace = shop.desk.credits.set_billing(shop.workspace, BillingOrder(billing="open"))
    assert [one for one in shop.desk.limits.of_workspace(shop.workspace) if one.source == "credits"] == []


@pytest.mark.parametrize("amount", ["4.99", "0", "0.000000001", "1000000", "999999999"])
def test_what_cannot_be_bought(shop: Shop, amount: str) -> None:
    if amount == "1000000":
        assert shop.buy(amount[:-1]).amount == 10**14
        return
    with pytest.raises(OrderError):
        shop.buy(amount)
    assert shop.lots() == []
    assert shop.desk.ledger.postings() == []


def test_more_than_can_be_counted_cannot_be_held(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credits, "CREDITED_MAX", 11 * DOLLAR)
    shop.buy("6")
    shop.buy("5")
    with pytest.raises(OrderError, match="cannot hold that much"):
        shop.buy("5")


def test_the_unused_part_is_refunded_while_it_is_fresh(shop: Shop) -> None:
    first, second = shop.buy("5"), shop.buy("5")
    shop.use(300)
    shop.clock.advance(30 * DAY_S)
    assert shop.desk.credits.refund(first.public_id, RefundOrder(memo="as asked")).refunded == 2 * DOLLAR
    assert shop.lots() == [(0, 300, 200, 0), (500, 0, 0, 0)]
    assert shop.desk.ledger.balance("cash") == -8 * DOLLAR
    with pytest.raises(OrderError, match="nothing of it is left"):
        shop.desk.credits.refund(first.public_id, RefundOrder())
    shop.clock.advance(1)
    with pytest.raises(OrderError, match="within 30 days"):
        shop.desk.credits.refund(second.public_id, RefundOrder())
    with pytest.raises(MissingError):
        shop.desk.credits.refund("lot_none", RefundOrder())
    assert shop.balance() == (500, 0)
    shop.check()


def test_a_refund_knows_what_stands_in_the_journals(shop: Shop) -> None:
    lot = shop.buy("5")
    shop.use(300, drained=False)
    shop.drain.catch_up()
    assert shop.desk.credits.refund(lot.public_id, RefundOrder()).refunded == 2 * DOLLAR
    shop.check()


def test_a_refund_leaves_what_calls_under_way_hold(shop: Shop) -> None:
    lot = shop.buy("5")
    states = shop.desk.limits.in_shared_file()
    assert states is not None
    held_at = shop.office.shared.layout.limits_at + states[shop.limit().id].index * 128 + 40
    shop.office.shared.region.store(held_at, 4 * DOLLAR)
    assert shop.desk.credits.refund(lot.public_id, RefundOrder()).refunded == DOLLAR
    with pytest.raises(OrderError, match="nothing of it is left"):
        shop.desk.credits.refund(lot.public_id, RefundOrder())
    shop.office.shared.region.store(held_at, 0)
    shop.desk.credits.refund(lot.public_id, RefundOrder())
    assert shop.lots() == [(0, 0, 500, 0)]
    shop.check()


def test_a_clock_that_went_back_refunds_all_the_same(shop: Shop) -> None:
    lot = shop.buy("5")
    shop.clock.jump(-400 * DAY_S)
    assert shop.desk.credits.refund(lot.public_id, RefundOrder()).refunded == 5 * DOLLAR


def test_what_is_left_after_a_year_is_lost(shop: Shop) -> None:
    lot = shop.buy("5")
    shop.use(300)
    shop.clock.advance(lot.expires_at_s - shop.clock.wall_ns() // 10**9 - 1)
    later = shop.buy("6")
    assert shop.desk.credits.expire() == []
    shop.clock.advance(1)
    assert [one.public_id for one in shop.desk.credits.expire()] == [lot.public_id]
    assert shop.desk.credits.expire() == []
    assert shop.lots() == [(0, 300, 0, 200), (600, 0, 0, 0)]
    assert shop.desk.ledger.balance("expired") == 2 * DOLLAR
    assert shop.limit().amount == 9 * DOLLAR
    shop.use(300)
    assert shop.lots()[1] == (300, 300, 0, 0)
    assert shop.desk.credits.lot(later.public_id).ended_at_s is None
    shop.check()


def test_a_lot_is_drawn_from_until_it_is_ended_whatever_the_clock_says(shop: Shop) -> None:
    shop.buy("5")
    shop.clock.jump(800 * DAY_S)
    shop.use(300)
    assert shop.balance() == (200, 0)
    shop.check()


@pytest.mark.parametrize(("begin", "months", "end"), [
    ("2026-11-18T11:06:40", 12, "2027-11-18T11:06:40"), ("2028-02-29T00:00:00", 12, "2029-02-28T00:00:00"),
    ("2026-01-31T23:59:59", 1, "2026-02-28T23:59:59"), ("2026-12-31T00:00:00", 2, "2027-02-28T00:00:00"),
    ("2026-12-01T00:00:00", 1, "2027-01-01T00:00:00"), ("2026-12-01T00:00:00", 1200, "2126-12-01T00:00:00"),
])  # fmt: skip
def test_months_are_those_of_the_calendar(begin: str, months: int, end: str) -> None:
    from datetime import UTC, datetime

    seconds = [int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) for text in (begin, end)]
    assert months_later(seconds[0], months) == seconds[1]


def test_what_is_shown_of_credits(shop: Shop) -> None:
    shop.buy("5")
    shop.use(600)
    [lot] = shop.desk.credits.lots(shop.workspace)
    shown = credits.view(lot)
    assert (shown["amount_usd"], shown["remaining_usd"], shown["used_usd"]) == ("5.00", "0.00", "5.00")
    assert (shown["bought_at"], shown["expires_at"], shown["ended_at"]) == ("2026-11-18T11:06:40Z", "2027-11-18T11:06:40Z", None)
    assert credits.view_balance(shop.desk.credits.balance(shop.workspace)) == {
        "remaining_nanodollars": 0,
        "remaining_usd": "0.00",
        "owed_nanodollars": DOLLAR,
        "owed_usd": "1.00",
    }
