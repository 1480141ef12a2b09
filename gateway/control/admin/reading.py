"""Reading: bodies and queries into their structs, however hostile.

Owns the words of the refusals: which field, what was expected, and nothing of the value. A body is read only if it reads the
same to everyone (`dialects.body`); a query's lists are written `name[]=a&name[]=b`, as Anthropic's are.
"""

import re
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from gateway.core.faults import Fault, FaultKind
from gateway.core.refusals import Refusal
from gateway.dialects import body as strict_body

BODY_BYTES_MAX = 65536

S = TypeVar("S", bound=msgspec.Struct)

# Code -> what msgspec says then. Besides `field`, where it was found, a refusal has the named parts as values.
CODES = {
    "field.missing": re.compile(r"Object missing required field `(?P<field>[^`]*)`"),
    "field.unknown": re.compile(r"Object contains unknown field `(?P<field>.*)`", re.DOTALL),
    "field.too_short": re.compile(r"Expected `str` of length >= (?P<count>[0-9]+)"),
    "field.too_long": re.compile(r"Expected `str` of length <= (?P<count>[0-9]+)"),
    "field.too_many": re.compile(r"Expected `array` of length <= (?P<count>[0-9]+)"),
    "field.too_small": re.compile(r"Expected `int` >= (?P<least>-?[0-9]+)"),
    "field.too_large": re.compile(r"Expected `int` <= (?P<most>[0-9]+)"),
    "field.wrong": re.compile(r".*", re.DOTALL),
}

_PLACE = re.compile(r"(.*) - at `\$\.?(.*)`", re.DOTALL)


def read_body(body: bytes, shape: type[S]) -> S:
    """A JSON body as `shape`; an empty one is an empty object. Raises Fault INVALID."""
    try:
        if body:
            strict_body.read(body)
        return msgspec.json.decode(body or b"{}", type=shape)
    except strict_body.Unreadable as error:
        broken = Refusal("body.broken", "The request body is not valid JSON: {problem}", problem=str(error))
        raise broken.fault(FaultKind.INVALID) from None
    except msgspec.MsgspecError as error:
        raise _fault_of(error) from None


def read_query(pairs: Iterable[tuple[str, str]], shape: type[S]) -> S:
    """Query parameters (decoded, in order) as `shape`. Raises Fault INVALID.

    A parameter that `shape` does not know is refused where the struct forbids it, else passed over.
    """
    lists = {field.encode_name for field in msgspec.structs.fields(shape) if field.encode_name.endswith("[]")}
    values: dict[str, str | list[str]] = {}
    for name, value in pairs:
        if f"{name}[]" in lists:
            name = f"{name}[]"
        if name in lists:
            so_far = values.setdefault(name, [])
            assert isinstance(so_far, list)
            so_far.append(value)
        elif name in values:
            raise Refusal("field.twice", "{field}: stands in the query twice", field=name).fault(FaultKind.INVALID)
        else:
            values[name] = value
    try:
        return msgspec.convert(values, type=shape, strict=False)
    except msgspec.MsgspecError as error:
        raise _fault_of(error) from None


def _fault_of(error: Exception) -> Fault:
    # Of a wrong enum value msgspec repeats the value, which may be a key in the wrong place.
    text = re.sub(r"^Invalid enum value .*?( - at `|\Z)", r"Unknown value\1", str(error), flags=re.DOTALL)
    place = _PLACE.fullmatch(text)
    said, field = (place[1], place[2]) if place else (text, "")
    code, found = next((code, found) for code, pattern in CODES.items() if (found := pattern.fullmatch(said)))
    facts = {"field": field} | {name: int(value) if value.isdecimal() else value for name, value in found.groupdict().items()}
    return Fault(FaultKind.INVALID, f"{field}: {said}" if field else text, code=code, values=facts)
