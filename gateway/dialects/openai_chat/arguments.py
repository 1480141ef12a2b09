"""The arguments of a tool call: a JSON text on OpenAI's wire, an object everywhere else.

Owns what becomes of a text that is no object, since models write such and a conversation must go on all the same: nothing and
`null` are an empty object, an object inside a string is taken out of it, and anything else is kept whole under one name, so that
the client's own check of the arguments fails and the model is told.
"""

import json

import orjson

UNPARSED = "unparsed_arguments"


def read(text: object) -> dict[str, object]:
    """The object that a text of arguments stands for. Some servers send the object itself."""
    if isinstance(text, dict):
        return text
    if not isinstance(text, str) or not text.strip():
        return {}
    value = _parsed(text)
    if isinstance(value, str):
        value = _parsed(value)
    if value is None and text.strip() in ("null", "None"):
        return {}
    return value if isinstance(value, dict) else {UNPARSED: text}


def _parsed(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        # Bare line ends inside strings, which models write and clients' parsers often forgive. What comes of it must be valid.
        value: object = json.loads(text, strict=False)
        orjson.dumps(value)
    except (ValueError, TypeError, RecursionError):
        return None
    return value


def write(arguments: dict[str, object]) -> str:
    """The text of an object, compact."""
    return orjson.dumps(arguments).decode()
