"""Choice: what a pick compared, as a note of a few bytes that travels with the settlement of the call.

Owns the form of the note, in both directions. Refuses to know how keys are compared, which one was taken (the settlement names
it) and who keeps the note. A pick of a provider with one key compares nothing, and makes none. When nothing can be picked, a note
says how each key stood instead.

A note has six bytes for each key, in the order in which they were looked at: how it stood and whether the conversation's prompt
is warm there, its place, calls under way, score. Keys with a score always have a part of the note; of those that were passed over
as many as find room. The first byte of a part is never 0, so what stands behind the last part is told apart from it.
"""

from collections.abc import Iterator
from struct import Struct, error
from typing import Final, NamedTuple

from gateway.state.layout import CHOICE_BYTES
from gateway.upstream.pool.standing import Reason

# How a key stood, where it is no Reason for which it was out. The numbers stand in stored notes: never renumber, only add.
DUE: Final = 8  # its time was over: the call was a probe, if it was taken
PROBING: Final = 9  # another call's probe was under way
DRAINED: Final = 10
FULL: Final = 11  # at the most calls that one key of the provider may have at a time
TRIED: Final = 12  # by this very call, or lost to other workers time and again
WORDS: Final = {int(reason): reason.word for reason in Reason} | {
    DUE: "due",
    PROBING: "probing",
    DRAINED: "drained",
    FULL: "full",
    TRIED: "tried",
}

SCORE_ONE: Final = 16_000  # a warm prompt makes a score up to four times as high, and it still has room
_FIGURES_MAX: Final = 24  # a part is three figures of 16 bits
_NONE: Final = 0xFFFF  # not looked at, or nothing to compare
_THERE: Final = 0x80
_WARM: Final = 0x40
_STANDING: Final = 0x0F
_FORMS: Final = tuple(Struct(f"<{3 * parts}H") for parts in range(_FIGURES_MAX // 3 + 1))
_PART: Final = Struct("<BBHH")
assert 2 * _FIGURES_MAX == CHOICE_BYTES


class Considered(NamedTuple):
    """A key that a pick looked at. `standing` is a word of WORDS; `in_flight` is None where it was passed over before its calls
    were counted, `score` where it was not compared. A `warm` key's score is as it was compared: raised for the conversation."""

    place: int
    standing: str
    warm: bool
    in_flight: int | None
    score: float | None


class Choice:
    """What one pick looks at. A pool has one of these and begins it anew for each pick."""

    __slots__ = ("_figures",)

    def __init__(self) -> None:
        self._figures: list[int] = []

    def begin(self) -> None:
        self._figures.clear()

    def passed_over(self, place: int, standing: int, in_flight: int = _NONE) -> None:
        """Notes a key that can take no call; not when the note is full."""
        if len(self._figures) < _FIGURES_MAX:
            self._figures += (_THERE | standing | place << 8, in_flight, _NONE)

    def compared(self, place: int, is_due: bool, is_warm: bool, in_flight: int, score: float) -> None:
        """Notes a key with its score. Eight are compared at most, and each finds room, if need be that of one passed over."""
        figures = self._figures
        if len(figures) >= _FIGURES_MAX:
            self._make_room()
        head = _THERE | place << 8
        if is_due:
            head |= DUE
        if is_warm:
            head |= _WARM
        figures += (head, in_flight, int(score * SCORE_ONE + 0.5))

    def note(self) -> bytes:
        """The note of what was looked at since `begin`. Figures out of range are clamped to it."""
        figures = self._figures
        form = _FORMS[len(figures) // 3]
        try:
            return form.pack(*figures)
        except error:
            return form.pack(*(_clamped(place, figure) for place, figure in enumerate(figures)))

    def _make_room(self) -> None:
        """Drops the last of those that have no score."""
        figures = self._figures
        for at in range(_FIGURES_MAX - 3, -1, -3):
            if figures[at + 2] == _NONE:
                del figures[at : at + 3]
                return


def considered(note: bytes) -> list[Considered]:
    """What a note says. NUL bytes behind it may be missing, as settlements keep it; whatever follows the last part is not read,
    and a standing of a later version is one that it does not know: `failing`."""
    return list(_parts(note))


def _parts(note: bytes) -> Iterator[Considered]:
    for head, place, in_flight, score in _PART.iter_unpack(note[:CHOICE_BYTES].ljust(CHOICE_BYTES, b"\0")):
        if not head & _THERE:
            return
        yield Considered(
            place,
            WORDS.get(head & _STANDING, Reason.FAILING.word),
            bool(head & _WARM),
            None if in_flight == _NONE else in_flight,
            None if score == _NONE else score / SCORE_ONE,
        )


def _clamped(at: int, figure: int) -> int:
    """A figure as 16 bits can hold it. A place is cut to a byte, as in settlements; 65535 stands for none."""
    if at % 3 == 0:
        return figure & 0xFF | min(figure >> 8, 255) << 8
    return figure if figure == _NONE else min(max(figure, 0), _NONE - 1)
