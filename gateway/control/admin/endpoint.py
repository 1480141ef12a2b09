"""An endpoint: one operation of the admin interface, as data.

Everything that is true of an operation stands in one row: its path, what its query and body must be, what it answers, and the
function that does it. The HTTP side, the command line without a gateway, the OpenAPI page and the tests all read these rows, so
none of them can know an operation that the others do not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from msgspec import Struct

from gateway.control.admin.askers import Asker


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No query parameter, or no body but an empty object."""


B = TypeVar("B", bound=Struct)
Q = TypeVar("Q", bound=Struct)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[B, Q]):
    """What an operation is handed. `path` holds the parts of the path that are variable, decoded; `version` is the value of
    `anthropic-version`, or empty."""

    asker: Asker
    path: Mapping[str, str]
    query: Q
    body: B
    version: str = ""
    resumed: str = ""  # what the last event of a stream that was cut off was called, or empty


class Page(Struct, Generic[T], frozen=True):
    """A part of a list. `next` is what to send as `after` for the part behind it; null when this is the last."""

    data: list[T]
    next: str | None


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[B, Q]):
    """One operation. `act` is a plain function when it needs the writing connection, which lives in the books' thread, and a
    coroutine function when it has a connection of its own or needs none: long questions must hold nobody up."""

    method: str
    path: str
    summary: str
    act: Callable[[Any, Call[B, Q]], Any]
    answer: Any
    body: type[B] = Nothing  # type: ignore[assignment]  # a default of a generic field
    query: type[Q] = Nothing  # type: ignore[assignment]
    status: int = 200
    makes: bool = False  # takes an Idempotency-Key: sent twice, it makes one thing
    tagged: bool = False  # its answer has an ETag, and whoever has that answer already is told so
    streams: str = ""  # the media type of an answer that comes in pieces; `act` is a coroutine that returns an iterator of bytes
    up_to_date: bool = False  # needs all usage in the books: the journals are entered before, in a transaction of their own

    @property
    def key(self) -> str:
        """Its name in PERMISSIONS."""
        return f"{self.method} {self.path}"

    @property
    def changes(self) -> bool:
        """Whether it changes anything, which is noted with who did it."""
        return self.method != "GET"
