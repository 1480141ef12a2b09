"""Lists as Anthropic's Admin API answers them."""

from typing import Annotated, Generic, TypeVar

from msgspec import Meta, Struct

from gateway.control.store.listing import Cut
from gateway.core.faults import Fault, FaultKind
from gateway.core.refusals import Refusal

T = TypeVar("T")

# Since this version keys do not say their workspace twice.
NEWEST_VERSION = "2026-10-21"

Limit = Annotated[int, Meta(ge=1, le=1000)]


class Listed(Struct, Generic[T], frozen=True):
    """A part of a list, with the ids to go on from in either direction."""

    data: list[T]
    has_more: bool
    first_id: str | None
    last_id: str | None


class ListQuery(Struct, frozen=True, kw_only=True):
    """Which part: behind `after_id` or before `before_id`. Parameters that are not known here are passed over."""

    after_id: str | None = None
    before_id: str | None = None
    limit: Limit = 20

    @property
    def cut(self) -> Cut:
        """Raises Fault INVALID."""
        if self.after_id is not None and self.before_id is not None:
            raise Refusal("list.both_ends", "after_id: cannot stand beside before_id").fault(FaultKind.INVALID)
        return Cut(self.after_id, self.before_id, self.limit)


def listed(data: list[T], ids: list[str], *, more: bool) -> Listed[T]:
    """The answer, of entries and their ids."""
    return Listed(data, more, ids[0] if ids else None, ids[-1] if ids else None)


def not_in_list(query: ListQuery) -> Fault:
    """The refusal of a cursor."""
    field = "before_id" if query.after_id is None else "after_id"
    return Refusal("list.not_in_it", "{field}: is not in the list", field=field).fault(FaultKind.INVALID)
