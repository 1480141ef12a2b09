"""The pure twin of region.c: an existing file mapped shared, and words in it.

A word is eight bytes stored by one `memoryview` assignment, which CPython compiles to one machine store. Order between stores
is the processor's own: x86-64 keeps it, and on machines that do not (ARM) the extension should be used. What must be atomic
between processes (`add`, `compare_swap`) holds a lock on the word's bytes in the file, so a deployment must not mix both twins
on one file.
"""

import fcntl
import mmap
import os
import threading

WORD_MASK = (1 << 64) - 1
# Locks of fcntl belong to the process, not to the thread, and any close of the file in the same process drops them.
_process_lock = threading.Lock()


class Words:
    """A file's bytes and words.

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

    def release_pages(self) -> None:
        """Gives back the pages that this process has touched. The file keeps what stands in them, and whoever looks again finds
        it: a shared mapping is only a view of the file.
        """
        self._check_open()
        self._map.madvise(mmap.MADV_DONTNEED)

    def read(self, offset: int, length: int) -> bytes:
        """A copy of `length` bytes."""
        self._check_span(offset, length)
        return self._map[offset : offset + length]

    def write(self, offset: int, data: bytes) -> None:
        """Copies `data` in. Readers may see half of it: publish it with a `store` afterwards."""
        check_bytes(data)
        self._check_span(offset, len(data))
        self._map[offset : offset + len(data)] = data

    def load(self, offset: int) -> int:
        """The word at `offset`; everything its writer stored before it is visible after."""
        return self._words[self._word(offset)]

    def store(self, offset: int, value: int) -> None:
        """Publishes a word, and with it everything written before."""
        index = self._word(offset)
        check_value(value)
        self._words[index] = value

    def bump(self, offset: int, delta: int) -> None:
        """Adds to a word that has one single writer: not atomic against others, cheaper than `add`. Wraps at 2^64."""
        index = self._word(offset)
        self._words[index] = (self._words[index] + delta) & WORD_MASK

    def add(self, offset: int, delta: int) -> int:
        """Adds to a word atomically between processes and threads, wrapping at 2^64. Returns the new value."""
        index = self._word(offset)
        with _process_lock:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX, 8, offset)
            try:
                value = (self._words[index] + delta) & WORD_MASK
                self._words[index] = value
            finally:
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 8, offset)
        return value

    def compare_swap(self, offset: int, expected: int, new: int) -> bool:
        """Stores `new` if the word is `expected`, atomically between processes and threads. Tells whether it did."""
        index = self._word(offset)
        check_value(expected)
        check_value(new)
        with _process_lock:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX, 8, offset)
            try:
                if self._words[index] != expected:
                    return False
                self._words[index] = new
            finally:
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 8, offset)
        return True

    def _word(self, offset: int) -> int:
        if 0 <= offset < self._word_limit and not offset & 7:
            return offset >> 3
        self._check_open()
        if not 0 <= offset <= self.size - 8:
            raise IndexError("the word is out of bounds")
        raise ValueError("the word is not 8-aligned")

    def _check_span(self, offset: int, length: int) -> None:
        self._check_open()
        if not (0 <= offset <= self.size and 0 <= length <= self.size - offset):
            raise IndexError("the span is out of bounds")

    def _check_open(self) -> None:
        if self._descriptor < 0:
            raise ValueError("the region is closed")


def check_value(value: int) -> None:
    if not isinstance(value, int):
        raise TypeError("an integer is expected")
    if not 0 <= value <= WORD_MASK:
        raise OverflowError("a word holds 0 to 2^64 - 1")


def check_bytes(data: bytes) -> None:
    if not isinstance(data, bytes):
        raise TypeError("bytes are expected")
