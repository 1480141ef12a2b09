"""The front desk: what the operations of the admin interface work with, opened once and handed to each of them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from gateway.catalog.prices import PriceList
from gateway.control.accounts import Accounts
from gateway.control.admin.repetition import Repetition
from gateway.control.admin_keys import AdminKeys
from gateway.control.books.verify import Verifier
from gateway.control.changes import Changes
from gateway.control.desk import Desk
from gateway.control.sessions import Sessions
from gateway.control.store import Reader, Store
from gateway.control.strangers import Strangers
from gateway.control.upstreams import Upstreams
from gateway.core.clock import Clock
from gateway.settings import Waiting
from gateway.state.pepper import Pepper

InBooks = Callable[[Callable[[], None]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class FrontDesk:
    """`store`, `desk`, changes of `admin_keys`, `accounts` and `sessions`, `changes` and `repetition` belong to the thread of
    the writing connection. `reader` has connections of its own. `catch_up` enters what the workers' journals hold, in the
    writer's thread; `in_books` is how a coroutine gets something done there. `upstreams` is where calls go; `strangers` are
    the latest calls without a key; `reload` has the
    settings read anew."""

    store: Store
    desk: Desk
    admin_keys: AdminKeys
    accounts: Accounts
    sessions: Sessions
    changes: Changes
    repetition: Repetition
    reader: Reader
    prices: PriceList
    pepper: Pepper
    clock: Clock
    health: Callable[[], dict[str, Any]]
    catch_up: Callable[[], object]
    verifier: Verifier
    in_books: InBooks
    strangers: Strangers
    upstreams: Callable[[], Upstreams]
    reload: Callable[[], list[Waiting]]

    @property
    def now_s(self) -> int:
        """Wall-clock seconds."""
        return self.clock.wall_ns() // 1_000_000_000
