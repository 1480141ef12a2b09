"""A checked request, in any dialect: what the gateway needs to know of it before it decides where it goes.

Owns the type and the one edit that is made to a body that is passed on, the name of the model. Each dialect has its own checks.
"""

from dataclasses import dataclass

import orjson


@dataclass(slots=True, init=False)
class Request:
    """What a checked body says.

    `model_span` holds the byte offsets of the model's value in the body, quotes included. `max_tokens` is the figure as sent (0
    where none was). `document` is the parsed body; nothing is ever written back from it. If the body was read by its outline,
    its long texts are cut.
    """

    model: str
    model_span: tuple[int, int]
    stream: bool
    max_tokens: int
    document: dict[str, object]

    def __init__(
        self, model: str, model_span: tuple[int, int], stream: bool, max_tokens: int, document: dict[str, object]
    ) -> None:
        self.model = model
        self.model_span = model_span
        self.stream = stream
        self.max_tokens = max_tokens
        self.document = document

    def __repr__(self) -> str:
        return f"<Request {self.model!r} stream={self.stream} max_tokens={self.max_tokens}>"


def replace_model(body: bytes, span: tuple[int, int], name: str) -> bytes:
    """The body with another model name in the place of the old one and every other byte as it was."""
    return b"".join((body[: span[0]], orjson.dumps(name), body[span[1] :]))
