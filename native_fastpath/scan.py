"""The pure twin of the JSON scanner: where the top-level members of an object lie.

It finds boundaries and nothing else: strings, matching brackets, and the commas and colons of the top level. Whether the
values are valid JSON is decided elsewhere by a full parser. Regular expressions do the walking, so Python runs once per
bracket, not per byte.
"""

import re

DEPTH_MAX = 512  # containers inside one another, the outermost included; deeper bodies exist only to exhaust parsers

MEMBERS_MAX = 10_000  # bounds the memory of the result; no request of any dialect has a hundred

_SPACE = rb"[ \t\n\r]*+"
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_open = re.compile(_SPACE + rb"\{" + _SPACE).match
_key = re.compile(_STRING, re.DOTALL).match
_colon = re.compile(_SPACE + rb":" + _SPACE).match
_scalar = re.compile(rb"[0-9A-Za-z+.\-]++|" + _STRING, re.DOTALL).match
_up_to_bracket = re.compile(rb'(?:[^"{}\[\]]++|' + _STRING + rb")*+", re.DOTALL).match
_next = re.compile(_SPACE + rb"[,}]" + _SPACE).match

_CLOSING = {ord("{"): ord("}"), ord("["): ord("]")}
_CLOSERS = frozenset(b"}]")
_CLOSING_BRACE = ord("}")


def members(body: bytes) -> list[tuple[bytes, int, int]]:
    """The top-level members of a JSON object, in order: (raw bytes of the key between its quotes, start, end of the value).

    Keys are not unescaped and may repeat. Raises ValueError when the body is not one object with nothing but JSON whitespace
    around it, is structurally broken, nests deeper than 512 containers or has more than 10 000 members.
    """
    if not isinstance(body, bytes):
        raise TypeError("bytes are expected")
    found: list[tuple[bytes, int, int]] = []
    mark = _open(body)
    if mark is None:
        raise ValueError("not a JSON object")
    position = mark.end()
    if body[position : position + 1] == b"}":
        closing = _next(body, position)
    else:
        while True:
            key = _key(body, position)
            colon = _colon(body, key.end()) if key else None
            if key is None or colon is None:
                raise ValueError("a member of the JSON object has no key")
            start = colon.end()
            end = _value_end(body, start)
            if len(found) == MEMBERS_MAX:
                raise ValueError("the JSON object has too many members")
            found.append((body[key.start() + 1 : key.end() - 1], start, end))
            closing = _next(body, end)
            if closing is None:
                raise ValueError("a member of the JSON object does not end")
            position = closing.end()
            if _CLOSING_BRACE in closing[0]:
                break
    if closing is None or closing.end() != len(body):
        raise ValueError("something follows the JSON object")
    return found


def _value_end(body: bytes, start: int) -> int:
    opening = body[start] if start < len(body) else 0
    if opening not in _CLOSING:
        scalar = _scalar(body, start)
        if scalar is None:
            raise ValueError("a member of the JSON object has no value")
        return scalar.end()
    expected = [_CLOSING_BRACE, _CLOSING[opening]]
    position = start + 1
    while True:
        skipped = _up_to_bracket(body, position)
        position = skipped.end() if skipped else position
        bracket = body[position] if position < len(body) else 0
        position += 1
        if bracket in _CLOSING:
            expected.append(_CLOSING[bracket])
            if len(expected) > DEPTH_MAX:
                raise ValueError("the JSON object nests too deep")
        elif bracket in _CLOSERS and bracket == expected[-1]:
            expected.pop()
            if len(expected) == 1:
                return position
        else:
            raise ValueError("a value of the JSON object is broken")
