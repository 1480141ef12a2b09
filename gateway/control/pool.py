"""The pool as operators see it: how each upstream credential stands, and what they may order about it.

Owns draining, which outlives everything (the database remembers it, the shared file tells the workers), and tests with a question
of our own. Reads what the workers write about credentials; moves a state only by what a test showed. A credential is named by its
provider and its number, the place in its variable counted from 1; nothing here ever shows a part of it.

`shared` is None while nothing serves and no shared file exists: then nothing is known of how they stand.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gateway.catalog.providers import Provider
from gateway.control.orders import MissingError
from gateway.control.store import Store
from gateway.core.clock import Clock
from gateway.state.credentials import LANE_STATE_AT, METERS_AT, SPEED_AT, STATE_AT, SUCCESS_AT, Tally
from gateway.state.pepper import Pepper
from gateway.state.shared import SharedFile
from gateway.upstream import key_test
from gateway.upstream.key_test import Finding, Verdict
from gateway.upstream.pool import headroom, names, seats
from gateway.upstream.pool.names import Namer
from gateway.upstream.pool.standing import DRAINED, Ending, Scope, State, due, moved, pack, unpack, vouched

_DRAINED = "drained_credentials"  # the fact in the database: a JSON list of credentials' numbers, as text
_METERS = {
    headroom.REQUESTS: "requests",
    headroom.INPUT: "input_tokens",
    headroom.OUTPUT: "output_tokens",
    headroom.TOKENS: "tokens",
}
SWAP_TRIES = 64
OTHER_MODELS = "(others)"
UNKNOWN_KEY = 401


@dataclass(frozen=True, slots=True)
class Credential:
    """One credential: `number` counts from 1 within its provider; `row` is its row in the shared file, if there is one."""

    provider: Provider
    number: int
    name: int
    row: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How something stands now. `word` is a reason's, `healthy`, `due` (its time is over, the next call probes) or `probing`.

    `reason` is why it is or was out, also while it is `due` or `probing`; empty when it is healthy.
    """

    word: str
    out_ms: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Lane:
    """A credential at one model: averages of what it did, and what is left of its limits as (left, limit). None is unknown."""

    model: str
    standing: Standing
    success: float
    first_token_us: int | None
    tokens_per_s: float | None
    room: dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Chance:
    """A credential as a call to one model would find it now. `score` is what a pick would compare, from 0 to 1, before
    anything is added for a warm prompt; None for one that can take no call."""

    number: int
    standing: Standing
    drained: bool
    in_flight: int
    score: float | None


class PoolDesk:
    """Every credential of this installation. What changes the database belongs to the thread of the Store."""

    def __init__(
        self, store: Store, providers: Sequence[Provider], pepper: Pepper, clock: Clock, shared: SharedFile | None
    ) -> None:
        self._store = store
        self._clock = clock
        self._shared = shared
        self._namer = Namer(pepper)
        self._models: dict[int, str] = {}
        self.providers = tuple(providers)
        self._provider_rows = {one.name: self._row(self._namer.provider(one.name)) for one in providers}
        self._credentials = [
            Credential(provider, number, name, self._row(name))
            for provider in providers
            for number, secret in enumerate(provider.credentials, 1)
            for name in (self._namer.credential(provider.name, secret.reveal()),)
        ]

    @property
    def now_ms(self) -> int:
        """The machine's monotonic clock, as states count it."""
        return self._clock.monotonic_ns() // 1_000_000

    def __iter__(self) -> Iterator[Credential]:
        return iter(self._credentials)

    def find(self, provider: str, number: str) -> Credential:
        """A credential by how people name it. Raises MissingError."""
        for credential in self._credentials:
            if credential.provider.name == provider and str(credential.number) == number:
                return credential
        raise MissingError("pool.key_missing", "{provider} has no key {number}", provider=provider, number=number)

    def rebuild(self) -> None:
        """Makes the shared file say what the database says, and forget credentials that are gone. Raises StoreError."""
        if self._shared is None:
            return
        drained = self._drained()
        for credential in self._credentials:
            self._mark(credential, credential.name in drained)
        kept = {credential.name for credential in self._credentials}
        kept |= {self._namer.provider(provider.name) for provider in self.providers}
        self._shared.credentials.forget_others(kept, names.boot(), self.now_ms)

    def drain(self, credential: Credential) -> None:
        """No new call is given to it; what is under way ends by itself. Lasts until `resume`. Raises StoreError."""
        self._remember(self._drained() | {credential.name})
        self._mark(credential, True)

    def resume(self, credential: Credential) -> None:
        """It takes calls again, and whatever kept it out may be tried at once: its own state, its limits at models, and what
        keeps all keys of its provider out. Raises StoreError."""
        self._remember(self._drained() - {credential.name})
        self._mark(credential, False)
        now_ms = self.now_ms
        for at in self._states_over(credential):
            self._move(at, lambda state: due(state, now_ms) if state.is_out(now_ms) and not state.probing else state)

    def test(self, credential: Credential) -> Finding:
        """Asks the upstream whether it takes the key: one that it takes may come back, one that it does not know (401) is out.

        Blocks; may be called from any thread.
        """
        found = key_test.ask(credential.provider, credential.number - 1)
        now_ms = self.now_ms
        at = self._state_at(credential.row)
        if found.verdict is Verdict.TAKEN:
            self._move(at, lambda state: vouched(state, now_ms))
        elif found.status == UNKNOWN_KEY:  # a 403 may only mean that the key is not for questions
            self._move(at, lambda state: moved(state, Scope.CREDENTIAL, Ending.REFUSED, now_ms))
        return found

    def is_drained(self, credential: Credential) -> bool:
        """Whether an operator has taken it out."""
        return bool(self.word(credential) & DRAINED) if self._shared is not None else credential.name in self._drained()

    def word(self, credential: Credential) -> int:
        """The word of its state as it is in the shared file; 0 where there is none."""
        return self._load(credential.row)

    def standing(self, credential: Credential) -> Standing:
        """How it stands at any model."""
        return standing(unpack(self.word(credential)), self.now_ms)

    def provider_standing(self, provider: str) -> Standing:
        """How a provider stands at any model."""
        return standing(unpack(self._load(self._provider_rows[provider])), self.now_ms)

    def totals(self, credential: Credential) -> dict[Tally, int]:
        """What all workers have counted for it."""
        if self._shared is None or credential.row is None:
            return dict.fromkeys(Tally, 0)
        return self._shared.credentials.totals(credential.row, self._shared.workers.alive(self._shared.run_dir))

    def lanes(self, credential: Credential, models: Sequence[str]) -> list[Lane]:
        """How it stands at each model that it answered for. `models` are names that may be among them: only those are known."""
        return self._lanes_of(credential.row, models)

    def provider_lanes(self, provider: str, models: Sequence[str]) -> list[Lane]:
        """The same for what concerns all of a provider's credentials."""
        return self._lanes_of(self._provider_rows[provider], models)

    def provider_chance(self, provider: str, model: str) -> Standing:
        """How a call to a model would find a provider now, whatever key it takes."""
        row = self._provider_rows[provider]
        if self._shared is None or row is None:
            return Standing("healthy", 0)
        return self._worse(row, self._shared.credentials.lane(row, names.model(model), take=False))

    def chances(self, provider: str, model: str) -> list[Chance]:
        """How a call to a model would find each credential of a provider now, by number; empty where no shared file is."""
        shared, row = self._shared, self._provider_rows[provider]
        if shared is None or row is None:
            return []
        number, now_ms = names.model(model), self.now_ms
        # As workers do: a model has lanes of its own at every credential, or at none.
        own = not shared.credentials.is_shared(row, shared.credentials.lane(row, number, take=False))
        found = []
        for one in self._credentials:
            if one.provider.name != provider or one.row is None:
                continue
            at = shared.credentials.lane(one.row, number, take=own)
            standing, drained = self._worse(one.row, at), self.is_drained(one)
            in_flight = self.totals(one)[Tally.IN_FLIGHT]
            full = bool(one.provider.concurrency_max) and in_flight >= one.provider.concurrency_max
            score = None
            if not (standing.out_ms or standing.word == "probing" or drained or full):
                seat = seats.Seat(seats.Credential(shared.region, shared.layout, 0, one.number - 1, one.name, one.row), at)
                score = seat.score(now_ms, in_flight, 0)
            found.append(Chance(one.number, standing, drained, in_flight, score))
        return found

    def _worse(self, row: int, lane_at: int) -> Standing:
        """Of the state at any model and the state at one: the one that keeps calls away for longer."""
        assert self._shared is not None
        load, now_ms = self._shared.region.load, self.now_ms
        states = [unpack(load(at)) for at in (self._shared.layout.credential_at(row) + STATE_AT, lane_at + LANE_STATE_AT)]
        return standing(max(states, key=lambda one: (one.is_out(now_ms), one.needs_probe, one.until_ms)), now_ms)

    def _row(self, name: int) -> int | None:
        return None if self._shared is None else self._shared.credentials.take(name, names.boot(), self.now_ms)

    def _lanes_of(self, row: int | None, models: Sequence[str]) -> list[Lane]:
        if self._shared is None or row is None:
            return []
        if len(self._models) < len(models):
            self._models = {names.model(model): model for model in models}
        found = []
        for number, at in self._shared.credentials.lanes(row):
            model = self._models.get(number, f"#{number:x}"[:9]) if number else OTHER_MODELS
            found.append(self._lane(model, at))
        return found

    def _lane(self, model: str, at: int) -> Lane:
        assert self._shared is not None
        load, now_ms = self._shared.region.load, self.now_ms
        first_us, speed = seats.speed_of(load(at + SPEED_AT))
        room = {}
        for which, word in _METERS.items():
            amounts, told = load(at + METERS_AT + 16 * which), load(at + METERS_AT + 16 * which + 8)
            if amounts:
                room[word] = (headroom.remaining(amounts, told, now_ms), headroom.limit_of(amounts))
        return Lane(
            model,
            standing(unpack(load(at + LANE_STATE_AT)), now_ms),
            1.0 - min(load(at + SUCCESS_AT) / seats.SUCCESS_ONE, 1.0),
            first_us or None,
            speed / 1000 if speed else None,
            room,
        )

    def _drained(self) -> set[int]:
        return {int(text) for text in json.loads(self._store.meta(_DRAINED) or "[]")}

    def _remember(self, drained: set[int]) -> None:
        # Numbers tell nothing of the keys. Those of keys that are not set at the moment are kept: they may come back.
        self._store.set_meta(_DRAINED, json.dumps([str(name) for name in sorted(drained)]))

    def _mark(self, credential: Credential, drained: bool) -> None:
        for _ in range(SWAP_TRIES):
            word = self._load(credential.row)
            wanted = word | DRAINED if drained else word & ~DRAINED
            if word == wanted or self._swap(credential, word, wanted):
                return

    def _move(self, at: int | None, to: Callable[[State], State]) -> None:
        """Moves the state at an offset of the shared file, keeping the operator's mark."""
        if self._shared is None or at is None:
            return
        region = self._shared.region
        for _ in range(SWAP_TRIES):
            word = region.load(at)
            if region.compare_swap(at, word, pack(to(unpack(word))) | word & DRAINED):
                return

    def _states_over(self, credential: Credential) -> list[int]:
        """Offsets of every state that can keep a credential out: its own and its provider's, at any model and at each."""
        if self._shared is None:
            return []
        found = []
        for row in (credential.row, self._provider_rows[credential.provider.name]):
            if row is not None:
                lanes = (at + LANE_STATE_AT for _, at in self._shared.credentials.lanes(row))
                found += [self._shared.layout.credential_at(row) + STATE_AT, *lanes]
        return found

    def _state_at(self, row: int | None) -> int | None:
        return None if self._shared is None or row is None else self._shared.layout.credential_at(row) + STATE_AT

    def _load(self, row: int | None) -> int:
        at = self._state_at(row)
        return 0 if self._shared is None or at is None else self._shared.region.load(at)

    def _swap(self, credential: Credential, old: int, new: int) -> bool:
        at = self._state_at(credential.row)
        return self._shared is None or at is None or self._shared.region.compare_swap(at, old, new)


def standing(state: State, now_ms: int) -> Standing:
    """A state in words."""
    if not state.needs_probe:
        return Standing("healthy", 0)
    reason = state.reason.word
    if not state.is_out(now_ms):
        return Standing("due", 0, reason)
    return Standing("probing", 0, reason) if state.probing else Standing(reason, state.until_ms - now_ms, reason)
