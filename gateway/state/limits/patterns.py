"""Classes of models: which limits count a request for a model, and which keys may make it.

A limit names one class by a bit, a key's list of models several: 0 for all models, one for each line of models, and from 8 on
one for each pattern, whose text stands in a small table in the shared file. A model's mask has the bits of all classes that it
belongs to. The control plane writes the table, everybody reads it; a word in the header counts its changes.
"""

from collections.abc import Callable, Collection
from typing import Final

from gateway.state.layout import PATTERN_BYTES, PATTERN_GENERATION_AT, PATTERNS_MAX, Layout
from native_fastpath import Region

CLASS_BITS: Final = {"all": 0, "opus": 1, "sonnet": 2, "haiku": 3, "fable": 4, "mythos": 5, "other": 6}
FIRST_PATTERN_BIT: Final = 8
MASKS_REMEMBERED_MAX: Final = 4096  # clients choose model names


class PatternsFullError(Exception):
    """Every place for a pattern is in use."""


class PatternTable:
    """The patterns in the shared file."""

    __slots__ = ("_at", "_region")

    def __init__(self, region: Region, layout: Layout) -> None:
        self._region = region
        self._at = layout.patterns_at

    @property
    def generation(self) -> int:
        """Another number means other patterns."""
        return self._region.load(PATTERN_GENERATION_AT)

    def texts(self) -> dict[int, str]:
        """Every pattern by its bit."""
        raw = self._region.read(self._at, PATTERNS_MAX * PATTERN_BYTES)
        places = (raw[start : start + PATTERN_BYTES].rstrip(b"\0") for start in range(0, len(raw), PATTERN_BYTES))
        return {bit: text.decode("utf-8", "replace") for bit, text in enumerate(places, FIRST_PATTERN_BIT) if text}

    def bit(self, text: str, in_use: Callable[[], Collection[int]]) -> int:
        """The bit of a pattern, which gets a place if it has none: a free one, else one whose bit is not `in_use`.

        Control plane only. Raises ValueError for a text that is empty, has NUL or more than 64 bytes, PatternsFullError.
        """
        raw = text.encode()
        if not raw or len(raw) > PATTERN_BYTES or b"\0" in raw:
            raise ValueError(f"a pattern has 1 to {PATTERN_BYTES} bytes")
        present = self.texts()
        for bit, known in present.items():
            if known == text:
                return bit
        places = range(FIRST_PATTERN_BIT, FIRST_PATTERN_BIT + PATTERNS_MAX)
        free = [bit for bit in places if bit not in present]
        if not free:
            used = in_use()
            free = [bit for bit in places if bit not in used]
        if not free:
            raise PatternsFullError(f"all {PATTERNS_MAX} places for patterns are in use by limits and keys")
        self._region.write(self._at + (free[0] - FIRST_PATTERN_BIT) * PATTERN_BYTES, raw.ljust(PATTERN_BYTES, b"\0"))
        self._region.add(PATTERN_GENERATION_AT, 1)
        return free[0]


class ClassMasks:
    """A worker's memory of masks, good until the patterns change."""

    __slots__ = ("_generation", "_masks", "_patterns", "_table")

    def __init__(self, region: Region, layout: Layout) -> None:
        self._table = PatternTable(region, layout)
        self._masks: dict[tuple[str, str], int] = {}
        self._patterns: dict[int, str] = {}
        self._generation = 0

    def of(self, model_name: str, line: str) -> int:
        """The mask of a model: bit 0, the bit of its line, and the bits of all patterns that match its name."""
        generation = self._table.generation
        if generation != self._generation:
            # The number is read before the texts: a change in between is seen by the next call.
            self._patterns = self._table.texts()
            self._masks.clear()
            self._generation = generation
        mask = self._masks.get((model_name, line))
        if mask is None:
            if len(self._masks) >= MASKS_REMEMBERED_MAX:
                self._masks.clear()
            mask = 1 | 1 << CLASS_BITS.get(line, CLASS_BITS["other"])
            for bit, pattern in self._patterns.items():
                mask |= matches(pattern, model_name) << bit
            self._masks[model_name, line] = mask
        return mask


def matches(pattern: str, name: str) -> bool:
    """Whether a name fits a pattern in which `*` stands for any text. Takes no longer for hostile names or patterns."""
    first, *rest = pattern.split("*")
    if not rest:
        return name == first
    *middle, last = rest
    if len(name) < len(first) + len(last) or not (name.startswith(first) and name.endswith(last)):
        return False
    position, end = len(first), len(name) - len(last)
    for part in middle:
        position = name.find(part, position, end)
        if position < 0:
            return False
        position += len(part)
    return True
