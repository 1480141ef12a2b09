"""Sound books with some of everything, and ways to spoil them."""

import sqlite3

from gateway.control.books.verify import Verifier
from gateway.control.credits import BillingOrder, PurchaseOrder, RefundOrder
from gateway.control.keys import Order
from gateway.control.limits import LimitOrder
from gateway.control.store import Reader
from gateway.core.usage import Usage
from gateway.state.pepper import Pepper
from gateway.state.record import charged
from tests.control.office import PEPPER, Office, Worker, settlement

DAY_START_S = 1_794_960_000
NOTE = bytes([0x81, 2, 0xFF, 0xFF, 0xFF, 0xFF, 0x80, 1, 3, 0, 0x80, 0x3E])  # of a choice: one key limited, one taken


class Books:
    """Books with some of everything: two workspaces, lots, limits, usage, a refund."""

    def __init__(self, office: Office, worker: Worker) -> None:
        self.office = office
        self.worker = worker
        self.desk = office.desk()
        self.drain = office.drain(self.desk)
        workspace = self.desk.workspaces.find_or_create("lab")
        self.workspace = self.desk.credits.set_billing(workspace, BillingOrder(billing="prepaid"))
        for amount in ("5", "7.50"):
            self.desk.credits.buy(self.workspace, PurchaseOrder(amount_usd=amount, memo="paid"))
        [self.minted] = self.desk.keys.mint(
            Order(name="a", workspace="lab", limits=(LimitOrder(metric="cost", window="day", amount=90),))
        )
        for _ in range(3):
            self.use(3)
        self.desk.credits.refund(self.desk.credits.lots(self.workspace)[1].public_id, RefundOrder())

    def use(self, requests: int) -> None:
        """Requests of both workspaces in one pass of the drain, as a worker would have counted them."""
        for number in range(requests):
            one = settlement(
                workspace_id=self.workspace.id,
                key_id=self.minted.record.id,
                usage=Usage(1000, 5, 0, 0, number),
                choice=NOTE if number == 1 else b"",
            )
            credits = next(limit for limit in self.desk.limits.of_workspace(self.workspace) if limit.source == "credits")
            [own] = self.minted.limits
            charges = [(own.id, DAY_START_S, one.cost_nanodollars), (credits.id, 0, one.cost_nanodollars)]
            assert self.worker.ring.append(charged(one.pack(), charges))
            self.worker.settle(settlement(key_id=999))
        self.drain.enter_all()

    def verifier(self, pepper: Pepper = PEPPER) -> Verifier:
        return Verifier(Reader(self.office.paths.gateway_db), pepper, self.desk.limits, self.drain.enter_all)

    def renew(self) -> None:
        """Goes on with a new shared file."""
        self.desk = self.office.renewed()
        self.drain = self.office.drain(self.desk)

    def change(self, statement: str, *values: object) -> None:
        """Changes the database in a way that no code of ours would."""
        connection = sqlite3.connect(self.office.paths.gateway_db, isolation_level=None)
        for name in ("postings_stand", "postings_stay", "entries_stand", "entries_stay"):
            connection.execute(f"DROP TRIGGER IF EXISTS {name}")
        connection.execute(statement, values)
        connection.close()

    def differences(self) -> list[tuple[str, str]]:
        return [(one.what, one.which) for one in self.verifier().books().differences]
