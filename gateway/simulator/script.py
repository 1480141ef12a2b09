"""Scripts: what a request asks the simulator to do, as data.

Owns the table of keys, their bounds and their three spellings (request header, line in the prompt, server option). Knows no HTTP
and no message format. The strategy is one table: `KEYS` is what is read, refused and printed by `gateway simulate --help`.
"""

import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Script:
    """One request's instructions. The defaults are a well-behaved upstream; `KEYS` tells what each field does."""

    text_tokens: int | None = None
    tokens_per_s: float = 0.0
    chunk: int = 1
    ttft_ms: int = 0
    head_ms: int = 0
    thinking_tokens: int | None = None
    tool: str | None = None
    calls: int = 1
    input: str | None = None
    status: int | None = None
    retry_after: int | None = None
    message: str | None = None
    error_code: str | None = None
    cut_at: int | None = None
    cut: str = "fin"
    hang_at: int | None = None
    count: str = "wire"
    error_at: int | None = None
    no_stop: str | None = None
    malformed: str | None = None
    empty: bool = False
    redirect: str | None = None
    html: bool = False
    gzip: bool = False
    usage: str | None = None
    fixture: str | None = None
    split: int | None = None
    sha: bool = False
    late_end: int | None = None


class ScriptError(ValueError):
    """A script that cannot be read; the text names the key and never repeats the rest of the prompt."""


Value = int | float | str | bool


@dataclass(frozen=True, slots=True)
class Key:
    """One row of the table: how the value is written, what is read from it, what it does."""

    form: str
    read: Callable[[str], Value]
    does: str
    bare: str | None = None  # the value when the key stands alone


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", text) or not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return read


def _rate(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,6})?", text):
        raise ValueError("a number of tokens a second")
    return float(text)


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError("one of " + ", ".join(words))
        return text

    return read


def _word(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", text):
        raise ValueError("a name of letters, digits, _, . and -")
    return text


def _line(text: str) -> str:
    if len(text) > 500 or not text.isprintable():
        raise ValueError("one printable line of at most 500 characters")
    return text


def _address(text: str) -> str:
    if not re.fullmatch(r"[!-~]{1,2000}", text):
        raise ValueError("an address in ASCII")
    return text


def _flag(text: str) -> bool:
    if text not in ("1", "0", "true", "false"):
        raise ValueError("1 or 0")
    return text in ("1", "true")


# An hour of waiting and a million tokens are more than any test wants, and bound what one request can make us hold.
_MS = _whole(0, 3_600_000)
_COUNT = _whole(0, 1_000_000)
_BYTES = _whole(0, 1_000_000_000)

KEYS: dict[str, Key] = {
    "text_tokens": Key("N", _COUNT, "answer with N tokens of prose instead of an echo of the prompt"),
    "tokens_per_s": Key("R", _rate, "speed of the answer; 0 = as fast as possible"),
    "chunk": Key("N", _whole(1, 100_000), "tokens in one event"),
    "ttft_ms": Key("N", _MS, "wait after the head, before the first token (without streaming: before the answer)"),
    "head_ms": Key("N", _MS, "wait before the first byte of the answer"),
    "thinking_tokens": Key("N", _COUNT, "think for N tokens first; 0 = no thinking block"),
    "tool": Key("NAME", _word, "call that tool"),
    "input": Key("JSON", _line, "the input of that call, as it is; without it one that fits the tool's schema"),
    "calls": Key("N", _whole(1, 100), "call the tool N times at once"),
    "status": Key("NNN", _whole(400, 599), "answer with the error envelope of that status"),
    "retry_after": Key("S", _whole(0, 1_000_000), "retry-after of that error, seconds"),
    "message": Key("TEXT", _line, "text of that error"),
    "error_code": Key("CODE", _word, "details.error_code of that error"),
    "cut_at": Key("N", _BYTES, "break the connection after N bytes of the answer"),
    "cut": Key("fin|rst", _one_of("fin", "rst"), "how cut_at breaks it (default fin)"),
    "hang_at": Key("N", _BYTES, "send N bytes of the answer, then nothing more, connection open"),
    "count": Key("wire|body", _one_of("wire", "body"), "what cut_at and hang_at count: all bytes (default) or payload bytes"),
    "error_at": Key(
        "N", _whole(0, 1_000_000), "stream: an error event after N events, then the end (529 wording, or that of status=)"
    ),
    "no_stop": Key(
        "message_stop|message_delta",
        _one_of("message_stop", "message_delta"),
        "stream: leave message_stop out, or message_delta and message_stop",
        bare="message_stop",
    ),
    "malformed": Key(
        "json|sse|http|chunk",
        _one_of("json", "sse", "http", "chunk"),
        "half a JSON value, lines that are not SSE, bytes that are not HTTP, or a broken chunk size",
        bare="json",
    ),
    "empty": Key("", _flag, "200 without a byte of body", bare="1"),
    "redirect": Key("URL", _address, "307 to that address"),
    "html": Key("", _flag, "an HTML page (status= or 502)", bare="1"),
    "gzip": Key("", _flag, "compress the answer whether asked or not", bare="1"),
    "usage": Key(
        "negative|huge|string|fraction|null|missing|weird",
        _one_of("negative", "huge", "string", "fraction", "null", "missing", "weird"),
        "usage figures no client should trust; weird = some of each",
        bare="weird",
    ),
    "fixture": Key("NAME", _word, "send that recorded stream or body byte for byte"),
    "split": Key("N", _whole(1, 1_000_000), "write the answer in TCP writes of N bytes"),
    "sha": Key("", _flag, "put the sha256 of the request body into the text and into x-body-sha256", bare="1"),
    "late_end": Key("MS", _MS, "end the body that long after its last byte of content", bare="1000"),
}

_PROMPT_LINE = re.compile(r"\[\[simulate(?:\s+([^\]\n]{0,2000}))?\]\]")


def _read(base: Script, pairs: Iterable[str]) -> Script:
    changes: dict[str, Value] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name.strip()
        key = KEYS.get(name)
        if key is None:
            raise ScriptError(f"simulate: unknown key {name[:40]!r}")
        if not equals:
            if key.bare is None:
                raise ScriptError(f"simulate: {name} needs a value: {name}={key.form}")
            text = key.bare
        try:
            changes[name] = key.read(text.strip())
        except ValueError as error:
            raise ScriptError(f"simulate: {name} must be {error}") from None
    return replace(base, **changes)  # type: ignore[arg-type]  # the table reads each field's own type; a test compares them


@lru_cache(maxsize=1024)
def read_header(text: str, base: Script) -> Script:
    """`base` with what a `x-simulate: key=value;key=value` header says. Raises ScriptError."""
    return _read(base, (pair for pair in text.split(";") if pair.strip()))


@lru_cache(maxsize=1024)
def read_line(text: str, base: Script) -> Script:
    """`base` with the inside of `[[simulate key=value key="two words"]]`. Raises ScriptError."""
    try:
        pairs = shlex.split(text)
    except ValueError:
        raise ScriptError("simulate: a quote is not closed") from None
    return _read(base, pairs)


def line_in(prompt: str) -> str | None:
    """The inside of the last `[[simulate ...]]` line of a prompt, or None."""
    if "[[simulate" not in prompt:
        return None
    found = _PROMPT_LINE.findall(prompt)
    return found[-1] if found else None


def table() -> str:
    """The keys as aligned text, one a line, for help pages."""
    rows = [(f"{name}={key.form}" if key.form else name, key.does) for name, key in KEYS.items()]
    return "\n".join(f"{left:<42} {does}" for left, does in rows)
