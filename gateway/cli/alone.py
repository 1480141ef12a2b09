"""The control plane's work in its place: operations of the admin interface on the files themselves, while nothing serves.

The same rows of the same tables as over the socket, carried out by the same clerk, so nothing can behave otherwise. Whoever
opens this holds the control lock for as long as it is open.
"""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson

from gateway import settings
from gateway.catalog.prices import PriceList
from gateway.control.accounts import Accounts
from gateway.control.admin import clerk
from gateway.control.admin.askers import SOCKET
from gateway.control.admin.clerk import Asked
from gateway.control.admin.endpoints import ENDPOINTS
from gateway.control.admin.front import FrontDesk
from gateway.control.admin.repetition import Repetition
from gateway.control.admin_keys import AdminKeys
from gateway.control.books.verify import Verifier
from gateway.control.changes import Changes
from gateway.control.desk import Desk
from gateway.control.orders import OrderError
from gateway.control.sessions import Sessions
from gateway.control.speeds import Speeds
from gateway.control.store import Reader, Store
from gateway.control.strangers import Strangers
from gateway.control.upstreams import Upstreams, upstreams_of
from gateway.core.clock import SystemClock
from gateway.settings import Paths
from gateway.state.pepper import Pepper, load_pepper
from gateway.state.shared import SharedFile


class Alone:
    """Operations without a gateway."""

    def __init__(self, front: FrontDesk) -> None:
        self._front = front

    def ask(self, method: str, path: str, query: Sequence[tuple[str, str]] = (), body: object = None, once: str = "") -> Any:
        """The answer's document. Raises Fault."""
        endpoint, parts = clerk.find(ENDPOINTS, method, path)
        asked = Asked(SOCKET, parts, query, b"" if body is None else orjson.dumps(body), once=once)
        if clerk.needs_writer(endpoint):
            reply = clerk.carry_out(self._front, endpoint, asked)
        else:
            reply = asyncio.run(clerk.find_out(self._front, endpoint, asked))
        return orjson.loads(reply.body)


@contextmanager
def working_alone(paths: Paths) -> Iterator[Alone]:
    """Opens the files. Raises PepperError, StoreError, LayoutError, OrderError, SettingsError, OSError."""
    clock = SystemClock()
    pepper = load_pepper(paths.pepper)
    shared = SharedFile.open(paths.shared_map) if paths.shared_map.exists() else None
    try:
        with Store.open(paths.gateway_db) as store:
            desk = Desk(store, pepper, settings.load_plans(None, os.environ), clock, shared)
            desk.keys.check_pepper(store.keys(limit=1))
            reader = Reader(paths.gateway_db)

            accounts = Accounts(store, pepper, clock)

            def catch_up() -> None:
                check_nothing_waits(store, shared)

            yield Alone(
                FrontDesk(
                    store=store,
                    desk=desk,
                    admin_keys=AdminKeys(store, pepper, clock),
                    accounts=accounts,
                    sessions=Sessions(store, pepper, clock, accounts),
                    changes=Changes(store, clock),
                    repetition=Repetition(desk.idempotency, pepper),
                    reader=reader,
                    prices=PriceList([], ""),  # only Anthropic's cost report asks for prices, and no command asks for that
                    pepper=pepper,
                    clock=clock,
                    health=dict,
                    catch_up=catch_up,
                    verifier=Verifier(reader, pepper, desk.limits, catch_up),
                    in_books=at_once,
                    strangers=Strangers(),
                    upstreams=lambda: upstreams_alone(paths, store, pepper, shared),
                    reload=refuse_reload,
                )
            )
    finally:
        if shared is not None:
            shared.close()


def upstreams_alone(paths: Paths, store: Store, pepper: Pepper, shared: SharedFile | None) -> Upstreams:
    """Where calls would go if a gateway were started here. Raises SettingsError, CredentialTableFullError."""
    chosen = settings.load(None, os.environ, data_dir=paths.data_dir)
    return upstreams_of(chosen, store, pepper, SystemClock(), shared, Speeds())


def refuse_reload() -> list[settings.Waiting]:
    """Raises OrderError."""
    raise OrderError("settings.no_gateway", "no gateway serves here: the settings are read at its start")


async def at_once(act: Callable[[], None]) -> None:
    """There is one thread."""
    act()


def check_nothing_waits(store: Store, shared: SharedFile | None) -> None:
    """Raises OrderError when the journals hold usage that is not in the books: only a control plane can enter it."""
    if shared is None:
        return
    sequences = store.ring_sequences(shared.identity)
    for reader in shared.journal.readers:
        reader.skip_to(sequences.get(reader.slot, 0))
        if reader.depth or shared.inflight.count(reader.slot):
            raise OrderError("books.usage_waits", "usage waits in the journals: start the gateway, so that it is entered first")
