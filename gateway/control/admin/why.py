"""Why a request went as it did and costs what it costs: everything that the books have about it, and what they have not."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from gateway.catalog.prices import PriceList
from gateway.control.admin.endpoint import Call, Endpoint, Nothing
from gateway.control.admin.front import FrontDesk
from gateway.control.admin.ledger import Posting
from gateway.control.admin.pool import State, seconds
from gateway.control.admin.requests import RequestLine, view
from gateway.control.books import ledger
from gateway.control.books.entry import CHARGE, limit_and_window
from gateway.control.orders import MissingError, OrderError, date
from gateway.control.permissions import Access
from gateway.control.store import Connection, RequestRow
from gateway.control.store import ledger as ledger_rows
from gateway.control.store import limits as limit_rows
from gateway.control.store import requests as request_rows
from gateway.control.upstreams import Upstreams
from gateway.core import ids
from gateway.core.money import dollars
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from gateway.upstream.pool.choice import considered

# Said with every answer, so that nobody takes what is missing for what did not happen.
NOT_RECORDED = (
    "how other targets of the route stood: what is kept is the last choice among the keys of one upstream, where there was one",
    "attempts before the last one: their number is kept, not where they went",
    "prompts and answers: they are never stored",
)
# Why a price has no lines, by a word that pages say in their own language.
NOTES = {
    "at_most": "the cost is the most that one request may cost, less than its lines add up to",
    "earlier_list": "priced by an earlier list, whose prices are not kept: the sum stands in the books",
}
NoteWord = Literal["at_most", "earlier_list"]
ConsideredState = Literal[
    "healthy", "due", "probing", "limited", "refused", "unpaid", "overloaded", "failing", "drained", "full", "tried"
]


class WhyQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """When it started, from the list of requests. Its id tells that too, but for requests from before ids did."""

    started_ns: Annotated[int, Meta(ge=0, lt=2**62)] | None = None


class Charge(Struct, frozen=True, kw_only=True):
    """What the request counted as against one limit: `amount` in the unit of `metric`, nanodollars for cost. `window_start` is
    null for a limit that never begins anew; a limit that is gone has only its number."""

    limit: int
    scope: str | None
    metric: str | None
    model_class: str | None
    window: str | None
    window_start: str | None
    amount: int
    limit_amount: int | None


class PriceLine(Struct, frozen=True, kw_only=True):
    """Tokens of one class, times the price of one, in nanodollars."""

    token_class: str
    tokens: int
    nanodollars_per_token: int
    nanodollars: int


class Price(Struct, frozen=True, kw_only=True):
    """How the cost came about. `lines` add up to it exactly; where they do not, `note` says why there are none, and
    `note_word` the same in a word.

    `long_prompt` is whether the higher rate for long prompts was taken."""

    version: str | None
    rule: str
    long_prompt: bool
    lines: list[PriceLine]
    cost_nanodollars: int
    cost_usd: str
    note: str | None
    note_word: NoteWord | None


class CandidateKey(Struct, frozen=True, kw_only=True):
    """An upstream key as a call to the target would find it now. `score`, from 0 to 1, is success x room under the upstream's
    limits x few calls under way; null for a key that can take no call. The key that a conversation's prompt is cached for is
    worth more than its score to that conversation."""

    number: int
    state: State
    out_s: int
    drained: bool
    in_flight: int
    score: float | None


class Candidate(Struct, frozen=True, kw_only=True):
    """A target of the route as it is now, in the order in which it would be tried, and how it stands now: nothing here is as it
    was at the call. `state` is of the provider at this model; `keys` are null for a member, who does not see into the pool."""

    target: str
    answered: bool
    state: State | None
    out_s: int
    keys: list[CandidateKey] | None


class ConsideredKey(Struct, frozen=True, kw_only=True):
    """An upstream key as the call found it when its last attempt was sent. `number` is the key's of that time. `score` is as it
    was compared, and the highest was taken: of a `warm` key, the one whose prompt cache is this conversation's, it is raised, up
    to four times. It is null for a key that was passed over, for what `state` says; `in_flight` is null where that was known
    before its calls were counted. `tried`: by this very call. `due`: it was over, and the call was the probe if it went there."""

    number: int
    state: ConsideredState
    in_flight: int | None
    score: float | None
    warm: bool
    chosen: bool


class Route(Struct, frozen=True, kw_only=True):
    """Where it went. `credential` counts the upstream's keys from 1; null when nothing was sent. `candidates` are today's.

    `considered` are the keys of `provider` that the call looked at, in that order, as they stood then. One that no other can beat
    is taken at once, so those behind it are not among them; eight are compared at most. Of a call that was sent nowhere, because
    no key was to be had, they are its keys, eight at most, and none is chosen. Null where there was no choice, for requests from
    before it was kept, and for a member, who does not see into the pool."""

    model_asked: str
    model_served: str
    provider: str
    credential: int | None
    attempts: int
    considered: list[ConsideredKey] | None
    candidates: list[Candidate]


class Held(Struct, frozen=True, kw_only=True):
    """What was set aside before sending, and what was taken in the end."""

    tokens: int
    nanodollars: int
    settled_tokens: int
    settled_nanodollars: int


class CacheUse(Struct, frozen=True, kw_only=True):
    """Prompt caching: the share of the input that was read from the cache, null without input."""

    read_tokens: int
    written_5m_tokens: int
    written_1h_tokens: int
    share_read: float | None


class Why(Struct, frozen=True, kw_only=True):
    """One request, explained. `posting` is null for requests from before the ledger."""

    request: RequestLine
    limits: list[Charge]
    held: Held
    route: Route
    cache: CacheUse
    price: Price
    posting: Posting | None
    not_recorded: list[str]


async def show(front: FrontDesk, call: Call[Nothing, WhyQuery]) -> Why:
    try:
        wanted = ids.bytes_of("req", call.path["id"])
    except ValueError:
        raise OrderError("request.not_an_id", "not a request id: they look like req_ and 22 characters") from None
    prices = front.prices
    missing = MissingError("request.missing", "no request with this id in the books")

    def look(connection: Connection) -> tuple[RequestRow, Why]:
        row = request_rows.find(connection, wanted, call.query.started_ns)
        if row is None:
            raise missing
        call.asker.check_sees(row.workspace_id, missing)
        return row, explain(connection, row, prices)

    row, found = await (front.reader.walk if call.query.started_ns is None else front.reader.ask)(look)
    sees_pool = Access.VIEWER.admits(call.asker.role)
    route = replace(
        found.route,
        considered=considered_keys(row) if sees_pool else None,
        candidates=candidates(row, front.upstreams(), sees_pool=sees_pool),
    )
    return replace(found, route=route)


def explain(connection: Connection, row: RequestRow, prices: PriceList) -> Why:
    """Everything that the books have about a request, but for what shows the pool. Candidates are not from there."""
    [line] = view(connection, [row], "UTC")
    usage = Usage(*row[12:17])
    total = usage.total_input_tokens + usage.output_tokens
    return Why(
        request=line,
        limits=[_charge(connection, *pair) for pair in CHARGE.iter_unpack(row.charges or b"")],
        held=Held(
            tokens=row.held_tokens,
            nanodollars=row.held_nanodollars,
            settled_tokens=total,
            settled_nanodollars=row.cost_nanodollars,
        ),
        route=_route(row),
        cache=CacheUse(
            read_tokens=usage.cache_read_tokens,
            written_5m_tokens=usage.cache_write_5m_tokens,
            written_1h_tokens=usage.cache_write_1h_tokens,
            share_read=round(usage.cache_read_tokens / usage.total_input_tokens, 4) if usage.total_input_tokens else None,
        ),
        price=price(row, usage, request_rows.price_list(connection, row.price_list_id), prices),
        posting=_posting(connection, row.posting_id),
        not_recorded=list(NOT_RECORDED),
    )


def price(row: RequestRow, usage: Usage, version: str | None, prices: PriceList) -> Price:
    """The lines of a request's price, if today's list still makes them."""
    rate = prices.rate(row.model_served or row.model_asked, row.started_ns)
    lines: list[PriceLine] = []
    is_long = False
    note: NoteWord | None = None
    if rate is not None:
        used = rate.at(usage.total_input_tokens)
        is_long = used is not rate
        lines = [
            PriceLine(token_class=name, tokens=tokens, nanodollars_per_token=each, nanodollars=tokens * each)
            for name, tokens, each in (
                ("input", usage.input_tokens, used.input_nanodollars),
                ("cache_read", usage.cache_read_tokens, used.cache_read_nanodollars),
                ("cache_write_5m", usage.cache_write_5m_tokens, used.cache_write_5m_nanodollars),
                ("cache_write_1h", usage.cache_write_1h_tokens, used.cache_write_1h_nanodollars),
                ("output", usage.output_tokens, used.output_nanodollars),
            )
        ]
    if sum(line.nanodollars for line in lines) != row.cost_nanodollars:
        note = "at_most" if version == prices.version else "earlier_list"
        lines, is_long = [], False
    return Price(
        version=version,
        rule=ledger.RULES[Outcome(row.outcome)],
        long_prompt=is_long,
        lines=[line for line in lines if line.tokens],
        cost_nanodollars=row.cost_nanodollars,
        cost_usd=dollars(row.cost_nanodollars),
        note=NOTES[note] if note else None,
        note_word=note,
    )


def _charge(connection: Connection, kind: int, amount: int) -> Charge:
    number, start_s = limit_and_window(kind)
    limit = limit_rows.find(connection, number)
    facts: dict[str, Any] = dict.fromkeys(("scope", "metric", "model_class", "window", "limit_amount"))
    if limit is not None:
        facts = {"scope": limit.scope, "metric": limit.metric, "model_class": limit.model_class, "window": limit.window}
        facts["limit_amount"] = limit.amount
    return Charge(limit=number, amount=amount, window_start=date(start_s) if start_s else None, **facts)


def candidates(row: RequestRow, upstreams: Upstreams, *, sees_pool: bool) -> list[Candidate]:
    """Where the name that was asked for leads now. Without `sees_pool` nothing tells how it stands there."""
    answered = f"{row.provider}/{row.model_served}"
    found = []
    for target in upstreams.routes.plan(row.model_asked) if row.model_asked else ():
        provider, model = target.provider.name, target.model_served
        standing = upstreams.pool.provider_chance(provider, model) if sees_pool else None
        keys = [
            CandidateKey(
                number=one.number,
                state=one.standing.word,  # type: ignore[arg-type] # its words are those of State
                out_s=seconds(one.standing.out_ms),
                drained=one.drained,
                in_flight=one.in_flight,
                score=None if one.score is None else round(one.score, 4),
            )
            for one in (upstreams.pool.chances(provider, model) if sees_pool else ())
        ]
        found.append(
            Candidate(
                target=target.slug,
                answered=target.slug == answered,
                state=standing.word if standing else None,  # type: ignore[arg-type] # its words are those of State
                out_s=seconds(standing.out_ms) if standing else 0,
                keys=keys if sees_pool else None,
            )
        )
    return found


def considered_keys(row: RequestRow) -> list[ConsideredKey] | None:
    """What was compared to choose who answers; None when the row has no note of it."""
    if row.choice is None:
        return None
    return [
        ConsideredKey(
            number=one.place + 1,
            state=one.standing,  # type: ignore[arg-type] # its words are those of ConsideredState
            in_flight=one.in_flight,
            score=None if one.score is None else round(one.score, 4),
            warm=one.warm,
            chosen=bool(row.attempts) and one.place == row.credential,
        )
        for one in considered(row.choice)
    ]


def _route(row: RequestRow) -> Route:
    return Route(
        model_asked=row.model_asked,
        model_served=row.model_served,
        provider=row.provider,
        credential=row.credential + 1 if row.attempts else None,
        attempts=row.attempts,
        considered=None,
        candidates=[],
    )


def _posting(connection: Connection, posting_id: int | None) -> Posting | None:
    posting = None if posting_id is None else ledger_rows.find(connection, posting_id)
    if posting is None:
        return None
    return msgspec.convert(ledger.view(posting, ledger_rows.entries_of(connection, [posting.id])[posting.id]), Posting)


ENDPOINTS = (Endpoint("GET", "/admin/v1/requests/{id}/why", "Why a request went and costs as it did", show, Why, query=WhyQuery),)
