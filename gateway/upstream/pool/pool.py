"""Pool: which credential of a provider carries the next call.

Owns the choice and the counting of what is under way. Refuses to know what a state means beyond out or not (`standing`), how
answers are read (`reading`), and which provider is tried next (`course`). Nothing here waits; a pick costs some microseconds.

A pick goes through the credentials in the order that the conversation prefers, passes over those that are out, drained, full or
already tried, and takes the one with the highest score: success x room under its limits x few calls under way. The first that can
be had is worth more than its score, because the conversation's prompt is warm there: the longer the prompt, the more calls it may
have under way beyond the others before the conversation leaves it. What was compared goes with the lease, as a note.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log2
from typing import Final

from gateway.catalog.providers import Provider
from gateway.state.credentials import LANE_STATE_AT, STATE_AT, USED_AT, CredentialTable, Tally, begin_leases
from gateway.state.pepper import Pepper
from gateway.state.shared import SharedFile
from gateway.state.workers import WorkerSlot
from gateway.upstream.pool import affinity, names
from gateway.upstream.pool.choice import DRAINED as TAKEN_OUT
from gateway.upstream.pool.choice import FULL, PROBING, TRIED, Choice
from gateway.upstream.pool.lease import Lease, move_word
from gateway.upstream.pool.names import Namer
from gateway.upstream.pool.seats import Credential, Seat
from gateway.upstream.pool.standing import DRAINED, NO_WAIT_GIVEN, Ending, Reason, Scope, State, due, pack, probing, unpack

ORDERS_REMEMBERED_MAX: Final = 8192
MODELS_REMEMBERED_MAX: Final = 1024  # names come from clients
CONSIDERED_MAX: Final = 8  # credentials that a pick compares; beyond that comparing more wins nothing
LOOK_AROUND_MS: Final = 500
WORKER_BEATS_NS: Final = 5_000_000_000  # a worker that has not shown for so long is no longer counted
BUSY_WAIT_MS = PROBED_WAIT_MS = 1_000
DRAINED_WAIT_MS: Final = 60_000
LOST_MAX: Final = 2  # how often a pick that lost against another worker looks again at the same credential
# A warm prompt is worth this much; twice that for every doubling of 16 kB, up to the most.
WARM_LEAST, WARM_MOST = 1.5, 4.0
WARM_BYTES: Final = 16_384

_REASON: Final = 15  # the bits of a state's word that are 0 when it is healthy
_IDLE: Final = 0.999  # a score that no other credential can beat
_PICKS, _PROBES, _KEPT, _MOVED = int(Tally.PICKS), int(Tally.PROBES), int(Tally.KEPT), int(Tally.MOVED)


@dataclass(frozen=True, slots=True)
class Wait:
    """Why nothing can be picked, and for how long. `reason` is a Reason's word, or `busy`, `drained` or `tried`; `words` are the
    upstream's own, when it was last limited or overloaded here; `note` is how each credential stood (`choice`)."""

    reason: str
    wait_ms: int
    words: str = ""
    note: bytes = b""


class Lanes:
    """The seats of all credentials at one model, and where the provider's state at that model lies.

    Until an upstream has answered for the model it is not `settled`: it shares a lane with others and may get its own any time.
    """

    __slots__ = ("model", "provider_state_at", "seats", "settled")

    def __init__(self, model: str, seats: list[Seat], provider_state_at: int, *, settled: bool) -> None:
        self.model = model
        self.seats = seats
        self.provider_state_at = provider_state_at
        self.settled = settled


class Pool:
    """One provider's credentials in one worker."""

    __slots__ = (
        "_choice",
        "_concurrency_max",
        "_credentials",
        "_distances",
        "_lanes",
        "_looked_ms",
        "_names",
        "_orders",
        "_others",
        "_provider_row",
        "_provider_state_at",
        "_rotations",
        "_table",
        "_turn",
        "_used_at",
        "_workers",
        "provider",
        "region",
    )

    def __init__(
        self, shared: SharedFile, slot: WorkerSlot, namer: Namer, provider: Provider, now_ms: int, boot: int = 0
    ) -> None:
        table, layout = shared.credentials, shared.layout
        boot = boot or names.boot()
        self.provider = provider.name
        self.region = shared.region
        self._table: CredentialTable = table
        self._concurrency_max = provider.concurrency_max
        self._provider_row = table.take(namer.provider(provider.name), boot, now_ms)
        self._provider_state_at = layout.credential_at(self._provider_row) + STATE_AT
        self._credentials: list[Credential] = []
        for place, secret in enumerate(provider.credentials):
            name = namer.credential(provider.name, secret.reveal())
            row = table.take(name, boot, now_ms)
            self._credentials.append(Credential(shared.region, layout, slot.index, place, name, row))
        rows = [self._provider_row, *(credential.row for credential in self._credentials)]
        self._used_at = [layout.credential_at(row) + USED_AT for row in rows]
        self._names = [credential.name for credential in self._credentials]
        own_leases_at = layout.lease_at(slot.index, 0)
        self._workers = shared.workers
        self._distances = {
            index: layout.lease_at(index, 0) - own_leases_at for index in range(layout.slots) if index != slot.index
        }
        self._others: list[int] = []
        self._looked_ms = -LOOK_AROUND_MS
        self._lanes: dict[str, Lanes] = {}
        self._orders: dict[int, tuple[int, ...]] = {}
        count = len(self._credentials)
        self._choice = Choice() if count > 1 else None
        self._rotations = [tuple((turn + place) % count for place in range(count)) for turn in range(count)]
        self._turn = 0

    def __len__(self) -> int:
        return len(self._credentials)

    def pick(self, model: str, key: int, now_ms: int, *, tried: int = 0, request_bytes: int = 0) -> Lease | None:
        """A lease of the best credential for a call to `model`, or None when there is none to be had: see `waiting`.

        `key` is the conversation's (`affinity.key_of`), 0 when it has none. `tried` has a bit set for each place that shall not
        be picked again. `now_ms` is the machine's monotonic clock. `request_bytes` weighs the prompt.
        """
        lanes = self._lanes.get(model)
        if lanes is None or not lanes.settled:
            lanes = self._open(model)
        if now_ms - self._looked_ms >= LOOK_AROUND_MS:
            self._look_around(now_ms)
        load = self.region.load
        whole, lane = load(self._provider_state_at), load(lanes.provider_state_at)
        healthy = not (whole | lane) & _REASON
        if not healthy and (_is_out(whole, now_ms) or _is_out(lane, now_ms)):
            return None
        order = self._order(key)
        for lost in range(len(order) + LOST_MAX):
            seat = self._best(lanes.seats, order, key, now_ms, tried, request_bytes)
            if seat is None:
                return None
            lease = self._lease(seat, lanes, now_ms, healthy)
            credential = seat.credential
            if lease is not None:
                credential.tally(_PICKS, 1)
                if key:
                    credential.tally(_KEPT if credential.place == order[0] else _MOVED, 1)
                if self._choice is not None:
                    lease.choice = self._choice.note()
                return lease
            credential.forget_load()
            if lost >= LOST_MAX:
                tried |= 1 << credential.place
        return None

    def waiting(self, model: str, now_ms: int, *, tried: int = 0) -> Wait:
        """Why `pick` finds nothing, and when it is worth asking again. 0 when another call took what there was just now."""
        lanes = self._lanes.get(model) or self._open(model)
        load = self.region.load
        looked_at = Choice()
        for at in (self._provider_state_at, lanes.provider_state_at):
            state = unpack(load(at))
            if state.is_out(now_ms):
                for seat in lanes.seats:
                    looked_at.passed_over(seat.credential.place, _why_out(state))
                return Wait(state.reason.word, _left_ms(state, now_ms), self._words(lanes, state.reason), looked_at.note())
        waits: list[Wait] = []
        for seat in lanes.seats:
            credential = seat.credential
            if tried >> credential.place & 1:
                looked_at.passed_over(credential.place, TRIED)
                continue
            word = load(credential.state_at)
            states = [unpack(word), unpack(load(seat.state_at))]
            out = [state for state in states if state.is_out(now_ms)]
            if word & DRAINED:
                looked_at.passed_over(credential.place, TAKEN_OUT)
                waits.append(Wait("drained", DRAINED_WAIT_MS))
            elif out:
                longest = max(out, key=lambda state: state.until_ms)
                looked_at.passed_over(credential.place, _why_out(longest))
                waits.append(Wait(longest.reason.word, _left_ms(longest, now_ms), seat.words))
            elif self._is_full(credential, now_ms):
                looked_at.passed_over(credential.place, FULL, credential.load(now_ms, self._others))
                waits.append(Wait("busy", BUSY_WAIT_MS))
            else:
                looked_at.passed_over(credential.place, TRIED)
                waits.append(Wait("busy", 0))
        soonest = min(waits, key=lambda wait: wait.wait_ms, default=Wait("tried", 0))
        return replace(soonest, note=looked_at.note())

    def note_unpaid(self, credential: Credential, now_ms: int) -> None:
        """One credential's account has no money: neither have the others of that account."""
        account = self.region.load(credential.account_at)
        for other in self._credentials:
            if account and other is not credential and self.region.load(other.account_at) == account:
                move_word(self.region, other.state_at, Scope.CREDENTIAL, Ending.UNPAID, now_ms, NO_WAIT_GIVEN, 0)

    def _best(
        self, seats: list[Seat], order: tuple[int, ...], key: int, now_ms: int, tried: int, request_bytes: int
    ) -> Seat | None:
        """The seat with the highest score of those that can be had."""
        load = self.region.load
        best: Seat | None = None
        best_score = -1.0
        considered = 0
        choice = self._choice
        if choice is not None:
            choice.begin()
        for place in order:
            if tried >> place & 1:
                if choice is not None:
                    choice.passed_over(place, TRIED)
                continue
            seat = seats[place]
            credential = seat.credential
            word, lane = load(credential.state_at), load(seat.state_at)
            if word & DRAINED:
                if choice is not None:
                    choice.passed_over(place, TAKEN_OUT)
                continue
            if (word | lane) & _REASON and (_is_out(word, now_ms) or _is_out(lane, now_ms)):
                if choice is not None:
                    choice.passed_over(place, _why_out(unpack(word if _is_out(word, now_ms) else lane)))
                continue
            if len(order) == 1 and not self._concurrency_max:
                return seat  # nothing to compare it with
            calls = credential.load(now_ms, self._others)
            if self._concurrency_max and calls >= self._concurrency_max:
                if choice is not None:
                    choice.passed_over(place, FULL, calls)
                continue
            score = seat.score(now_ms, calls, request_bytes)
            is_warm = key != 0 and considered == 0
            if is_warm:
                score *= _warmth(request_bytes)
            if choice is not None:
                choice.compared(place, (word | lane) & _REASON != 0, is_warm, calls, score)
            if score > best_score:
                best, best_score = seat, score
            considered += 1
            if best_score >= _IDLE or considered == CONSIDERED_MAX:
                break
        return best

    def _lease(self, seat: Seat, lanes: Lanes, now_ms: int, healthy: bool) -> Lease | None:
        """A lease of this seat, with the probes it needs; None when another worker was faster."""
        region, credential = self.region, seat.credential
        states = (credential.state_at, seat.state_at, self._provider_state_at, lanes.provider_state_at)
        probes = (0, 0, 0, 0)
        if not healthy or (region.load(credential.state_at) | region.load(seat.state_at)) & _REASON:
            begun: list[int] = []
            for at in states:
                probe = self._begin_probe(at, now_ms)
                if probe < 0:
                    self._give_up(states, begun, now_ms)
                    return None
                begun.append(probe)
            probes = (begun[0], begun[1], begun[2], begun[3])
            if any(begun):
                credential.tally(_PROBES, 1)
        credential.in_flight += 1
        if self._concurrency_max:
            # Counted first and looked at after, by a full barrier: of two that want the last place at least one sees both.
            region.add(credential.in_flight_at, 1)
            if credential.in_flight + self._count_others(credential, now_ms) > self._concurrency_max:
                region.add(credential.in_flight_at, -1)
                credential.in_flight -= 1
                self._give_up(states, list(probes), now_ms)
                return None
        else:
            credential.tally(0, 1)
        return Lease(self, lanes, seat, states, probes)

    def _begin_probe(self, at: int, now_ms: int) -> int:
        """The word of a probe begun here, 0 when none is needed, -1 when the state is out or somebody else was faster."""
        word = self.region.load(at)
        if not word & _REASON:
            return 0
        state = unpack(word)
        if state.is_out(now_ms):
            return -1
        probe = pack(probing(state, now_ms))
        return probe if self.region.compare_swap(at, word, probe | word & DRAINED) else -1

    def _give_up(self, states: Sequence[int], begun: Sequence[int], now_ms: int) -> None:
        """Takes back probes that will not be made."""
        for at, probe in zip(states, begun, strict=False):
            if probe:
                mark = self.region.load(at) & DRAINED
                self.region.compare_swap(at, probe | mark, pack(due(unpack(probe), now_ms)) | mark)

    def _is_full(self, credential: Credential, now_ms: int) -> bool:
        return bool(self._concurrency_max) and credential.load(now_ms, self._others) >= self._concurrency_max

    def _order(self, key: int) -> tuple[int, ...]:
        if not key or len(self._rotations) == 1:
            # Nothing is warm anywhere: who comes first takes turns.
            self._turn = (self._turn + 1) % len(self._rotations)
            return self._rotations[self._turn]
        order = self._orders.get(key)
        if order is None:
            if len(self._orders) >= ORDERS_REMEMBERED_MAX:
                self._orders.clear()
            order = self._orders[key] = affinity.order(key, self._names)
        return order

    def settle(self, lanes: Lanes) -> None:
        """An upstream has answered for the model: it gets lanes of its own, if there are any left.

        A state that it came to in the shared ones stays there.
        """
        lanes.settled = True
        self._open(lanes.model, take=True)

    def _open(self, model: str, *, take: bool = False) -> Lanes:
        """The provider's row decides whether the model has lanes of its own, so that all workers agree."""
        if len(self._lanes) >= MODELS_REMEMBERED_MAX:
            self._lanes.clear()
        number = names.model(model)
        provider_at = self._table.lane(self._provider_row, number, take=take)
        own = not self._table.is_shared(self._provider_row, provider_at)
        known = self._lanes.get(model)
        if known is not None and not own and not take and known.provider_state_at == provider_at + LANE_STATE_AT:
            return known  # it still shares its lane, and remembers what was said here
        seats = [Seat(one, self._table.lane(one.row, number, take=own)) for one in self._credentials]
        lanes = self._lanes[model] = Lanes(model, seats, provider_at + LANE_STATE_AT, settled=own or take)
        return lanes

    def _count_others(self, credential: Credential, now_ms: int) -> int:
        """What other workers have under way with it at this moment, those included that began to work since the last look."""
        total = 0
        for index, distance in self._distances.items():
            calls = self.region.load(credential.in_flight_at + distance)
            if calls and self._lives(index, now_ms):
                total += calls
        return total

    def _lives(self, index: int, now_ms: int) -> bool:
        """Whether a worker has shown lately, or is so new that it has not shown yet."""
        beat_ns = self._workers.heartbeat_ns(index)
        return beat_ns == 0 or beat_ns > now_ms * 1_000_000 - WORKER_BEATS_NS

    def _look_around(self, now_ms: int) -> None:
        """Which other workers live, by their beats; and says that these rows are in use."""
        self._looked_ms = now_ms
        self._others = [
            distance for index, distance in self._distances.items() if self._workers.epoch(index) and self._lives(index, now_ms)
        ]
        for at in self._used_at:
            self.region.store(at, now_ms)

    def _words(self, lanes: Lanes, reason: Reason) -> str:
        return next((seat.words for seat in lanes.seats if seat.words), "") if reason is Reason.OVERLOADED else ""

    def __repr__(self) -> str:
        return f"<Pool of {len(self._credentials)} credential(s) of {self.provider}>"


def open_pools(
    shared: SharedFile, slot: WorkerSlot, pepper: Pepper, providers: Sequence[Provider], now_ms: int
) -> dict[str, Pool]:
    """The pools of a worker, by provider. Once for each new owner of a slot. Raises CredentialTableFullError."""
    begin_leases(slot)
    namer = Namer(pepper)
    return {provider.name: Pool(shared, slot, namer, provider, now_ms) for provider in providers}


def _is_out(word: int, now_ms: int) -> bool:
    return bool(word & _REASON) and unpack(word).is_out(now_ms)


def _why_out(state: State) -> int:
    """The standing of what is out, as a note of a choice has it."""
    return PROBING if state.probing else int(state.reason)


def _left_ms(state: State, now_ms: int) -> int:
    """A probe says soon how it went; its deadline is for one that never says it."""
    return PROBED_WAIT_MS if state.probing else state.until_ms - now_ms


def _warmth(request_bytes: int) -> float:
    if request_bytes < WARM_BYTES:
        return WARM_LEAST
    return min(WARM_LEAST + 0.5 * log2(request_bytes / WARM_BYTES + 1.0), WARM_MOST)
