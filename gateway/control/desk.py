"""The desk: everything that orders can be given to, made of one database and one shared file.

Used by the control plane and, while nothing serves, by commands in its place. Owns nothing but how the parts fit together.
"""

from collections.abc import Callable

from gateway.catalog.plans import Plans
from gateway.control.books.ledger import Ledger
from gateway.control.chains import Chains
from gateway.control.credits import Credits
from gateway.control.idempotency import Idempotency
from gateway.control.jobs import Job
from gateway.control.keys import Keys
from gateway.control.limits import Limits
from gateway.control.plans import PlansInUse
from gateway.control.store import Store, WorkspaceRecord
from gateway.control.workspaces import Workspaces
from gateway.core.clock import Clock
from gateway.state.pepper import Pepper
from gateway.state.shared import SharedFile


class Desk:
    """Keys, limits, workspaces, plans, credits and the ledger of one installation. Belongs to the thread of the Store.

    `shared` is None when no shared file exists: changes then go live at the next start.
    """

    def __init__(self, store: Store, pepper: Pepper, plans: Plans, clock: Clock, shared: SharedFile | None) -> None:
        chains = Chains(store, shared, clock) if shared else None
        table = shared.keys if shared else None
        self.limits = Limits(store, clock, chains)
        self.plans = PlansInUse(store, plans, self.limits, clock)
        self.ledger = Ledger(store, pepper, clock)
        self.workspaces = Workspaces(store, clock, self._archived)
        self.credits = Credits(store, self.ledger, self.limits, self.plans, plans.terms, clock)
        self.keys = Keys(store, pepper, clock, table, chains, self.workspaces, self.plans, self.limits)
        self.idempotency = Idempotency(store, clock)
        self._store = store

    def rebuild(self) -> int:
        """Makes plans be what the file says and the shared file what the database says. Returns the number of keys in force.

        Raises OrderError when the stored keys were made with another pepper, StoreError.
        """
        self.plans.apply_all()
        self.limits.rebuild()
        return self.keys.rebuild()

    def jobs(self, enter_all: Callable[[], object]) -> tuple[Job, ...]:
        """What is to be done from time to time; `enter_all` enters everything that the workers have written."""
        return (
            Job("expire credits", 60.0, self.credits.expire, needs_steady_clock=True),
            Job("forget old calls", 3600.0, self.idempotency.forget),
            Job("bring the shared file up to date", 1.0, self._catch_up),
            Job("agree about limits", 10.0, lambda: self.limits.agree(enter_all)),
        )

    def _catch_up(self) -> None:
        if self._store.lags:
            self.rebuild()
            self._store.lags = False

    def _archived(self, workspace: WorkspaceRecord) -> None:
        self.keys.revoke_all(workspace)
