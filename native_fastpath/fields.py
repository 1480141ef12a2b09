"""The pure twin of fields.c: a record of fixed size from its figures and texts.

A form has two bytes a field: what it is, and how many bytes it takes.

    i  an integer, little endian; 8 bytes
    n  the same, never negative
    u  an unsigned integer; 1, 2, 4 or 8 bytes
    s  a text in UTF-8, or bytes, with NUL bytes behind it
"""

import struct
from dataclasses import dataclass
from typing import Any

_WIDTHS = {b"i": (8,), b"n": (8,), b"u": (1, 2, 4, 8), b"s": tuple(range(1, 256))}
_CODES = {(b"i", 8): "q", (b"n", 8): "q", (b"u", 1): "B", (b"u", 2): "H", (b"u", 4): "I", (b"u", 8): "Q"}
_LEAST = {b"i": -(2**63)}


_FORMS_REMEMBERED_MAX = 64  # programs have one or two


@dataclass(frozen=True, slots=True)
class _Form:
    """A form as it is worked with: `packing` takes values that fit as they are."""

    fields: tuple[tuple[bytes, int], ...]
    packing: struct.Struct
    texts: tuple[int, ...]
    naturals: tuple[int, ...]


_forms: dict[bytes, _Form] = {}


def pack_fields(form: bytes, *values: object) -> bytes:
    """The record. Figures out of a field's range become the nearest that it holds; a text too long for it is cut at a character,
    bytes anywhere. What UTF-8 cannot hold of a text is written as `?`.

    Raises TypeError for a value that is of another type, ValueError for a form that is none or as many values as it has not.
    """
    if not isinstance(form, bytes):
        raise TypeError("a form is bytes")
    known = _forms.get(form) or _understood(form)
    if len(known.fields) != len(values):
        raise ValueError(f"{len(known.fields)} values are expected")
    fitting: list[Any] = list(values)
    for place in known.texts:
        fitting[place] = _cut(values[place], known.fields[place][1])
    try:
        if all(fitting[place] >= 0 for place in known.naturals):
            return known.packing.pack(*fitting)
    except (struct.error, TypeError):
        pass
    return b"".join(_field(kind, width, value) for (kind, width), value in zip(known.fields, values, strict=True))


def _understood(form: bytes) -> _Form:
    fields = tuple((form[at : at + 1], form[at + 1]) for at in range(0, len(form) - 1, 2))
    if len(form) % 2 or any(width not in _WIDTHS.get(kind, ()) for kind, width in fields):
        raise ValueError("a form has a kind and a width for every field")
    if len(_forms) >= _FORMS_REMEMBERED_MAX:
        _forms.clear()
    codes = (f"{width}s" if kind == b"s" else _CODES[kind, width] for kind, width in fields)
    texts = tuple(place for place, (kind, _) in enumerate(fields) if kind == b"s")
    naturals = tuple(place for place, (kind, _) in enumerate(fields) if kind == b"n")
    known = _forms[form] = _Form(fields, struct.Struct(f"<{''.join(codes)}"), texts, naturals)
    return known


def _field(kind: bytes, width: int, value: object) -> bytes:
    if kind == b"s":
        return _cut(value, width).ljust(width, b"\0")
    if not isinstance(value, int):
        raise TypeError("an integer is expected")
    least, most = _LEAST.get(kind, 0), 2 ** (8 * width if kind == b"u" else 63) - 1
    return struct.pack(f"<{_CODES[kind, width]}", min(max(value, least), most))


def _cut(value: object, width: int) -> bytes:
    if isinstance(value, bytes):
        return value[:width]
    if not isinstance(value, str):
        raise TypeError("a text or bytes are expected")
    raw = value.encode("utf-8", "replace")
    return raw if len(raw) <= width else raw[:width].decode("utf-8", "ignore").encode()
