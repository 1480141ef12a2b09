"""Writes what the recorded streams and bodies become in the other dialects: `python -m tests.golden.translated.write`.

One folder for each pair, named client_from_upstream. Read the diff: it is what clients will see. In client_to_upstream stands
what upstreams get of recorded requests, with what was dropped on the way.
"""

import json
from itertools import permutations
from pathlib import Path

from gateway.core.profile import DEFAULTS
from gateway.dialects.translation import CODECS, Translation

FOLDER = Path(__file__).resolve().parent
PAIRS = tuple(permutations(CODECS, 2))
CREATED_S = 1_795_233_600

# A request that both of these dialects can read: what the answers below are answers to.
REQUEST: dict[str, object] = {
    "model": "asked-model",
    "max_tokens": 512,
    "messages": [{"role": "user", "content": "When does the ferry leave?"}],
    "stream_options": {"include_usage": True},
}
REQUESTS: dict[str, dict[str, object]] = {
    "openai_responses": {
        "model": "asked-model",
        "input": "When does the ferry leave?",
        "tools": [{"type": "custom", "name": "apply_patch"}],
        "metadata": {"quay": "3"},
    }
}


def translation(client: str, upstream: str, **more: object) -> Translation:
    """The exchange of which the answer is recorded."""
    return exchange(client, upstream, {**REQUESTS.get(client, REQUEST), **more})


def exchange(client: str, upstream: str, document: dict[str, object]) -> Translation:
    """An exchange that begins with this request."""
    return Translation(
        document,
        client=client,
        upstream=upstream,
        model="served-model",
        profile=DEFAULTS[upstream],
        request_id="req_Golden",
        created_s=CREATED_S,
    )


def translated(client: str, upstream: str, path: Path) -> bytes:
    """The answer in this file as the client sees it."""
    exchange = translation(client, upstream, stream=path.suffix == ".sse")
    if path.suffix == ".json":
        return exchange.reply(path.read_bytes())
    stream = exchange.streaming()
    return stream.feed(path.read_bytes()) + stream.end()


def forwarded(client: str, upstream: str, path: Path) -> bytes:
    """The request in this file as the upstream gets it."""
    sent = exchange(client, upstream, json.loads(path.read_bytes()))
    document = {"path": sent.path, "dropped": sent.losses.dropped, "body": json.loads(sent.body)}
    return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"


def sources(upstream: str) -> list[Path]:
    """The recorded answers of upstreams of one dialect."""
    files = sorted(path for path in (FOLDER.parent / upstream).iterdir() if path.suffix in (".sse", ".json"))
    return [path for path in files if not path.name.startswith("request_")]


def requests(client: str) -> list[Path]:
    """The recorded requests of clients of one dialect."""
    return sorted((FOLDER.parent / client).glob("request_*.json"))


def everything() -> dict[str, bytes]:
    """Path in this folder -> content of all recorded files."""
    answers = {
        f"{client}_from_{upstream}/{path.name}": translated(client, upstream, path)
        for client, upstream in PAIRS
        for path in sources(upstream)
    }
    asked = {
        f"{client}_to_{upstream}/{path.name}": forwarded(client, upstream, path)
        for client, upstream in PAIRS
        for path in requests(client)
    }
    return answers | asked


if __name__ == "__main__":
    for file_name, content in everything().items():
        (FOLDER / file_name).parent.mkdir(exist_ok=True)
        (FOLDER / file_name).write_bytes(content)
