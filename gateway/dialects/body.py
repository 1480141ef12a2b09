"""A JSON body, read so that everyone who reads it later sees the same.

Owns strictness: one object, valid UTF-8, no lone surrogates, no NaN, no number beyond a double, no trailing bytes, no deep
nesting, no top-level key twice. Knows no field of any dialect.

Strategy: the scanner of native_fastpath finds the top-level members and their offsets (and refuses deep nesting and broken
structure) at the speed of memchr; the parser does the rest. Before them stands a bound on the number of values, because a parser
turns 32 MB of `[],[],` into 770 MB of objects in three seconds, during which the worker serves nobody. Nobody can mean such a
body: the longest conversation the API takes, 100 000 messages, has 600 000 values. Only a large body with many commas and
brackets is counted exactly.

Measured on one core for 32 MB with the C scanner: one long string 34 ms, text full of commas and escapes 180 ms, the worst
hostile body we found 190 ms (with the pure scanner 430 ms).
"""

import re
from itertools import islice

import orjson

from native_fastpath import members

VALUES_MAX = 700_000
# Below this many bytes no body can have too many values.
SPARSE_BYTES_MAX = VALUES_MAX
# Above this size a broken body is not parsed just to say in which column it breaks.
DIAGNOSED_BYTES_MAX = 1_000_000

# Runs from one comma or opening bracket to the next, over whole strings. Possessive throughout, and with a way to match at any
# place, so that it is linear in the body whatever stands in it. A backslash outside strings is broken anyway and counts too.
_SEPARATOR = re.compile(rb'(?:[^",\[{\\]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+(?:[,\[{"\\]|\Z)', re.DOTALL)

# The top-level members as the scanner finds them: raw bytes of the key between its quotes, start and end of the value.
Found = list[tuple[bytes, int, int]]


class Unreadable(ValueError):
    """The body is not one JSON object that reads the same to everyone. The text says why and repeats nothing of the body."""


class NotAnObject(Unreadable):
    """The body is JSON, but not an object."""


def read(body: bytes) -> tuple[dict[str, object], Found]:
    """The parsed object and the spans of its top-level values: byte offsets in the body, a string's quotes included.

    Raises Unreadable.
    """
    if len(body) > SPARSE_BYTES_MAX and _crowded(body):
        raise Unreadable(f"more than {VALUES_MAX} values")
    try:
        found = members(body)
    except ValueError:
        raise _diagnose(body) from None
    document, broken = _parse(body)
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
