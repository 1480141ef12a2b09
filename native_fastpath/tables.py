"""The pure twin of tables.c: the key table, rings and rows.

Bytes are copied first and a word is stored last, so that who sees the word sees the bytes.
"""

from native_fastpath.words import WORD_MASK, Words, check_bytes, check_value

KEY_USED = 1
ROW_HEADER = 64
RING_HEADER = 192


class Tables(Words):
    """Tables of which one process writes and others read."""

    __slots__ = ()

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
        check_bytes(digest)
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
        check_bytes(record)
        if not record or len(record) & 7 or len(record) > record_size:
            raise ValueError(f"a record of this ring has whole words and up to {record_size} bytes")
        if (head - tail) & WORD_MASK == capacity:
            return False
        slot = self._slot(ring_offset, head, capacity, record_size)
        end = slot + 8 + len(record)
        self._map[slot + 8 : end] = record
        if len(record) < record_size:
            self._words[end >> 3] = 0
        self._words[slot >> 3] = self._words[ring_offset >> 3] = (head + 1) & WORD_MASK
        return True

    def ring_read(self, ring_offset: int, limit: int) -> list[bytes]:
        """Up to `limit` oldest records, without taking them out. ValueError when the first of them is not what was appended."""
        head, tail, capacity, record_size = self._ring(ring_offset)
        records: list[bytes] = []
        for number in range(tail, tail + min((head - tail) & WORD_MASK, limit)):
            slot = self._slot(ring_offset, number, capacity, record_size)
            if self._words[slot >> 3] != (number + 1) & WORD_MASK:
                if not records:
                    raise ValueError("the ring is damaged: a record has the wrong sequence")
                break
            records.append(self._map[slot + 8 : slot + 8 + record_size])
        return records

    def ring_release(self, ring_offset: int, count: int) -> None:
        """Takes the `count` oldest records out. One single consumer."""
        head, tail, _, _ = self._ring(ring_offset)
        if not 0 <= count <= (head - tail) & WORD_MASK:
            raise ValueError("more records released than the ring holds")
        self._words[(ring_offset + 64) >> 3] = (tail + count) & WORD_MASK

    def ring_free(self, ring_offset: int) -> int:
        """Places left for `ring_append`."""
        head, tail, capacity, _ = self._ring(ring_offset)
        return capacity - ((head - tail) & WORD_MASK)

    def row_open(self, offset: int, epoch: int, payload: bytes) -> None:
        """Fills a free row and publishes it under `epoch` (not zero). ValueError when the row is not free.

        A row is {u64 state, u64 output bytes, u64 events, u64 copy} and, from 64 on, two copies of the payload.
        """
        index = self._row(offset, payload)
        check_value(epoch)
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
        check_value(output_bytes)
        check_value(events)
        self._words[index + 1] = output_bytes
        self._words[index + 2] = events

    def row_close(self, offset: int) -> None:
        """Frees the row."""
        self._words[self._word(offset)] = 0

    def _row(self, offset: int, payload: bytes) -> int:
        index = self._word(offset)
        check_bytes(payload)
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
        if (head - tail) & WORD_MASK > capacity:
            raise ValueError("the ring is damaged: its header makes no sense")
        return head, tail, capacity, record_size

    @staticmethod
    def _slot(ring_offset: int, number: int, capacity: int, record_size: int) -> int:
        return ring_offset + RING_HEADER + (number & (capacity - 1)) * (record_size + 8)
