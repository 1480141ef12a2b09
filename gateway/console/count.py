"""The calculator: what a text costs, on every model of the catalogue, before anybody sends it.

Owns the public question `POST /api/tokens/count` and the sums in its answer. The estimator counts, the price list prices.
Nobody has to show a key, so a text is bounded, asked about so often by one address and in all, and counted in one thread of its
own: two visitors with long texts must not slow down what the data plane asks. The text is dropped with the answer; no line and
no error holds any of it.
"""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.catalog.models import Catalogue, Model
from gateway.catalog.prices import PriceList, Rate
from gateway.console.addresses import visitor_of
from gateway.console.allowance import Allowance
from gateway.control.app import read_body
from gateway.core.faults import Fault, FaultKind
from gateway.core.money import dollars

PATH = "/api/tokens/count"
# About 60 000 words. JSON may write a character in up to six bytes; the text itself is bounded too.
TEXT_CHARS_MAX = 400_000
BODY_BYTES_MAX = 1_000_000
OUTPUT_TOKENS_MAX = 1_000_000
PER_MINUTE, BURST, PER_MINUTE_IN_ALL = 30, 20, 300
WAITING_MAX = 8  # counts begun or waiting, each with its text
_WORD = re.compile(r"\w+")
_MILLION = 1_000_000
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")


class Question(Struct, frozen=True, forbid_unknown_fields=True):
    """A text sent as one user message; how long the answer may be, and how much of the text is read from a prompt cache."""

    text: Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]
    output_tokens: Annotated[int, Meta(ge=0, le=OUTPUT_TOKENS_MAX)] = 500
    cached_percent: Annotated[int, Meta(ge=0, le=100)] = 0

    def __repr__(self) -> str:
        return f"<Question of {len(self.text)} characters>"


class FamilyCount(Struct, frozen=True, kw_only=True):
    """Tokens of the bare text for one tokenizer. `method`: `estimate`, or `vocabulary` where the tokenizer itself counted."""

    family: str
    tokens: int
    low: int
    high: int
    band_percent: int
    usual_percent: int
    method: str


class ModelCost(Struct, frozen=True, kw_only=True):
    """One call on one model, its message's frame included. `price_row` is the row of the price list that was used, `assumed` that
    the row says so itself or stands for every name that is not listed."""

    id: str
    display_name: str
    family: str
    input_tokens: int
    cost_usd: str
    low_usd: str
    high_usd: str
    input_usd: str
    cached_usd: str
    output_usd: str
    prices_usd: dict[str, str]
    price_row: str
    assumed: bool


class Count(Struct, frozen=True, kw_only=True):
    """The answer. Prices are dollars per million tokens; `price_list` names the exact list."""

    characters: int
    words: int
    bytes: int
    output_tokens: int
    cached_percent: int
    families: list[FamilyCount]
    models: list[ModelCost]
    price_list: str


class Calculator:
    """The public endpoint. `count` is replaced by tests."""

    def __init__(
        self,
        catalogue: Catalogue,
        prices: PriceList,
        wall_ns: Callable[[], int],
        monotonic_ns: Callable[[], int],
        proxies: int = 0,
        count: Callable[[Question, Catalogue, PriceList, int], Count] | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._prices = prices
        self._wall_ns = wall_ns
        self._proxies = proxies
        self._allowance = Allowance(PER_MINUTE, BURST, PER_MINUTE_IN_ALL, monotonic_ns)
        self._count = count or counted
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="calculator")
        self.waiting = 0  # counts begun or queued

    def routes(self) -> list[Route]:
        return [Route(PATH, self.answer, methods=["POST"])]

    def close(self) -> None:
        """Forgets what has not begun."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def answer(self, request: Request) -> Response:
        """Counts. Faults: LIMITED, UNAVAILABLE when too many wait, OVERSIZED, UNSUPPORTED, INVALID with the name of the field."""
        wait_s = self._allowance.take(visitor_of(request.headers, self._proxies))
        if wait_s:
            raise Fault(FaultKind.LIMITED, "Too many counts from this address; try again later.", retry_after_s=wait_s)
        if self.waiting >= WAITING_MAX:
            raise Fault(FaultKind.UNAVAILABLE, "Too many texts are being counted; try again.", retry_after_s=2)
        self.waiting += 1
        try:
            question = read_question(await read_body(request, BODY_BYTES_MAX), request.headers.get("content-type", ""))
            count = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._count, question, self._catalogue, self._prices, self._wall_ns()
            )
        finally:
            self.waiting -= 1
        return Response(msgspec.json.encode(count), media_type="application/json", headers=_HEADERS)


def read_question(body: bytes, content_type: str) -> Question:
    """The question in a body. Raises Fault UNSUPPORTED for a form, INVALID without a word of what was sent."""
    if content_type.partition(";")[0].strip().lower() in _FORMS:
        raise Fault(FaultKind.UNSUPPORTED, "The Content-Type must be application/json.")
    try:
        return msgspec.json.decode(body, type=Question)
    except msgspec.ValidationError as error:
        raise Fault(FaultKind.INVALID, str(error).partition(" - at ")[2].strip("`$.") + ": " + _reason(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Fault(FaultKind.INVALID, "The request body is not valid JSON") from None


def counted(question: Question, catalogue: Catalogue, prices: PriceList, wall_ns: int) -> Count:
    """The answer to a question, at the prices of a moment. Takes up to half a second of CPU for the longest text."""
    # Imported at the first count: the vocabulary takes memory that an installation which never counts should not pay for.
    from gateway.tokens.band import band
    from gateway.tokens.estimate import count_text
    from gateway.tokens.families import Family

    text = question.text
    tokens = {family: count_text(text, family) for family in (Family.V3, Family.V4_7, Family.O200K)}
    tokens[Family.V5] = tokens[Family.V4_7]  # one vocabulary
    bands = {family: band(tokens[family], len(text), family) for family in Family}
    families = [
        FamilyCount(
            family=family.value,
            tokens=tokens[family],
            low=bands[family].low,
            high=bands[family].high,
            band_percent=bands[family].percent,
            usual_percent=bands[family].usual_percent,
            method="vocabulary" if family is Family.O200K else "estimate",
        )
        for family in (Family.V5, Family.V4_7, Family.V3, Family.O200K)
    ]
    by_family = {one.family: one for one in families}
    models = [_cost(model, by_family[model.family], question, prices, wall_ns) for model in catalogue]
    return Count(
        characters=len(text),
        words=sum(1 for _ in _WORD.finditer(text)),
        bytes=len(text.encode("utf-8", "replace")),
        output_tokens=question.output_tokens,
        cached_percent=question.cached_percent,
        families=families,
        models=[model for model in models if model is not None],
        price_list=prices.version,
    )


def _cost(model: Model, count: FamilyCount, question: Question, prices: PriceList, wall_ns: int) -> ModelCost | None:
    """None for a model that the price list does not cover."""
    from gateway.tokens.families import profile_of

    row = prices.row(model.id, wall_ns)
    if row is None:
        return None
    frame = profile_of(model.id).frame_tokens

    def parts(tokens: int) -> tuple[int, int, int, Rate]:
        rate = row.rate.at(tokens)
        cached = tokens * question.cached_percent // 100
        fresh = (tokens - cached) * rate.input_nanodollars
        return fresh, cached * rate.cache_read_nanodollars, question.output_tokens * rate.output_nanodollars, rate

    fresh, cached, output, rate = parts(count.tokens + frame)
    return ModelCost(
        id=model.id,
        display_name=model.display_name,
        family=model.family,
        input_tokens=count.tokens + frame,
        cost_usd=dollars(fresh + cached + output),
        low_usd=dollars(sum(parts(count.low + frame)[:3])),
        high_usd=dollars(sum(parts(count.high + frame)[:3])),
        input_usd=dollars(fresh),
        cached_usd=dollars(cached),
        output_usd=dollars(output),
        prices_usd=_per_million(rate),
        price_row=row.model,
        assumed=row.assumed,
    )


def _per_million(rate: Rate) -> dict[str, str]:
    return {
        "input": dollars(rate.input_nanodollars * _MILLION),
        "cache_read": dollars(rate.cache_read_nanodollars * _MILLION),
        "output": dollars(rate.output_nanodollars * _MILLION),
    }


def _reason(error: Any) -> str:
    return str(error).partition(" - at ")[0]
