"""Lease: the right to one call with one credential, and the duty to say what came of it.

Owns what a call reports: the head of its answer, its first content, its end. Every report may move states; which and where to is
`standing`'s business. A lease ends once; whatever is reported after that is ignored.
"""

from typing import TYPE_CHECKING, Final

from gateway.state.credentials import Tally
from gateway.upstream.pool import headroom, names
from gateway.upstream.pool.reading import Told
from gateway.upstream.pool.seats import Seat
from gateway.upstream.pool.standing import DRAINED, MOVES, NO_WAIT_GIVEN, Ending, Scope, moved, pack, unpack
from native_fastpath import Region

if TYPE_CHECKING:
    from gateway.upstream.pool.pool import Lanes, Pool

ROOM_PLENTY: Final = 0.5
# Reading the meters takes 15 us, so not every answer's are read; more often when there is little room left.
READ_AGAIN_MS, READ_SOON_MS = 100, 5
SWAP_TRIES: Final = 64
ACCOUNT_HEADERS: Final = (b"anthropic-organization-id", b"openai-organization")
_IN_FLIGHT, _FIRST_TOKENS, _FIRST_TOKEN_US = int(Tally.IN_FLIGHT), int(Tally.FIRST_TOKENS), int(Tally.FIRST_TOKEN_US)
_CACHE_READ, _CACHE_WRITE = int(Tally.CACHE_READ_TOKENS), int(Tally.CACHE_WRITE_TOKENS)
_FINE_TALLY: Final = int(Tally.FINE)
_TALLY_OF: Final[dict[Ending, int]] = {
    Ending.FINE: int(Tally.FINE),
    Ending.ANSWERED: int(Tally.ANSWERED),
    Ending.LIMITED: int(Tally.LIMITED),
    Ending.REFUSED: int(Tally.REFUSED),
    Ending.FORBIDDEN: int(Tally.REFUSED),
    Ending.UNPAID: int(Tally.UNPAID),
    Ending.OVERLOADED: int(Tally.OVERLOADED),
    Ending.FAILED: int(Tally.FAILED),
    Ending.UNREACHABLE: int(Tally.FAILED),
}
_BAD: Final = frozenset({Ending.OVERLOADED, Ending.FAILED, Ending.UNREACHABLE})

Headers = list[tuple[bytes, bytes]]


class Lease:
    """One call under way. `credential` is the place in the provider's pool; `is_probe` says that others wait for its outcome.
    `choice` is the note of what the pick compared (`pool.choice`); empty when there was nothing to compare."""

    __slots__ = ("_ended", "_lanes", "_pool", "_probes", "_proved", "_seat", "_states", "choice", "credential", "is_probe")

    def __init__(
        self,
        pool: "Pool",
        lanes: "Lanes",
        seat: Seat,
        states: tuple[int, int, int, int],
        probes: tuple[int, int, int, int],
    ) -> None:
        self.credential = seat.credential.place
        self.choice = b""
        self.is_probe = probes != (0, 0, 0, 0)
        self._pool = pool
        self._lanes = lanes
        self._seat = seat
        self._states = states  # offsets, by Scope
        self._probes = probes  # the words that this call's probes were begun with, by Scope
        self._proved = False
        self._ended = False

    def head(self, status: int, pairs: Headers, now_ms: int, wall_ns: int) -> None:
        """The head of the answer has come: its rate limits are noted. `pairs` have names in lower case."""
        seat = self._seat
        if status >= 400 or now_ms >= seat.read_ms:
            meters = headroom.read(pairs, now_ms, wall_ns)
            if meters:
                seat.note_meters(meters, now_ms)
            self._note_account(pairs)
            plenty = not meters or seat.room(now_ms) > ROOM_PLENTY
            seat.read_ms = now_ms + (READ_AGAIN_MS if plenty else READ_SOON_MS)

    def content(self, now_ms: int) -> None:
        """The answer has begun to say something: who answers is well. Called once, and not at all for what is no success."""
        if self._proved or self._ended:
            return
        self._proved = True
        load = self._pool.region.load
        first, second, third, fourth = self._states
        if load(first) or load(second) or load(third) or load(fourth):
            self._move(Ending.FINE, NO_WAIT_GIVEN, now_ms)
        if not self._lanes.settled:
            self._pool.settle(self._lanes)

    def end(
        self,
        told: Told,
        now_ms: int,
        *,
        first_token_us: int = 0,
        stream_us: int = 0,
        output_tokens: int = 0,
        cache_read_tokens: int = 0,
        cache_write_tokens: int = 0,
    ) -> None:
        """Gives the lease back. The figures are those of an answer that was delivered; 0 stands for unknown.

        `stream_us` is the time from the first content to the last. An end with a `told` that is not fine after content has come
        counts against whoever answered, as it should.
        """
        if self._ended:
            return
        ending = told.ending
        if ending is Ending.FINE:
            self.content(now_ms)
        self._ended = True
        seat, credential = self._seat, self._seat.credential
        credential.in_flight -= 1
        credential.tally(_IN_FLIGHT, -1)
        if ending is Ending.FINE:
            credential.tally(_FINE_TALLY, 1)
            seat.note_success(True)
            if first_token_us > 0:
                credential.tally(_FIRST_TOKENS, 1)
                credential.tally(_FIRST_TOKEN_US, first_token_us)
                tokens_per_s = output_tokens * 1_000_000_000 // stream_us if stream_us > 0 else 0
                seat.note_speed(first_token_us, tokens_per_s)
            if cache_read_tokens > 0:
                credential.tally(_CACHE_READ, cache_read_tokens)
            if cache_write_tokens > 0:
                credential.tally(_CACHE_WRITE, cache_write_tokens)
            return
        if ending in _TALLY_OF:
            credential.tally(_TALLY_OF[ending], 1)
        if ending in _BAD:
            seat.note_success(False)
        if told.text:
            seat.words = told.text
        self._move(ending, told.wait_ms, now_ms)
        if ending is Ending.UNPAID:
            self._pool.note_unpaid(credential, now_ms)

    def _move(self, ending: Ending, wait_ms: int, now_ms: int) -> None:
        """Puts the ending to all four states."""
        region = self._pool.region
        for scope in Scope:
            move_word(region, self._states[scope], scope, ending, now_ms, wait_ms, self._probes[scope])

    def _note_account(self, pairs: Headers) -> None:
        for name, value in pairs:
            if name in ACCOUNT_HEADERS:
                credential = self._seat.credential
                number = names.account(value)
                if number != credential.account:
                    credential.account = number
                    self._pool.region.store(credential.account_at, number)
                return

    def __repr__(self) -> str:
        what = "ended" if self._ended else "probe" if self.is_probe else "open"
        return f"<Lease of credential {self.credential} {what}>"


def move_word(region: Region, at: int, scope: Scope, ending: Ending, now_ms: int, wait_ms: int, probe: int) -> None:
    """Moves the state in a word, whoever else moves it meanwhile. `probe` is the word of this call's own probe, or 0."""
    for _ in range(SWAP_TRIES):
        word = region.load(at)
        mark = word & DRAINED
        if word == mark and ending not in MOVES[scope]:
            return
        state = unpack(word)
        after = moved(state, scope, ending, now_ms, wait_ms=wait_ms, is_probe=probe != 0 and word & ~DRAINED == probe)
        if after == state or region.compare_swap(at, word, pack(after) | mark):
            return
