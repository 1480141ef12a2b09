"""Changes: the record of who changed what, for whoever has to find out later.

Written in the transaction of the change itself, so neither is there without the other. Holds ids and the names of operations,
never anything that was sent.
"""

from collections.abc import Mapping
from typing import Any

from gateway.control.store import Store
from gateway.control.store import changes as rows
from gateway.control.store.changes import ChangeRecord
from gateway.core.clock import Clock

ABOUT_IDS_MAX = 3


class Changes:
    """The changes of this installation. Belongs to the thread of the writing connection."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def note(self, who: str, who_name: str, did: str, about: str) -> None:
        """Records a change; part of the transaction that is open. Raises StoreError."""
        with self._store.transaction() as connection:
            rows.insert(connection, self._clock.wall_ns() // 1_000_000_000, who, who_name, did, about)

    def page(self, before_id: int, limit: int) -> list[ChangeRecord]:
        """The latest first, those before `before_id`; 0 is from the last one on."""
        with self._store.reading() as connection:
            return rows.page(connection, before_id, limit)


def about(path: Mapping[str, str], answer: Mapping[str, Any]) -> str:
    """What a change was done to: the variable parts of its path, or the ids of what was made."""
    if path:
        return " ".join(path.values())
    made = answer.get("data")
    ids = [str(one["id"]) for one in (made if isinstance(made, list) else [answer]) if "id" in one]
    more = f" +{len(ids) - ABOUT_IDS_MAX}" if len(ids) > ABOUT_IDS_MAX else ""
    return " ".join(ids[:ABOUT_IDS_MAX]) + more
