"""The bytes of a settlement: one record of fixed size, and behind it its charges.

Owns what each byte means, in both directions, and the numbers that stand in there. Charges say which limits the request was
counted against, in which window, with which amount. Knows neither where records lie nor who moves them: rows in flight and the
rings of the journal do. Workers make two records a request and the books read every one, so both ways take plain facts, without
an object between; figures out of range are clamped, so packing never fails on what a request brought.

At a record's end lies the note of what was compared to choose who answers, where there was a choice. Its form is that of
`upstream.pool.choice`; here it is bytes without NUL at either end, which most requests have none of.
"""

import struct
from collections.abc import Sequence
from enum import IntEnum, IntFlag
from typing import Any, Final

from gateway.core.faults import FaultKind
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from gateway.state.layout import CHARGES_MAX, CHOICE_BYTES, FACTS_BYTES, RECORD_BYTES, RING_RECORD_BYTES

TEXT_BYTES: Final = 64
# Models, paths, methods and providers are few; clients choose some of them, so what is remembered is bounded.
TEXTS_REMEMBERED_MAX: Final = 4096

_U32_MAX: Final = 2**32 - 1
_NO_TTFT: Final = _U32_MAX
_I64_MAX: Final = 2**63 - 1
_U64_MAX: Final = 2**64 - 1
_FACTS: Final = struct.Struct("<16sqIIIHBBBBBBI7q64s64s64s64s8s16s3qQ")
_RECORD: Final = struct.Struct(f"{_FACTS.format}{CHOICE_BYTES}s")
assert (_FACTS.size, _RECORD.size) == (FACTS_BYTES, RECORD_BYTES)
_COUNT: Final = struct.Struct("=Q")
_CHARGE: Final = struct.Struct("=IIq")
assert RECORD_BYTES + _COUNT.size + CHARGES_MAX * _CHARGE.size == RING_RECORD_BYTES

# The limit's number in the books, the Unix time at which the window began (0 for a window without an end), the amount.
Charge = tuple[int, int, int]


class Surface(IntEnum):
    """The kind of path a request came in on. The numbers stand in stored records: never renumber, only add."""

    MESSAGES = 1
    COUNT_TOKENS = 2
    MODELS = 3
    OTHER = 4
    CHAT = 5
    RESPONSES = 6
    EMBEDDINGS = 7
    COMPLETIONS = 8


# Surfaces whose requests count as messages to a model, by its weight.
WEIGHED: Final = frozenset((Surface.MESSAGES, Surface.CHAT, Surface.RESPONSES, Surface.COMPLETIONS))
# Surfaces whose tokens are billed.
BILLED: Final = WEIGHED | {Surface.EMBEDDINGS}


class Flags(IntFlag):
    """Marks of a settlement. The bits stand in stored records."""

    NONE = 0
    STREAM = 1
    INPUT_ESTIMATED = 2
    OUTPUT_ESTIMATED = 4


# Looking a number up in an enumeration costs half a microsecond; the control plane unpacks every request.
_OUTCOMES: Final = frozenset(map(int, Outcome))
_FAULTS: Final = frozenset(map(int, FaultKind))
_SURFACES: Final = frozenset(map(int, Surface))
_bytes_of: Final[dict[str, bytes]] = {}
_text_of: Final[dict[bytes, str]] = {}


def pack(
    request_id: bytes,
    started_ns: int,
    duration_us: int,
    ttft_us: int | None,
    key_id: int,
    status: int,
    outcome: int,
    fault: int,
    flags: int,
    attempts: int,
    credential: int,
    surface: int,
    workspace_id: int,
    usage: Usage,
    request_bytes: int,
    response_bytes: int,
    model_asked: str,
    model_served: str,
    path: str,
    upstream_request_id: str,
    method: str,
    provider: str,
    cost_nanodollars: int,
    held_nanodollars: int,
    held_tokens: int,
    price_tag: int,
    choice: bytes = b"",
) -> bytes:
    """A record from its facts, in the record's order. Figures out of range are clamped to it; a note is cut to CHOICE_BYTES.

    A worker makes two records a request; a `Settlement` between would add 0.45 us to the 0.75 us that each takes.
    """
    ttft = _NO_TTFT if ttft_us is None else ttft_us
    fresh, read, written_5m = usage.input_tokens, usage.cache_read_tokens, usage.cache_write_5m_tokens
    written_1h, output = usage.cache_write_1h_tokens, usage.output_tokens
    texts = (
        _encoded(model_asked),
        _encoded(model_served),
        _encoded(path),
        _cut(upstream_request_id),
        _encoded(method),
        _encoded(provider),
    )
    try:
        counted = fresh | read | written_5m | written_1h | output | request_bytes | response_bytes
        if counted | cost_nanodollars | held_nanodollars | held_tokens >= 0:
            return _RECORD.pack(
                request_id,
                started_ns,
                duration_us,
                ttft,
                key_id,
                status,
                outcome,
                fault,
                flags,
                attempts,
                credential,
                surface,
                workspace_id,
                fresh,
                read,
                written_5m,
                written_1h,
                output,
                request_bytes,
                response_bytes,
                *texts,
                cost_nanodollars,
                held_nanodollars,
                held_tokens,
                price_tag,
                choice,
            )
    except struct.error:
        pass
    counts = (fresh, read, written_5m, written_1h, output, request_bytes, response_bytes)
    return _RECORD.pack(
        request_id,
        _clamp(started_ns, -_I64_MAX, _I64_MAX),
        _clamp(duration_us, 0, _U32_MAX),
        # One less than the largest value, which stands for "none".
        _NO_TTFT if ttft_us is None else _clamp(ttft_us, 0, _NO_TTFT - 1),
        _clamp(key_id, 0, _U32_MAX),
        _clamp(status, 0, 2**16 - 1),
        outcome,
        fault,
        flags & 255,
        _clamp(attempts, 0, 255),
        _clamp(credential, 0, 255),
        surface,
        _clamp(workspace_id, 0, _U32_MAX),
        *(_clamp(count, 0, _I64_MAX) for count in counts),
        *texts,
        *(_clamp(amount, 0, _I64_MAX) for amount in (cost_nanodollars, held_nanodollars, held_tokens)),
        _clamp(price_tag, 0, _U64_MAX),
        choice,
    )


def unpack(record: bytes) -> tuple[Any, ...]:
    """The facts of a record, in the order of `pack` but with the five token figures in place of the usage; plain integers.

    The note of a choice is passed over (`choice_in` reads it), and so are charges behind the record. Raises ValueError when the
    bytes are not a record.
    """
    if len(record) != RECORD_BYTES and len(record) != RING_RECORD_BYTES:
        raise ValueError(f"a settlement has {RECORD_BYTES} bytes, or {RING_RECORD_BYTES} with its charges, not {len(record)}")
    # Named one by one, and texts looked up in place: the books unpack every request, and this way takes a third less time.
    (
        request_id, started_ns, duration_us, ttft_us, key_id, status, outcome, fault, flags, attempts, credential, surface,
        workspace_id, fresh, read, written_5m, written_1h, output, request_bytes, response_bytes,
        asked, served, path, upstream_request_id, method, provider, cost, held_nanodollars, held_tokens, price_tag,
    ) = _FACTS.unpack_from(record)  # fmt: skip
    if outcome not in _OUTCOMES or surface not in _SURFACES or fault not in _FAULTS:
        raise ValueError("a settlement has an unknown outcome, surface or fault")
    known = _text_of.get
    return (
        request_id, started_ns, duration_us, None if ttft_us == _NO_TTFT else ttft_us,
        key_id, status, outcome, fault, flags, attempts, credential, surface,
        workspace_id, fresh, read, written_5m, written_1h, output, request_bytes, response_bytes,
        known(asked) or _decoded(asked), known(served) or _decoded(served), known(path) or _decoded(path),
        _text(upstream_request_id), known(method) or _decoded(method), known(provider) or _decoded(provider),
        cost, held_nanodollars, held_tokens, price_tag,
    )  # fmt: skip


def choice_in(record: bytes) -> bytes:
    """The note of a choice in a record, without the NUL bytes behind it; empty when there is none."""
    # Most records have none, and its first byte says so.
    return record[FACTS_BYTES:RECORD_BYTES].rstrip(b"\0") if record[FACTS_BYTES] else b""


def charges(record: bytes) -> tuple[Charge, ...]:
    """What a ring's record was charged to; nothing for a bare settlement. Raises ValueError when it claims too many."""
    if len(record) <= RECORD_BYTES:
        return ()
    (count,) = _COUNT.unpack_from(record, RECORD_BYTES)
    if not count:
        return ()
    start = RECORD_BYTES + _COUNT.size
    end = start + count * _CHARGE.size
    if count > CHARGES_MAX or end > len(record):
        raise ValueError("a settlement claims more charges than there is room for")
    return tuple(_CHARGE.iter_unpack(record[start:end]))


def charged(record: bytes, amounts: Sequence[Charge]) -> bytes:
    """A settlement with its charges behind it, as a ring's reader would give it; for records that no worker wrote."""
    if len(record) != RECORD_BYTES or len(amounts) > CHARGES_MAX:
        raise ValueError(f"a settlement has {RECORD_BYTES} bytes and at most {CHARGES_MAX} charges")
    whole = b"".join((record, _COUNT.pack(len(amounts)), *(_CHARGE.pack(*amount) for amount in amounts)))
    return whole.ljust(RING_RECORD_BYTES, b"\0")


def _encoded(text: str) -> bytes:
    """A text that comes again and again: its bytes are remembered."""
    raw = _bytes_of.get(text)
    if raw is None:
        if len(_bytes_of) >= TEXTS_REMEMBERED_MAX:
            _bytes_of.clear()
        raw = _bytes_of[text] = _cut(text)
    return raw


def _decoded(raw: bytes) -> str:
    text = _text_of.get(raw)
    if text is None:
        if len(_text_of) >= TEXTS_REMEMBERED_MAX:
            _text_of.clear()
        text = _text_of[raw] = _text(raw)
    return text


def _cut(text: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    if len(raw) <= TEXT_BYTES:
        return raw
    return raw[:TEXT_BYTES].decode("utf-8", "ignore").encode()


def _text(raw: bytes) -> str:
    # A place cuts what is too long for it, also in the middle of a character.
    return raw.decode("utf-8", "ignore").rstrip("\0")


def _clamp(value: int, least: int, most: int) -> int:
    return least if value < least else most if value > most else value
