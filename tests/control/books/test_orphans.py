"""What dead workers left in flight, with what it held of its limits."""

from gateway.control.keys import Order
from gateway.control.limits import LimitOrder
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from gateway.state.journal import Settlement
from gateway.state.limits import Limits, Taken
from gateway.state.limits.rows import Amounts
from gateway.state.record import Flags, Surface
from tests.control.office import STARTED_NS, Office, Worker, settlement

WEIGHT = 1000  # of a Sonnet message, in thousandths
FULL: Amounts = (0, 1, 5000, 4000, 9000, 500_000_000, 1, WEIGHT)


class Caller:
    """A key with one limit of every durable metric, and a worker that admits its requests."""

    def __init__(self, office: Office, worker: Worker) -> None:
        self.office, self.worker = office, worker
        self.desk = office.desk()
        self.drain = office.drain(self.desk)
        wanted = [
            LimitOrder(metric=metric, window="total", amount=900_000)
            for metric in ("requests", "input_tokens", "output_tokens", "total_tokens", "messages")
        ]
        wanted += [LimitOrder(metric="cost", window="total", amount="900"), LimitOrder(metric="concurrency", amount=3)]
        [minted] = self.desk.keys.mint(Order(name="a", limits=tuple(wanted)))
        self.key = minted.record
        self.by_metric = {one.metric: one for one in minted.limits}
        row = office.shared.keys.find(self.key.digest)
        assert row is not None
        self.first = row.limits
        self.limits = Limits(office.shared, worker.slot, worker.inflight)

    def admit(self, **changes: object) -> tuple[Settlement, int]:
        facts: dict[str, object] = {"outcome": Outcome.WORKER_KILLED, "usage": Usage(500), "key_id": self.key.id}
        one = settlement(**facts | changes)
        row = self.worker.inflight.open(one.pack())
        moment = self.limits.moment(STARTED_NS, 10**12)
        assert isinstance(self.limits.take(self.first, row, 1, FULL, FULL, moment), Taken)
        return one, row

    def standing(self) -> dict[str, tuple[int, int]]:
        found = {metric: self.desk.limits.standing(one) for metric, one in self.by_metric.items()}
        return {metric: (one.used, one.held) for metric, one in found.items()}

    def charged(self) -> dict[str, int]:
        rows = dict(self.office.store.connection.execute("SELECT limit_id, used FROM limit_used").fetchall())
        return {metric: rows[one.id] for metric, one in self.by_metric.items() if one.id in rows}


def test_what_a_dead_worker_held_is_settled_at_its_last_word(office: Office, worker: Worker) -> None:
    """R4: one row, what was streamed is charged to every limit, nothing is held any more."""
    caller = Caller(office, worker)
    one, row = caller.admit()
    worker.inflight.progress(row, 400, 20)
    assert caller.standing()["cost"] == (0, 500_000_000)
    worker.die()
    assert caller.drain.settle_orphans() == 1
    [entered] = office.rows()
    cost = 500 * 3000 + 100 * 15000
    assert (entered["request_id"], entered["outcome"]) == (one.request_id, Outcome.WORKER_KILLED)
    assert (entered["output_tokens"], entered["cost_nanodollars"]) == (100, cost)
    real = {"requests": 1, "input_tokens": 500, "output_tokens": 100, "total_tokens": 600, "messages": WEIGHT, "cost": cost}
    assert caller.charged() == real
    assert caller.standing() == {metric: (amount, 0) for metric, amount in real.items()} | {"concurrency": (0, 0)}
    assert caller.drain.settle_orphans() == 0
    assert office.shared.inflight.count(0) == 0


def test_a_crash_of_the_books_in_between_charges_once(office: Office, worker: Worker) -> None:
    """R4: the limits are settled, then the books die before the row is entered, or before it is freed."""
    caller = Caller(office, worker)
    caller.admit()
    worker.die()
    settled = list(caller.drain._orphans.settled())
    assert len(settled) == 1
    before = caller.standing()
    assert caller.charged() == {}
    again = office.drain(office.desk())
    assert again.settle_orphans() == 1
    assert caller.desk.limits.in_shared_file() is not None
    assert caller.standing() == before
    assert caller.charged()["requests"] == 1
    assert len(office.rows()) == 1


def test_a_row_that_is_in_the_books_is_only_freed(office: Office, worker: Worker) -> None:
    caller = Caller(office, worker)
    one, _ = caller.admit()
    worker.settle(one)
    caller.drain.enter_all()
    worker.die()
    assert caller.drain.settle_orphans() == 0
    assert len(office.rows()) == 1
    assert office.shared.inflight.count(0) == 0
    assert caller.standing() == dict.fromkeys(caller.by_metric, (0, 0)), "nothing stays held"


def test_the_last_word_of_a_worker_is_believed(office: Office, worker: Worker) -> None:
    """A worker that could not settle wrote its end into the row; nothing is estimated then."""
    caller = Caller(office, worker)
    one, row = caller.admit()
    one.outcome, one.usage = Outcome.FINISHED, Usage(500, 0, 0, 0, 7)
    one.cost_nanodollars = 500 * 3000 + 7 * 15000
    worker.inflight.rewrite(row, one.pack())
    worker.inflight.progress(row, 40_000, 2000)
    worker.die()
    caller.drain.settle_orphans()
    [entered] = office.rows()
    assert (entered["outcome"], entered["output_tokens"]) == (Outcome.FINISHED, 7)
    assert not entered["flags"] & Flags.OUTPUT_ESTIMATED
    assert caller.charged()["cost"] == one.cost_nanodollars == caller.standing()["cost"][0]


def test_a_row_that_makes_no_sense_gives_back_what_it_held(office: Office, worker: Worker) -> None:
    caller = Caller(office, worker)
    _, row = caller.admit()
    worker.inflight.rewrite(row, b"\xff" * len(settlement().pack()))
    worker.die()
    assert caller.drain.settle_orphans() == 0
    assert office.tally.records_unreadable == 1
    assert caller.standing() == dict.fromkeys(caller.by_metric, (0, 0))
    assert office.shared.inflight.count(0) == 0


def test_only_messages_weigh(office: Office, worker: Worker) -> None:
    caller = Caller(office, worker)
    caller.admit(surface=Surface.OTHER)
    worker.die()
    caller.drain.settle_orphans()
    assert caller.charged().get("messages", 0) == 0
    assert caller.charged()["requests"] == 1


def test_a_key_revoked_meanwhile_is_charged_all_the_same_to_what_is_left(office: Office, worker: Worker) -> None:
    caller = Caller(office, worker)
    caller.admit()
    caller.desk.keys.revoke(caller.key.public_id)
    worker.die()
    assert caller.drain.settle_orphans() == 1
    assert caller.charged() == {}
    assert len(office.rows()) == 1
