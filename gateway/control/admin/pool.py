"""The pool: how each upstream key stands, and orders about it. A key is named by its provider and its number, counted from 1."""

import asyncio
from typing import Literal

from msgspec import Struct

from gateway.control.admin.endpoint import Call, Endpoint, Nothing
from gateway.control.admin.front import FrontDesk
from gateway.control.pool import Credential, Lane, PoolDesk
from gateway.state.credentials import Tally

Reason = Literal["", "limited", "refused", "unpaid", "overloaded", "failing"]
State = Literal["healthy", "due", "probing", "limited", "refused", "unpaid", "overloaded", "failing"]


class Room(Struct, frozen=True):
    """What is left of a rate limit of the upstream, by its own word and our clock."""

    left: int
    limit: int


class AtModel(Struct, frozen=True, kw_only=True):
    """Something at one model, or at all those that nobody has heard of yet. Averages are of the last calls; null is unknown."""

    model: str
    state: State
    reason: Reason
    out_s: int
    success: float
    ttft_ms: int | None
    tokens_per_s: float | None
    room: dict[str, Room]


class ProviderStanding(Struct, frozen=True, kw_only=True):
    """What concerns all keys of a provider. `out_s` is for how many seconds it gets no call."""

    provider: str
    dialect: str
    keys: int
    state: State
    reason: Reason
    out_s: int
    models: list[AtModel]


class KeyStanding(Struct, frozen=True, kw_only=True):
    """An upstream key. Counts are of attempts, over all workers, since the shared file was made.

    `state` holds at every model; `due` means that its time is over and the next call probes it; `reason` is then why it was out.
    `stayed` and `left` are picks for conversations that stayed with the key their prompt is cached for, and that went elsewhere.
    """

    provider: str
    number: int
    state: State
    reason: Reason
    out_s: int
    drained: bool
    in_flight: int
    calls: int
    fine: int
    answered: int
    limited: int
    refused: int
    unpaid: int
    overloaded: int
    failed: int
    probes: int
    stayed: int
    left: int
    ttft_ms: int | None
    cache_read_tokens: int
    cache_write_tokens: int
    models: list[AtModel]


class Pool(Struct, frozen=True):
    """Every upstream that can be used."""

    providers: list[ProviderStanding]
    data: list[KeyStanding]


class Tested(Struct, frozen=True, kw_only=True):
    """What the upstream said to a question with the key that costs nothing. `status` is 0 when it could not be asked."""

    provider: str
    number: int
    verdict: Literal["taken", "refused", "unclear", "unreachable"]
    status: int
    key: KeyStanding


def show(front: FrontDesk, call: Call[Nothing, Nothing]) -> Pool:
    upstreams = front.upstreams()
    pool, models = upstreams.pool, upstreams.models
    providers = []
    for provider in pool.providers:
        standing = pool.provider_standing(provider.name)
        providers.append(
            ProviderStanding(
                provider=provider.name,
                dialect=provider.dialect,
                keys=len(provider.credentials),
                state=standing.word,  # type: ignore[arg-type] # its words are those of State
                reason=standing.reason,  # type: ignore[arg-type] # and these those of Reason
                out_s=seconds(standing.out_ms),
                models=[at_model(lane) for lane in pool.provider_lanes(provider.name, models)],
            )
        )
    return Pool(providers, [view(pool, credential, models) for credential in pool])


def drain(front: FrontDesk, call: Call[Nothing, Nothing]) -> KeyStanding:
    upstreams = front.upstreams()
    credential = named(upstreams.pool, call)
    upstreams.pool.drain(credential)
    return view(upstreams.pool, credential, upstreams.models)


def resume(front: FrontDesk, call: Call[Nothing, Nothing]) -> KeyStanding:
    upstreams = front.upstreams()
    credential = named(upstreams.pool, call)
    upstreams.pool.resume(credential)
    return view(upstreams.pool, credential, upstreams.models)


async def test(front: FrontDesk, call: Call[Nothing, Nothing]) -> Tested:
    upstreams = front.upstreams()
    credential = named(upstreams.pool, call)
    found = await asyncio.to_thread(upstreams.pool.test, credential)
    return Tested(
        provider=credential.provider.name,
        number=credential.number,
        verdict=found.verdict.value,
        status=found.status,
        key=view(upstreams.pool, credential, upstreams.models),
    )


def named(pool: PoolDesk, call: Call[Nothing, Nothing]) -> Credential:
    return pool.find(call.path["provider"], call.path["number"])


def view(pool: PoolDesk, credential: Credential, models: list[str]) -> KeyStanding:
    """A key as shown to people and scripts."""
    standing, totals = pool.standing(credential), pool.totals(credential)
    first = totals[Tally.FIRST_TOKENS]
    return KeyStanding(
        provider=credential.provider.name,
        number=credential.number,
        state=standing.word,  # type: ignore[arg-type] # its words are those of State
        reason=standing.reason,  # type: ignore[arg-type] # and these those of Reason
        out_s=seconds(standing.out_ms),
        drained=pool.is_drained(credential),
        in_flight=totals[Tally.IN_FLIGHT],
        calls=totals[Tally.PICKS],
        fine=totals[Tally.FINE],
        answered=totals[Tally.ANSWERED],
        limited=totals[Tally.LIMITED],
        refused=totals[Tally.REFUSED],
        unpaid=totals[Tally.UNPAID],
        overloaded=totals[Tally.OVERLOADED],
        failed=totals[Tally.FAILED],
        probes=totals[Tally.PROBES],
        stayed=totals[Tally.KEPT],
        left=totals[Tally.MOVED],
        ttft_ms=round(totals[Tally.FIRST_TOKEN_US] / first / 1000) if first else None,
        cache_read_tokens=totals[Tally.CACHE_READ_TOKENS],
        cache_write_tokens=totals[Tally.CACHE_WRITE_TOKENS],
        models=[at_model(lane) for lane in pool.lanes(credential, models)],
    )


def at_model(lane: Lane) -> AtModel:
    return AtModel(
        model=lane.model,
        state=lane.standing.word,  # type: ignore[arg-type] # its words are those of State
        reason=lane.standing.reason,  # type: ignore[arg-type] # and these those of Reason
        out_s=seconds(lane.standing.out_ms),
        success=round(lane.success, 4),
        ttft_ms=None if lane.first_token_us is None else round(lane.first_token_us / 1000),
        tokens_per_s=lane.tokens_per_s,
        room={word: Room(left, limit) for word, (left, limit) in lane.room.items()},
    )


def seconds(ms: int) -> int:
    """Whole seconds, rounded up: 0 is now."""
    return -(-ms // 1000)


_KEY = "/admin/v1/pool/{provider}/{number}"

ENDPOINTS = (
    Endpoint("GET", "/admin/v1/pool", "Show how every upstream key stands", show, Pool),
    Endpoint("POST", f"{_KEY}/test", "Ask the upstream whether it takes a key", test, Tested),
    Endpoint("POST", f"{_KEY}/drain", "Give a key no more calls, until it is resumed", drain, KeyStanding),
    Endpoint("POST", f"{_KEY}/resume", "Give a key calls again, at once", resume, KeyStanding),
)
