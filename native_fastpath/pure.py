"""The pure-Python twin of `_native.c`: the same names, arguments, results and exceptions, no compiler needed.

Owns the meaning of every operation on a mapped file; knows nothing of what the bytes stand for. A word is eight bytes stored
by one `memoryview` assignment, which CPython compiles to one machine store. Order between stores is the processor's own:
x86-64 keeps it, and on machines that do not (ARM) the extension should be used. What must be atomic between processes (`add`,
`compare_swap`) holds a lock on the word's bytes in the file, so a deployment must not mix both twins on one file.
"""

import fcntl
import mmap
import os
import threading

from native_fastpath.headers import sort_headers as sort_headers
from native_fastpath.sampling import weigh as weigh
from native_fastpath.scan import members as members

KEY_USED = 1
ROW_HEADER = 64
RING_HEADER = 192

_WORD_MASK = (1 << 64) - 1
# Locks of fcntl belong to the process, not to the thread, and any close of the file in the same process drops them.
_process_lock = threading.Lock()


class Region:
    """An existing file of exactly `size` bytes, mapped shared, for reading and writing.

    Offsets are in bytes from the start of the file. Out of bounds is IndexError, a word that is not 8-aligned is ValueError,
    a value that does not fit a word is OverflowError, anything but an integer is TypeError. After `close` every call is a
    ValueError.
    """

    __slots__ = ("_descriptor", "_map", "_word_limit", "_words", "size")

    def __init__(self, path: str | os.PathLike[str], size: int) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor).st_size
            if size <= 0 or found != size:
                raise ValueError(f"the file has {found} bytes, not {size}")
            self._map = mmap.mmap(descriptor, size)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        self._word_limit = size & ~7
        self._words = memoryview(self._map)[: self._word_limit].cast("Q")
        self.size = size

    def __repr__(self) -> str:
        return f"<Region {self.size} bytes>" if self._descriptor >= 0 else "<Region closed>"

    def close(self) -> None:
        """Unmaps the file. A second call does nothing."""
        if self._descriptor < 0:
            return
        with _process_lock:
            self._words.release()
            self._map.close()
            os.close(self._descriptor)
        self._descriptor = -1
        self._word_limit = -1

    def read(self, offset: int, length: int) -> bytes:
        """A copy of `length` bytes."""
        self._check_span(offset, length)
        return self._map[offset : offset + length]

    def write(self, offset: int, data: bytes) -> None:
        """Copies `data` in. Readers may see half of it: publish it with a `store` afterwards."""
        _check_bytes(data)
        self._check_span(offset, len(data))
        self._map[offset : offset + len(data)] = data

    def load(self, offset: int) -> int:
        """The word at `offset`; everything its writer stored before it is visible after."""
        return self._words[self._word(offset)]

    def store(self, offset: int, value: int) -> None:
        """Publishes a word, and with it everything written before."""
        index = self._word(offset)
        _check_value(value)
        self._words[index] = value

    def bump(self, offset: int, delta: int) -> None:
        """Adds to a word that has one single writer: not atomic against others, cheaper than `add`. Wraps at 2^64."""
        index = self._word(offset)
        self._words[index] = (self._words[index] + delta) & _WORD_MASK

    def add(self, offset: int, delta: int) -> int:
        """Adds to a word atomically between processes and threads, wrapping at 2^64. Returns the new value."""
        index = self._word(offset)
        with _process_lock:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX, 8, offset)
            try:
                value = (self._words[index] + delta) & _WORD_MASK
                self._words[index] = value
            finally:
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 8, offset)
        return value

    def compare_swap(self, offset: int, expected: int, new: int) -> bool:
        """Stores `new` if the word is `expected`, atomically between processes and threads. Tells whether it did."""
        index = self._word(offset)
        _check_value(expected)
        _check_value(new)
        with _process_lock:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX, 8, offset)
            try:
                if self._words[index] != expected:
                    return False
                self._words[index] = new
            finally:
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 8, offset)
        return True

    def find_key(self, table_offset: int, capacity: int, row_size: int, digest: bytes) -> int:
        """The offset of the row that holds `digest`, or -1.

        Open addressing: a row is {u64 state, 32-byte digest, ...}; linear probing from the first 8 bytes of the digest
        (little-endian) modulo `capacity`, a power of two. State 0 was never used and ends the probe, 1 is a row, anything
        else is passed over.
        """
        self._word(table_offset)
        if not 1 <= capacity <= 1 << 32 or capacity & (capacity - 1) or not 40 <= row_size <= 1 << 32 or row_size & 7:
            raise ValueError("a key table has a power of two of rows of 8-aligned size")
        if capacity * row_size > self.size - table_offset:
            raise IndexError("the key table is out of bounds")
        _check_bytes(digest)
        if len(digest) != 32:
            raise ValueError("a digest has 32 bytes")
        index = int.from_bytes(digest[:8], "little") & (capacity - 1)
        for _ in range(capacity):
            row = table_offset + index * row_size
            state = self._words[row >> 3]
            if state == 0:
                return -1
            if state == KEY_USED and self._map[row + 8 : row + 40] == digest:
                return row
            index = (index + 1) & (capacity - 1)
        return -1

    def ring_append(self, ring_offset: int, record: bytes) -> bool:
        """Appends one record; False when the ring is full. One single producer.

        A record may be shorter than its place, by whole words: a word of zero follows it then, and behind that lies what was
        there before.

        A ring is {u64 head at 0, u64 tail at 64, u64 capacity at 128, u64 record size at 136}, slots from 192 on, each {u64
        sequence, record}. Head and tail count records since the beginning; the record number n lies in slot n modulo capacity
        and has sequence n + 1. Head is stored last: a producer that dies half-way has appended nothing.
        """
        head, tail, capacity, record_size = self._ring(ring_offset)
        _check_bytes(record)
        if not record or len(record) & 7 or len(record) > record_size:
            raise ValueError(f"a record of this ring has whole words and up to {record_size} bytes")
        if (head - tail) & _WORD_MASK == capacity:
            return False
        slot = ring_offset + RING_HEADER + (head & (capacity - 1)) * (record_size + 8)
        end = slot + 8 + len(record)
        self._map[slot + 8 : end] = record
        if len(record) < record_size:
            self._words[end >> 3] = 0
        self._words[slot >> 3] = self._words[ring_offset >> 3] = (head + 1) & _WORD_MASK
        return True

    def ring_read(self, ring_offset: int, limit: int) -> list[bytes]:
        """Up to `limit` oldest records, without taking them out. ValueError when the first of them is not what was appended."""
        head, tail, capacity, record_size = self._ring(ring_offset)
        records: list[bytes] = []
        for number in range(tail, tail + min((head - tail) & _WORD_MASK, limit)):
            slot = ring_offset + RING_HEADER + (number & (capacity - 1)) * (record_size + 8)
            if self._words[slot >> 3] != (number + 1) & _WORD_MASK:
                if not records:
                    raise ValueError("the ring is damaged: a record has the wrong sequence")
                break
            records.append(self._map[slot + 8 : slot + 8 + record_size])
        return records

    def ring_release(self, ring_offset: int, count: int) -> None:
        """Takes the `count` oldest records out. One single consumer."""
        head, tail, _, _ = self._ring(ring_offset)
        if not 0 <= count <= (head - tail) & _WORD_MASK:
            raise ValueError("more records released than the ring holds")
        self._words[(ring_offset + 64) >> 3] = (tail + count) & _WORD_MASK

    def ring_free(self, ring_offset: int) -> int:
        """Places left for `ring_append`."""
        head, tail, capacity, _ = self._ring(ring_offset)
        return capacity - ((head - tail) & _WORD_MASK)

    def row_open(self, offset: int, epoch: int, payload: bytes) -> None:
        """Fills a free row and publishes it under `epoch` (not zero). ValueError when the row is not free.

        A row is {u64 state, u64 output bytes, u64 events, u64 copy} and, from 64 on, two copies of the payload.
        """
        index = self._row(offset, payload)
        _check_value(epoch)
        if epoch == 0:
            raise ValueError("an epoch is not zero")
        if self._words[index] != 0:
            raise ValueError("the row is not free")
        self._map[offset + ROW_HEADER : offset + ROW_HEADER + len(payload)] = payload
        self._words[index + 1] = 0
        self._words[index + 2] = 0
        self._words[index + 3] = 0
        self._words[index] = epoch

    def row_rewrite(self, offset: int, payload: bytes) -> None:
        """Replaces the payload of an open row by one of the same length: readers see the old or the new one, never a mixture."""
        index = self._row(offset, payload)
        if self._words[index] == 0:
            raise ValueError("the row is free")
        copy = 1 - (self._words[index + 3] & 1)
        start = offset + ROW_HEADER + copy * len(payload)
        self._map[start : start + len(payload)] = payload
        self._words[index + 3] = copy

    def row_progress(self, offset: int, output_bytes: int, events: int) -> None:
        """Stores how far the row's answer has come; totals, not differences."""
        index = self._word(offset)
        if self.size - offset < ROW_HEADER:
            raise IndexError("the row is out of bounds")
        _check_value(output_bytes)
        _check_value(events)
        self._words[index + 1] = output_bytes
        self._words[index + 2] = events

    def row_close(self, offset: int) -> None:
        """Frees the row."""
        self._words[self._word(offset)] = 0

    def _word(self, offset: int) -> int:
        if 0 <= offset < self._word_limit and not offset & 7:
            return offset >> 3
        self._check_open()
        if not 0 <= offset <= self.size - 8:
            raise IndexError("the word is out of bounds")
        raise ValueError("the word is not 8-aligned")

    def _row(self, offset: int, payload: bytes) -> int:
        index = self._word(offset)
        _check_bytes(payload)
        if self.size - offset < ROW_HEADER + 2 * len(payload):
            raise IndexError("the row is out of bounds")
        return index

    def _ring(self, ring_offset: int) -> tuple[int, int, int, int]:
        """Head, tail, capacity and record size, proved to describe a ring inside the region."""
        index = self._word(ring_offset)
        if self.size - ring_offset < RING_HEADER:
            raise IndexError("the ring is out of bounds")
        head, tail, capacity, record_size = (self._words[index + word] for word in (0, 8, 16, 17))
        if capacity < 1 or capacity & (capacity - 1) or record_size & 7:
            raise ValueError("the ring is damaged: its header makes no sense")
        if capacity * (record_size + 8) > self.size - ring_offset - RING_HEADER:
            raise ValueError("the ring is damaged: its header makes no sense")
        if (head - tail) & _WORD_MASK > capacity:
            raise ValueError("the ring is damaged: its header makes no sense")
        return head, tail, capacity, record_size

    def _check_span(self, offset: int, length: int) -> None:
        self._check_open()
        if not (0 <= offset <= self.size and 0 <= length <= self.size - offset):
            raise IndexError("the span is out of bounds")

    def _check_open(self) -> None:
        if self._descriptor < 0:
            raise ValueError("the region is closed")


def _check_value(value: int) -> None:
    if not 0 <= value <= _WORD_MASK:
        raise OverflowError("a word holds 0 to 2^64 - 1")


def _check_bytes(data: bytes) -> None:
    if not isinstance(data, bytes):
        raise TypeError("bytes are expected")
