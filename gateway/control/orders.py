"""Orders: what people and scripts ask the control plane to change, read with the same care everywhere.

Owns the reading of JSON into an order, the shapes that all orders share, and the one error for what cannot be carried out.
"""

from datetime import UTC, datetime
from typing import Annotated, TypeVar

import msgspec

from gateway.catalog import measures
from gateway.core.refusals import Refusal

ORDER = TypeVar("ORDER", bound=msgspec.Struct)

MEMO_CHARS_MAX = 200

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Memo = Annotated[str, msgspec.Meta(max_length=MEMO_CHARS_MAX)]
Amount = Annotated[int, msgspec.Meta(ge=1, le=measures.AMOUNT_MAX)]
Dollars = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{1,6}(\.[0-9]{1,9})?\Z")]
Moment = Annotated[int, msgspec.Meta(ge=0, le=2**40)]  # wall-clock seconds


class OrderError(Refusal):
    """An order that cannot be carried out. Its words are for whoever asked."""


class MissingError(OrderError):
    """What an order names does not exist."""


class ConflictError(OrderError):
    """It does not fit what is there: a name that is taken, a key of idempotency used for something else."""


def read(body: bytes, order: type[ORDER]) -> ORDER:
    """An order from JSON. Raises OrderError for everything else, however hostile."""
    try:
        return msgspec.json.decode(body, type=order)
    except RecursionError:
        raise OrderError("body.too_deep", "nested too deeply") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise OrderError("body.wrong", "{problem}", problem=str(error)) from None


def check_text(*texts: str | None) -> None:
    """Raises OrderError for a text that a terminal or a table could not show as it is."""
    for text in texts:
        if text and (not text.isprintable() or text != text.strip()):
            raise OrderError("name.unprintable", "names must be printable characters without blanks at the ends")


def nanodollars(dollars: str) -> int:
    """An amount of Dollars. Raises OrderError."""
    try:
        return measures.read_amount("cost", dollars)
    except Refusal as error:
        raise OrderError.like(error) from None


def date(seconds: int | None) -> str | None:
    """A moment as shown to people and scripts: ISO 8601 in UTC."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(min(max(seconds, 0), 253402300799), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
