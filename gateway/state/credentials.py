"""Upstream credentials: how each stands, and what each worker has under way with it.

Owns the form of two tables and who writes which word. Refuses to know what a state means and how a choice is made
(`gateway.upstream.pool`), and never sees a secret: a row is found by a keyed hash of the provider's name and the credential. The
provider itself has a row too, of the same form, for what concerns all of its credentials.

A row of the first table, in words of 8 bytes:

    0   name: the keyed hash, 0 when the row is free. Whoever needs a row and finds none takes a free one by compare_swap; the
        control plane frees rows that no settings name any more
    1   boot: which start of the machine the times in the row belong to; stored by whoever finds another one, after clearing them
    2   state of the whole: moved by any worker and by the control plane, by compare_swap
    3   account: a hash of what the upstream calls the credential's owner; any worker, the last one counts
    4   used: milliseconds of the machine's clock when a worker last said that it uses the row; any worker

and, from byte 64 on, eight lanes: one for each of the first seven models that it answered for; all others share the last:

    0   name: a hash of the model's name, taken by compare_swap
    1   state of the lane: as above
    2-9 four meters of two words (see `headroom`); any worker, the last one counts
    10  speed: two averages; 11: success: an average. Any worker; an update that is lost costs one sample

A row of the second table belongs to one worker slot and one credential and has the slot's owner as its single writer, so the
calls under way need no atomic counting, and those of a dead worker disappear with it: whoever sums up leaves out slots without
a living owner, and a new owner begins at zero. All the other words are totals that outlive a worker.
"""

from collections.abc import Collection, Iterator
from enum import IntEnum

from gateway.state.layout import CREDENTIAL_BYTES, LANE_BYTES, LANES_MAX, LEASE_BYTES, Layout
from gateway.state.workers import WorkerSlot
from native_fastpath import Region

NAME_AT, BOOT_AT, STATE_AT, ACCOUNT_AT, USED_AT = 0, 8, 16, 24, 32
LANES_AT = 64
LANE_NAME_AT, LANE_STATE_AT, METERS_AT, SPEED_AT, SUCCESS_AT = 0, 8, 16, 80, 88
METERS_MAX = 4
METER_BYTES = 16
assert METERS_AT + METERS_MAX * METER_BYTES == SPEED_AT
assert SUCCESS_AT + 8 == LANE_BYTES

KEEP_UNUSED_MS = 3_600_000  # a worker that drains may use a row for as long as a call may last


class Tally(IntEnum):
    """What a worker counts for a credential. The numbers are places in the shared file."""

    IN_FLIGHT = 0  # a gauge; the others are totals
    PICKS = 1
    PROBES = 2
    KEPT = 3  # picks that stayed with the credential whose prompt cache is warm
    MOVED = 4  # picks that left it
    FINE = 5
    ANSWERED = 6  # errors that are the caller's own
    LIMITED = 7
    REFUSED = 8
    UNPAID = 9
    OVERLOADED = 10
    FAILED = 11
    FIRST_TOKENS = 12  # calls whose time to the first token is in the next
    FIRST_TOKEN_US = 13
    CACHE_READ_TOKENS = 14
    CACHE_WRITE_TOKENS = 15


assert len(Tally) * 8 == LEASE_BYTES


class CredentialTableFullError(Exception):
    """There are more credentials than the shared file has places for."""


class CredentialTable:
    """Both tables, for every process."""

    __slots__ = ("_layout", "_region")

    def __init__(self, region: Region, layout: Layout) -> None:
        self._region = region
        self._layout = layout

    def take(self, name: int, boot: int, now_ms: int) -> int:
        """The row of a name, a new one if it has none; emptied when it was written before the machine was last started.

        Raises CredentialTableFullError.
        """
        row = self.find(name)
        while row is None:
            row = self._take_free(name)
        at = self._layout.credential_at(row)
        if self._region.load(at + BOOT_AT) != boot:
            self._region.write(at + STATE_AT, bytes(CREDENTIAL_BYTES - STATE_AT))
            self._region.store(at + BOOT_AT, boot)
        self._region.store(at + USED_AT, now_ms)
        return row

    def find(self, name: int) -> int | None:
        """The row of a name."""
        return next((row for row, found in self._names() if found == name), None)

    def lane(self, row: int, model: int, *, take: bool) -> int:
        """The offset of a credential's lane for a model (a hash, not 0); the one that is shared when the model has none.

        With `take` it gets one of its own, as long as there are any. Names come from clients: only those that an upstream has
        answered for should take one.
        """
        first = self._layout.credential_at(row) + LANES_AT
        last = first + (LANES_MAX - 1) * LANE_BYTES
        for at in range(first, last, LANE_BYTES):
            found = self._region.load(at)
            if found == 0 and (not take or self._region.compare_swap(at, 0, model)):
                return at if take else last
            if found == model or self._region.load(at) == model:
                return at
        return last

    def is_shared(self, row: int, lane_at: int) -> bool:
        """Whether a lane is the one that models without their own share."""
        return lane_at == self._layout.credential_at(row) + LANES_AT + (LANES_MAX - 1) * LANE_BYTES

    def lanes(self, row: int) -> Iterator[tuple[int, int]]:
        """Model hash (0 for the one that several share) and offset of each lane that has been used."""
        first = self._layout.credential_at(row) + LANES_AT
        for number in range(LANES_MAX):
            at = first + number * LANE_BYTES
            name = self._region.load(at)
            if name or (number == LANES_MAX - 1 and any(self._region.read(at, LANE_BYTES))):
                yield name, at

    def forget_others(self, names: Collection[int], boot: int, now_ms: int) -> int:
        """Frees rows that are not among `names` and that no worker has used for an hour. Control plane only. Returns how many."""
        freed = 0
        for row, name in list(self._names()):
            at = self._layout.credential_at(row)
            fresh = self._region.load(at + BOOT_AT) == boot and now_ms - self._region.load(at + USED_AT) < KEEP_UNUSED_MS
            if name not in names and not fresh:
                self._region.store(at + BOOT_AT, 0)  # so that whoever takes the row next clears it
                for slot in range(self._layout.slots):
                    self._region.write(self._layout.lease_at(slot, row) + 8, bytes(LEASE_BYTES - 8))
                freed += self._region.compare_swap(at, name, 0)
        return freed

    def totals(self, row: int, alive: Collection[int]) -> dict[Tally, int]:
        """Every tally of a credential over all slots; what is in flight, over the slots in `alive` only."""
        sums = {tally: self._sum(row, tally, range(self._layout.slots)) for tally in Tally}
        sums[Tally.IN_FLIGHT] = self._sum(row, Tally.IN_FLIGHT, alive)
        return sums

    def _sum(self, row: int, tally: Tally, slots: Collection[int]) -> int:
        return sum(self._region.load(self._layout.lease_at(slot, row) + 8 * tally) for slot in slots)

    def _names(self) -> Iterator[tuple[int, int]]:
        for row in range(self._layout.credentials_capacity):
            name = self._region.load(self._layout.credential_at(row))
            if name:
                yield row, name

    def _take_free(self, name: int) -> int | None:
        """A row that was free, or None when somebody else took it first; he may have taken it for the same name."""
        for row in range(self._layout.credentials_capacity):
            at = self._layout.credential_at(row)
            found = self._region.load(at)
            if found == 0:
                return row if self._region.compare_swap(at, 0, name) else self.find(name)
            if found == name:
                return row
        raise CredentialTableFullError(f"the shared file has places for {self._layout.credentials_capacity} credentials")


def begin_leases(slot: WorkerSlot) -> None:
    """A slot's new owner has nothing in flight yet, whatever the last one left."""
    for row in range(slot.layout.credentials_capacity):
        at = slot.layout.lease_at(slot.index, row)
        if slot.region.load(at):
            slot.region.store(at, 0)
