"""The clerk: carries out one operation, whoever brought the request and however.

Reads query and body into the operation's structs, lets it act, and writes the answer. Knows no transport: the HTTP side and the
command line without a gateway both come here, so they refuse the same things in the same words.
"""

import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any, NamedTuple

import msgspec

from gateway.control.admin.askers import Asker
from gateway.control.admin.endpoint import Call, Endpoint
from gateway.control.admin.front import FrontDesk
from gateway.control.admin.reading import read_body, read_query
from gateway.control.changes import about
from gateway.control.orders import MissingError
from gateway.control.store import StoreError
from gateway.core.faults import FaultKind
from gateway.core.refusals import Refusal

NOT_WRITTEN = Refusal("database.not_written", "the database cannot be written; the log says why")
NOT_READ = Refusal("database.not_read", "the database cannot be read")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as far as it is the same over every way in."""

    asker: Asker
    path: Mapping[str, str]
    query: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    version: str = ""
    once: str = ""  # the Idempotency-Key, or empty
    resumed: str = ""  # the Last-Event-ID, or empty

    def __repr__(self) -> str:
        return f"<Asked by {self.asker.name}>"


class Reply(NamedTuple):
    """An answer: status and JSON."""

    status: int
    body: bytes


def needs_writer(endpoint: Endpoint[Any, Any]) -> bool:
    """Whether the operation belongs into the thread of the writing connection."""
    return not iscoroutinefunction(endpoint.act)


def carry_out(front: FrontDesk, endpoint: Endpoint[Any, Any], asked: Asked) -> Reply:
    """An operation that needs the writing connection. Raises Fault."""
    call = _call(endpoint, asked)

    def act() -> dict[str, Any]:
        answer = endpoint.act(front, call)
        if endpoint.changes:
            note(front, endpoint, asked, answer)
        return {"body": msgspec.json.encode(answer).decode()}

    with refusals(NOT_WRITTEN):
        if endpoint.up_to_date:
            front.catch_up()
        if asked.once and endpoint.makes:
            # The body as it was understood: written in another order or with other blanks it is the same.
            did = f"{endpoint.method} {endpoint.path.format(**asked.path)}"
            same = did.encode() + b"\0" + msgspec.json.encode(call.body)
            answer = front.repetition.once(asked.asker.name, asked.once, same, act)
        elif endpoint.changes:
            with front.store.transaction():
                answer = act()
        else:
            answer = act()
    return Reply(endpoint.status, str(answer["body"]).encode())


async def find_out(front: FrontDesk, endpoint: Endpoint[Any, Any], asked: Asked) -> Reply:
    """An operation that has a connection of its own or needs none. Raises Fault."""
    call = _call(endpoint, asked)
    with refusals(NOT_READ):
        answer = await endpoint.act(front, call)
        if endpoint.changes:
            await front.in_books(lambda: note(front, endpoint, asked, answer))
        return Reply(endpoint.status, msgspec.json.encode(answer))


def note(front: FrontDesk, endpoint: Endpoint[Any, Any], asked: Asked, answer: Any) -> None:
    """Enters a change into the record of changes."""
    shown = msgspec.to_builtins(answer)
    front.changes.note(asked.asker.name, asked.asker.shown, endpoint.key, about(asked.path, shown))


async def begin(front: FrontDesk, endpoint: Endpoint[Any, Any], asked: Asked) -> AsyncIterator[bytes]:
    """An operation whose answer comes in pieces, up to its first one. Raises Fault; what fails later breaks the answer off."""
    call = _call(endpoint, asked)
    with refusals(NOT_READ):
        pieces = await endpoint.act(front, call)
        first = await anext(pieces, b"")

    async def all_pieces() -> AsyncIterator[bytes]:
        try:
            yield first
            async for piece in pieces:
                yield piece
        finally:
            await pieces.aclose()

    return all_pieces()


@contextmanager
def refusals(database: Refusal) -> Iterator[None]:
    """Turns what the parts of the control plane raise into faults; `database` is what is said when that is the reason."""
    try:
        yield
    except Refusal as error:
        raise error.fault(FaultKind.MISSING if isinstance(error, MissingError) else FaultKind.INVALID) from None
    except StoreError:
        raise database.fault(FaultKind.UNAVAILABLE, retry_after_s=5) from None


def find(endpoints: Iterable[Endpoint[Any, Any]], method: str, path: str) -> tuple[Endpoint[Any, Any], dict[str, str]]:
    """The operation behind a method and a decoded path, with the variable parts of it. Raises Fault MISSING."""
    for endpoint in endpoints:
        match = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", endpoint.path), path)
        if match and endpoint.method == method:
            return endpoint, match.groupdict()
    raise Refusal("path.missing", "Not found").fault(FaultKind.MISSING)


def _call(endpoint: Endpoint[Any, Any], asked: Asked) -> Call[Any, Any]:
    query, body = read_query(asked.query, endpoint.query), read_body(asked.body, endpoint.body)
    return Call(asked.asker, asked.path, query, body, asked.version, asked.resumed)
