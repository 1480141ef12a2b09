"""A JSON body, read so that everyone who reads it later sees the same.

Owns strictness: one object, valid UTF-8, no lone surrogates, no NaN, no number beyond a double, no trailing bytes, no deep
nesting, no top-level key twice. Knows no field of any dialect.

Strategy: the scanner of native_fastpath finds the top-level members and their offsets (and refuses deep nesting and broken
structure) at the speed of memchr; the parser does the rest. Before them stands a bound on the number of values, because a parser
turns 32 MB of `[],[],` into 770 MB of objects in three seconds, during which the worker serves nobody. Nobody can mean such a
body: the longest conversation the API takes, 100 000 messages, has 600 000 values. Only a large body with many commas and
brackets is counted exactly.

A body can also be read by its outline (`outlined`), in which long strings inside of it are cut short: most of a large prompt is
text that nobody here looks at. What was cut is as valid as if it had been parsed. Measured for 400 kB of messages of 1800 bytes
each: with characters beyond ASCII the parser alone takes 0.61 ms, an outline and its parsing 0.43; in ASCII 0.14 and about 0.2,
but what is parsed is small, and need not go to another thread.

Measured on one core for 32 MB with the C scanner: one long string 34 ms, text full of commas and escapes 180 ms, the worst
hostile body we found 190 ms (with the pure scanner 430 ms).
"""

import re
from itertools import islice
from typing import Final

import orjson

from native_fastpath import IMPLEMENTATION, members, outline

VALUES_MAX = 700_000
# Below this many bytes no body can have too many values.
SPARSE_BYTES_MAX = VALUES_MAX
# Bodies from this size on may be read by their outline. Below it, a body is parsed before an outline of it would be made.
OUTLINED_BYTES_MIN: Final = 64 * 1024
# What an outline keeps of a string: enough to tell one conversation from another, far more than any name or id has.
TEXT_CHARS_MAX: Final = 512
# Above this size a broken body is not parsed just to say in which column it breaks.
DIAGNOSED_BYTES_MAX: Final = 1_000_000

# Runs from one comma or opening bracket to the next, over whole strings. A backslash outside strings is broken anyway and counts
# too; a string that nothing ends runs to the end. So no part ever fails after it has begun: that keeps it linear in the body
# whatever stands in it, and right in the Pythons before 3.11.5, whose possessive groups forget to go back.
_SEPARATOR: Final = re.compile(rb'(?:[^",\[{\\]++|"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z))*+(?:[,\[{\\]|\Z)', re.DOTALL)

# The top-level members as the scanner finds them: raw bytes of the key between its quotes, start and end of the value.
Found = list[tuple[bytes, int, int]]


class Unreadable(ValueError):
    """The body is not one JSON object that reads the same to everyone. The text says why and repeats nothing of the body."""


class NotAnObject(Unreadable):
    """The body is JSON, but not an object."""


def outlined(body: bytes) -> bytes:
    """The body for `read` to parse where nobody needs long texts: only the first TEXT_CHARS_MAX characters are left of a string
    that is neither a key nor a member of the body itself. Small bodies, and broken ones, are their own outline.

    The Python twin takes longer for an outline than is saved by it.
    """
    if len(body) < OUTLINED_BYTES_MIN or IMPLEMENTATION == "pure":
        return body
    return outline(body, TEXT_CHARS_MAX)


def read(body: bytes, shape: bytes | None = None) -> tuple[dict[str, object], Found]:
    """The parsed object and the spans of its top-level values: byte offsets in the body, a string's quotes included.

    `shape` is the body's outline: with it, long strings of the object are cut. Raises Unreadable.
    """
    if len(body) > SPARSE_BYTES_MAX and _crowded(body):
        raise Unreadable(f"more than {VALUES_MAX} values")
    try:
        found = members(body)
    except ValueError:
        raise _diagnose(body) from None
    document, broken = _parse(body if shape is None else shape)
    if broken and shape is not None:
        document, broken = _parse(body)  # says in which column of the body
    if broken or not isinstance(document, dict):
        raise Unreadable(broken)
    if len(found) != len(document):
        raise Unreadable("a top-level key stands in it twice")
    return document, found


def span_of(found: Found, name: str) -> tuple[int, int]:
    """The span of a top-level value that is there. Only this one key is unescaped, if it has to be."""
    plain = name.encode()
    for key, start, end in found:
        if key == plain:
            return start, end
    return next((start, end) for key, start, end in found if _name(key) == name)


def _name(key: bytes) -> str:
    """A key between its quotes, escapes resolved: `mod\\u0065l` is `model` to every parser."""
    return str(orjson.loads(b'"' + key + b'"')) if b"\\" in key else key.decode()


def _parse(body: bytes) -> tuple[object, str]:
    """The value, or what is wrong. The parser's own exception holds the whole body and must not live on inside another one."""
    try:
        return orjson.loads(body), ""
    except orjson.JSONDecodeError as error:
        return None, f"{error.msg}: line {error.lineno} column {error.colno}"


def _diagnose(body: bytes) -> Unreadable:
    """Why the scanner refused: broken, no object, or nested too deeply for us."""
    if len(body) > DIAGNOSED_BYTES_MAX:
        return Unreadable("it is broken, nested too deeply or no object")
    document, broken = _parse(body)
    if broken:
        return Unreadable(broken)
    return Unreadable("nested too deeply") if isinstance(document, dict) else NotAnObject("not an object")


def _crowded(body: bytes) -> bool:
    """Whether there are more than VALUES_MAX values: each comma or opening bracket outside strings brings one at most."""
    if body.count(b",") + body.count(b"[") + body.count(b"{") <= VALUES_MAX:
        return False
    # Two matches are no separators: the rest after the last one, and the end itself.
    return next(islice(_SEPARATOR.finditer(body), VALUES_MAX + 2, None), None) is not None
