"""The upstream's way of saying what is wrong with a request.

Clients heal themselves by these sentences, so they are kept in one place and to the letter: a path of field names and positions
(union members stand in it: `tools.0.custom.name`), a colon, a sentence. They never repeat what the client wrote, except the ids
of tool calls, which the client needs to find the spot.
"""

from typing import Final

from gateway.core.faults import Fault, FaultKind

REQUIRED: Final = "Field required"
EXTRA: Final = "Extra inputs are not permitted"
DICTIONARY: Final = "Input should be a valid dictionary"
LIST: Final = "Input should be a valid list"
STRING: Final = "Input should be a valid string"
INTEGER: Final = "Input should be a valid integer"
NUMBER: Final = "Input should be a valid number"
BOOLEAN: Final = "Input should be a valid boolean"

OF_TYPE: Final[dict[type, str]] = {dict: DICTIONARY, list: LIST, str: STRING, int: INTEGER, bool: BOOLEAN}


def invalid(text: str) -> Fault:
    """A 400 with this text."""
    return Fault(FaultKind.INVALID, text)


def at(path: str, text: str) -> Fault:
    """A 400 about one field."""
    return Fault(FaultKind.INVALID, f"{path}: {text}")


def misfit(path: str, holder: dict[str, object], field: str, expected: type) -> Fault:
    """A 400 about a field that must be there and be of one type, and is not."""
    return at(f"{path}.{field}" if path else field, OF_TYPE[expected] if field in holder else REQUIRED)
