"""How commands reach the control plane: over its admin socket while it serves, else by doing its work in its place.

In its place means: under the control lock, with the same functions on the same files, so a key minted while nothing serves is the
same key. A control plane that is just starting or stopping holds the lock without answering; both ways are tried until one opens.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

import click
import orjson

from gateway import settings
from gateway.control import keys, usage
from gateway.control.desk import Desk
from gateway.control.keys import Keys, OrderError
from gateway.control.lock import ControlLock, LockTakenError
from gateway.control.store import Store, StoreError
from gateway.control.usage import UsageError
from gateway.core.clock import SystemClock
from gateway.settings import Paths, SettingsError
from gateway.state.pepper import PepperError, load_pepper
from gateway.state.shared import LayoutError, SharedFile

OPEN_WAIT_S = 10.0
RETRY_S = 0.1
PROBE_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 60.0  # minting 500 keys takes well under a second; a usage query over a year may take a while

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="GATEWAY_DATA_DIR",
    default="data",
    help="Where the database lies; GATEWAY_DATA_DIR, else ./data.",
)


class Door(Protocol):
    """What commands can ask for. Rows are as the admin interface shows them. Every method raises click.ClickException."""

    def mint(self, order: dict[str, Any]) -> list[dict[str, Any]]: ...

    def keys(self) -> Iterator[dict[str, Any]]: ...

    def revoke(self, key_id: str) -> dict[str, Any]: ...

    def usage(self, since: str, by: str) -> Iterator[dict[str, Any]]: ...


@contextmanager
def open_door(data_dir: Path, *, create: bool = False) -> Iterator[Door]:
    """The way in that is open. `create` lets a command begin a new installation; the others refuse where there is none.

    Raises click.ClickException.
    """
    paths = Paths(data_dir.absolute())
    if not create and not paths.gateway_db.exists():
        raise click.ClickException(f"there is no gateway.db in {data_dir}: nothing was minted or served there yet")
    deadline_s = time.monotonic() + OPEN_WAIT_S
    while True:
        connection = _connected(paths)
        if connection is not None:
            with closing(connection):
                yield Served(connection)
            return
        try:
            lock = ControlLock.take(paths.control_lock)
        except LockTakenError:
            if time.monotonic() >= deadline_s:
                raise click.ClickException(f"the gateway on {data_dir} holds the database but does not answer") from None
            time.sleep(RETRY_S)
        except OSError as error:
            raise click.ClickException(f"{data_dir}: {error.strerror}") from None
        else:
            with lock, _alone(paths) as door:
                yield door
            return


class Served:
    """Through the admin socket of a serving gateway."""

    def __init__(self, connection: "AdminConnection") -> None:
        self._connection = connection

    def mint(self, order: dict[str, Any]) -> list[dict[str, Any]]:
        minted: list[dict[str, Any]] = self._ask("POST", "/admin/v1/keys", orjson.dumps(order))["keys"]
        return minted

    def keys(self) -> Iterator[dict[str, Any]]:
        after: int | None = 0
        while after is not None:
            page = self._ask("GET", f"/admin/v1/keys?after={after}")
            yield from page["keys"]
            after = page["next"]

    def revoke(self, key_id: str) -> dict[str, Any]:
        # Checked here too, because a path made of anything else could name another route.
        if not keys.is_key_id(key_id):
            raise click.ClickException("not a key id: they look like key_ and 22 characters")
        return self._ask("POST", f"/admin/v1/keys/{key_id}/revoke")

    def usage(self, since: str, by: str) -> Iterator[dict[str, Any]]:
        params = {"since": since, "by": by}
        while True:
            page = self._ask("GET", "/admin/v1/usage?" + urlencode(params))
            yield from page["rows"]
            if page["next"] is None:
                return
            params["after"] = page["next"]

    def _ask(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        try:
            self._connection.request(method, path, body)
            response = self._connection.getresponse()
            document: dict[str, Any] = orjson.loads(response.read())
        except (OSError, HTTPException, orjson.JSONDecodeError) as error:
            raise click.ClickException(f"the gateway did not answer: {type(error).__name__}") from None
        if response.status >= 400:
            raise click.ClickException(str(document["error"]["message"]))
        return document


class AdminConnection(HTTPConnection):
    """HTTP over a Unix socket. The standard library's client, because loading a better one takes longer than any command."""

    def __init__(self, path: Path) -> None:
        super().__init__("gateway", timeout=PROBE_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        """Raises OSError, leaving nothing open."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.sock.settimeout(self.timeout)
            self.sock.connect(str(self._path))
        except OSError:
            self.sock.close()
            raise


class Alone:
    """On the files themselves, while nothing serves."""

    def __init__(self, store: Store, held: Keys) -> None:
        self._store = store
        self._keys = held

    def mint(self, order: dict[str, Any]) -> list[dict[str, Any]]:
        with _refusals():
            return [self._keys.view_minted(one) for one in self._keys.mint(keys.read_order(orjson.dumps(order)))]

    def keys(self) -> Iterator[dict[str, Any]]:
        with _refusals():
            yield from self._keys.views(self._keys.page())

    def revoke(self, key_id: str) -> dict[str, Any]:
        with _refusals():
            return self._keys.view(self._keys.revoke(key_id))

    def usage(self, since: str, by: str) -> Iterator[dict[str, Any]]:
        with _refusals():
            since_ns = usage.since_ns(since, SystemClock().wall_ns())
            totals = self._store.usage(usage.group(by), since_ns, None, -1)
            yield from (usage.view(by, total) for total in totals)


@contextmanager
def _alone(paths: Paths) -> Iterator[Alone]:
    with _refusals():
        pepper = load_pepper(paths.pepper)
        shared = SharedFile.open(paths.shared_map) if paths.shared_map.exists() else None
        try:
            with Store.open(paths.gateway_db) as store:
                desk = Desk(store, pepper, settings.load_plans(None, os.environ), SystemClock(), shared)
                desk.keys.check_pepper(store.keys(limit=1))
                yield Alone(store, desk.keys)
        finally:
            if shared is not None:
                shared.close()


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (OrderError, PepperError, StoreError, UsageError, LayoutError, SettingsError) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from None


def _connected(paths: Paths) -> "AdminConnection | None":
    connection = AdminConnection(paths.admin_sock)
    try:
        connection.request("GET", "/admin/v1/status")
        connection.getresponse().read()
        connection.sock.settimeout(ANSWER_TIMEOUT_S)
    except (OSError, HTTPException):
        connection.close()
        return None
    return connection
