"""How commands reach the control plane: over its admin socket while it serves, else by doing its work in its place.

In its place means: under the control lock, with the same functions on the same files, so a key minted while nothing serves is the
same key. A control plane that is just starting or stopping holds the lock without answering; both ways are tried until one opens.
"""

import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import click
import orjson

from gateway.cli.alone import working_alone
from gateway.control.lock import ControlLock, LockTakenError
from gateway.control.orders import OrderError
from gateway.control.store import StoreError
from gateway.core.faults import Fault
from gateway.settings import Paths, SettingsError
from gateway.state.pepper import PepperError
from gateway.state.shared import LayoutError

OPEN_WAIT_S = 10.0
RETRY_S = 0.1
PROBE_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 600.0  # minting 500 keys takes well under a second; proving the books of a year takes a while
PAGE_ROWS = "1000"

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="GATEWAY_DATA_DIR",
    default="data",
    help="Where the database lies; GATEWAY_DATA_DIR, else ./data.",
)

once_option = click.option(
    "--idempotency-key",
    "once",
    default="",
    help="A word of your own: the same command with the same word is carried out once and always answered alike.",
)

Pairs = Sequence[tuple[str, str]]


class Way(Protocol):
    """A way to an operation of the admin interface: over the socket, or alone on the files."""

    def ask(self, method: str, path: str, query: Pairs = (), body: object = None, once: str = "") -> Any: ...


class Door:
    """What commands ask through. Every method raises click.ClickException with the refusal's own words."""

    def __init__(self, way: Way) -> None:
        self.way = way

    def get(self, *steps: str, **query: object) -> Any:
        """What lies at a path, given in steps: `get("keys", key_id)`. Query values that are None are left out."""
        return self._ask("GET", steps, _pairs(query))

    def post(self, *steps: str, body: Mapping[str, object] | None = None, once: str = "") -> Any:
        """Does something; with `once`, an Idempotency-Key, however often it is asked the same only one time."""
        return self._ask("POST", steps, (), body, once)

    def delete(self, *steps: str) -> Any:
        return self._ask("DELETE", steps)

    def all(self, *steps: str, **query: object) -> Iterator[dict[str, Any]]:
        """Every entry of a list, page by page."""
        pairs = [*_pairs(query), ("limit", PAGE_ROWS)]
        after: list[tuple[str, str]] = []
        while True:
            page = self._ask("GET", steps, [*pairs, *after])
            yield from page["data"]
            if page["next"] is None:
                return
            after = [("after", page["next"])]

    def _ask(self, method: str, steps: Sequence[str], query: Pairs = (), body: object = None, once: str = "") -> Any:
        # A step may be anything a person typed: it must stay one step.
        if any(step in ("", ".", "..") or "/" in step for step in steps):
            raise click.ClickException("not an id, nor a name that can stand for one")
        with refusals():
            return self.way.ask(method, "/admin/v1/" + "/".join(steps), query, body, once)


def given(order: Mapping[str, object]) -> dict[str, object]:
    """The options that were given: without those that are None."""
    return {name: value for name, value in order.items() if value is not None}


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
                yield Door(Served(connection))
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
            with lock, refusals(), working_alone(paths) as alone:
                yield Door(alone)
            return


class Served:
    """Through the admin socket of a serving gateway."""

    def __init__(self, connection: "AdminConnection") -> None:
        self._connection = connection

    def ask(self, method: str, path: str, query: Pairs = (), body: object = None, once: str = "") -> Any:
        """The answer's document. Raises click.ClickException with the words of a refusal."""
        target = quote(path) + (f"?{urlencode(query)}" if query else "")
        headers = {"idempotency-key": once} if once else {}
        try:
            self._connection.request(method, target, None if body is None else orjson.dumps(body), headers)
            response = self._connection.getresponse()
            document = orjson.loads(response.read())
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


@contextmanager
def refusals() -> Iterator[None]:
    """Turns what the control plane's parts raise into what a command ends with."""
    try:
        yield
    except Fault as fault:
        raise click.ClickException(fault.text) from None
    except (OrderError, PepperError, StoreError, LayoutError, SettingsError) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from None


def _pairs(query: Mapping[str, object]) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in query.items() if value is not None]


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
