"""Writes the errors of upstreams and what clients of the other dialects are told:
`python -m tests.golden.errors.write`, then read the diff.

In `<dialect>.json` stands what upstreams say. In `<client>_from_<upstream>.json` stands for each of these the answer with its
headers, and the frames that end a stream when the same is said after its first words.
"""

import json
from pathlib import Path
from typing import Any

from tests.golden.anthropic import write as anthropic
from tests.golden.errors.said import ERRORS, Said
from tests.golden.openai_chat import write as chat
from tests.golden.openai_responses import write as responses
from tests.golden.translated.write import PAIRS, translation

FOLDER = Path(__file__).resolve().parent

# The first words of an answer, from each kind of upstream.
BEGUN: dict[str, bytes] = {
    "anthropic": anthropic.written(anthropic.STREAMS["text"][:4], 0),
    "openai_chat": chat.written([chat.ROLE, *chat.text("The")]),
    "openai_responses": responses.stream(
        [*responses.opening(), responses.added(responses.TEXT, 0), *responses.said(responses.TEXT, 0, "The")[:2]]
    ),
}


def in_stream(upstream: str, said: Said) -> bytes:
    """An error in the words in which a stream of this dialect says it."""
    if upstream == "anthropic":
        return anthropic.written([("error", said.body)], 0)
    if upstream == "openai_chat":
        return chat.written([said.body])
    error = said.body["error"]
    failed = responses.response("failed", error={"code": error["code"] or "server_error", "message": error["message"]})
    return responses.stream([{"type": "response.failed", "response": failed}])


def answered(client: str, upstream: str, said: Said) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body that a client gets of an error in the place of an answer."""
    exchange = translation(client, upstream)
    return exchange.write_fault(exchange.fault(said.status, json.dumps(said.body).encode(), said.retry_after_s))


def streamed(client: str, upstream: str, said: Said) -> tuple[bytes, bytes]:
    """The frames that a client gets before and of an error after the first words."""
    stream = translation(client, upstream, stream=True).streaming()
    begun = stream.feed(BEGUN[upstream])
    return begun, stream.feed(in_stream(upstream, said)) + stream.end()


def told(client: str, upstream: str, said: Said) -> dict[str, Any]:
    """Both as they are recorded."""
    status, headers, body = answered(client, upstream, said)
    shown = {name.decode(): value.decode() for name, value in headers if name not in (b"content-length", b"content-type")}
    frames = streamed(client, upstream, said)[1].decode().split("\n\n")
    return {
        "said": [said.status, said.body["error"]["message"]],
        "status": status,
        "headers": shown,
        "body": json.loads(body),
        "in_stream": [frame.split("\n") for frame in frames if frame],
    }


def everything() -> dict[str, bytes]:
    """File name -> content of all recorded files."""
    files: dict[str, object] = {
        f"{upstream}.json": {name: said._asdict() for name, said in errors.items()} for upstream, errors in ERRORS.items()
    }
    for client, upstream in PAIRS:
        files[f"{client}_from_{upstream}.json"] = {name: told(client, upstream, said) for name, said in ERRORS[upstream].items()}
    return {name: json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n" for name, document in files.items()}


if __name__ == "__main__":
    for file_name, content in everything().items():
        (FOLDER / file_name).write_bytes(content)
