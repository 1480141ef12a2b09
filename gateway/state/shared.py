"""The shared file as a whole: made once, opened by every process, found by path.

Owns making, opening and the words of the header; each table is a module of its own. The file outlives every process that maps
it, and the page cache outlives `kill -9`, so nothing in it is lost with a process; only the machine's own end takes it away.

    shared = SharedFile.create(data_dir / "shared.map")           # supervisor
    shared.keys.put(digest, KeyRow(7, 1, KeyState.ACTIVE, 0))     # control plane

    shared = SharedFile.open(data_dir / "shared.map")             # worker
    slot = WorkerSlot.claim(shared, data_dir / "run")
    rows, ring, counters = InflightRows(slot), RingWriter(slot), SlotCounters(slot)
    limits = Limits(shared, slot, rows)
    caller = shared.keys.find(digest)
    if ring.free() > rows.count:                                  # so that every open row can still be settled
        row = rows.open(settlement.pack())
        limits.take(caller.limits, row, mask, full, least, limits.moment(wall_ns, mono_ns))
        rows.progress(row, output_bytes=512, events=3)
        limits.settle(row, settlement.pack(), real, mono_ns)      # into the ring with its charges; the row is free

    for reader in shared.journal.readers:                         # control plane
        records = reader.read(1000)
        ...                                                       # durable, with reader.sequence + len(records)
        reader.release(len(records))
    table = LimitTable(shared)                                    # under the control lock
    for orphan in shared.inflight.orphans(data_dir / "run"):
        charges = table.settle_orphan(orphan, record, real, mono_ns)
        ...                                                       # durable
        shared.inflight.free_orphan(orphan)
"""

import os
import struct
import tempfile
from pathlib import Path

from gateway.state.counters import CounterTable
from gateway.state.credentials import CredentialTable
from gateway.state.inflight import InflightTable
from gateway.state.journal import Journal
from gateway.state.keys import KeyTable
from gateway.state.layout import (
    DRAINING_AT,
    GENERATION_AT,
    HEADER_STRUCT_BYTES,
    RING_RECORD_BYTES,
    Layout,
    LayoutError,
    read_header,
)
from gateway.state.workers import WorkerTable
from native_fastpath import Region

__all__ = ["LayoutError", "SharedFile"]


class SharedFile:
    """A mapped shared file and its tables.

    `identity` is a random number of this incarnation of the file: ring sequences stored elsewhere are valid only together
    with it.
    """

    __slots__ = ("counters", "credentials", "identity", "inflight", "journal", "keys", "layout", "path", "region", "workers")

    def __init__(self, path: Path, layout: Layout, identity: int) -> None:
        self.path = path
        self.layout = layout
        self.identity = identity
        self.region = Region(path, layout.size)
        self.keys = KeyTable(self.region, layout)
        self.counters = CounterTable(self.region, layout)
        self.credentials = CredentialTable(self.region, layout)
        self.inflight = InflightTable(self.region, layout)
        self.journal = Journal(self.region, layout)
        self.workers = WorkerTable(self.region, layout)

    @classmethod
    def create(cls, path: Path, layout: Layout | None = None) -> "SharedFile":
        """Makes an empty file, complete before it gets its name, in place of one that may be there, and opens it.

        Processes that have the former file open keep it. Readable by its owner only. Raises OSError.
        """
        layout = layout or Layout()
        # 63 bits, so that SQLite can store it.
        identity = int.from_bytes(os.urandom(8), "little") >> 1
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            try:
                os.ftruncate(descriptor, layout.size)
                os.pwrite(descriptor, layout.header(identity), 0)
                for slot in range(layout.slots):
                    ring = struct.pack("=2Q", layout.ring_capacity, RING_RECORD_BYTES)
                    os.pwrite(descriptor, ring, layout.ring_at(slot) + 128)
                os.pwrite(descriptor, struct.pack("=2Q", 1, layout.limits_capacity), layout.limits_at)
            finally:
                os.close(descriptor)
            os.rename(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
        return cls(path, layout, identity)

    @classmethod
    def open(cls, path: Path) -> "SharedFile":
        """Opens the file with the layout that its header states. Raises LayoutError for any other file, OSError."""
        with path.open("rb") as file:
            header = file.read(HEADER_STRUCT_BYTES)
            layout, identity = read_header(header, os.fstat(file.fileno()).st_size)
        return cls(path, layout, identity)

    @property
    def run_dir(self) -> Path:
        """Where the processes that use the file hold their locks: the folder `run` beside it."""
        return self.path.parent / "run"

    @property
    def draining(self) -> bool:
        """Set by the supervisor when no new work shall begin."""
        return self.region.load(DRAINING_AT) != 0

    @draining.setter
    def draining(self, value: bool) -> None:
        self.region.store(DRAINING_AT, int(value))

    @property
    def generation(self) -> int:
        """Counts rebuilds of configuration or keys; a worker that sees another number than before reads anew what it keeps."""
        return self.region.load(GENERATION_AT)

    def bump_generation(self) -> int:
        """Announces a rebuild. Control plane only. Returns the new number."""
        return self.region.add(GENERATION_AT, 1)

    def close(self) -> None:
        """Unmaps the file. A second call does nothing."""
        self.region.close()

    def __repr__(self) -> str:
        return f"<SharedFile {self.path} {self.layout}>"
