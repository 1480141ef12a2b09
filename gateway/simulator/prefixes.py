"""Prefixes: which beginnings of prompts an upstream has seen before.

Owns the pretended prompt cache: digests of prompt beginnings, bounded in number and in age. Knows no HTTP. A request marks places
with `cache_control`; the longest marked beginning seen before is a read, what lies between it and the last mark is a write.
Tenants are kept apart by the credential that came with the request.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import orjson

from gateway.core.usage import Usage
from gateway.simulator.prompt import FRAME_TOKENS, MESSAGE_TOKENS, Prompt, block_tokens

PREFIXES_MAX = 10_000  # digests remembered; the oldest is forgotten first
LIFETIME_S = {"5m": 300.0, "1h": 3600.0}


class PrefixCache:
    """Beginnings of prompts with the time until which they are remembered. Used from one thread."""

    def __init__(self) -> None:
        self._until_s: OrderedDict[bytes, float] = OrderedDict()

    def __repr__(self) -> str:
        return f"<PrefixCache {len(self._until_s)} prefixes>"

    def take(self, prompt: Prompt, tenant: str, now_s: float) -> Usage:
        """The input side of the usage of `prompt`, and remembers its marked beginnings. `now_s` is monotonic."""
        usage = Usage(input_tokens=prompt.input_tokens)
        marks = list(_marks(prompt, tenant)) if prompt.has_breakpoints else []
        if not marks:
            return usage
        known = [tokens for digest, tokens, _ in marks if self._until_s.get(digest, 0.0) > now_s]
        usage.cache_read_tokens = reached = max(known, default=0)
        for digest, tokens, ttl in marks:
            self._remember(digest, now_s + LIFETIME_S[ttl])
            if tokens > reached:
                if ttl == "1h":
                    usage.cache_write_1h_tokens += tokens - reached
                else:
                    usage.cache_write_5m_tokens += tokens - reached
                reached = tokens
        usage.input_tokens -= reached
        return usage

    def _remember(self, digest: bytes, until_s: float) -> None:
        self._until_s[digest] = until_s
        self._until_s.move_to_end(digest)
        while len(self._until_s) > PREFIXES_MAX:
            self._until_s.popitem(last=False)


def _parts(body: dict[str, Any]) -> Iterator[tuple[Any, int]]:
    """Everything cacheable in wire order with its tokens: tools, system, messages."""
    for tool in body.get("tools") or ():
        yield tool, block_tokens(tool)
    system = body.get("system")
    for block in system if isinstance(system, list) else [system] if system else []:
        yield block, block_tokens(block)
    for message in body["messages"]:
        content = message["content"]
        extra = MESSAGE_TOKENS
        for block in content if isinstance(content, list) else [content]:
            yield block, block_tokens(block) + extra
            extra = 0


def _marks(prompt: Prompt, tenant: str) -> Iterator[tuple[bytes, int, str]]:
    """(digest, tokens from the start, ttl) of each marked beginning."""
    running = hashlib.blake2b(f"{tenant}\0{prompt.model}".encode("utf-8", "replace"), digest_size=16)
    tokens = FRAME_TOKENS
    parts = list(_parts(prompt.body))
    whole = prompt.body.get("cache_control")
    for place, (part, cost) in enumerate(parts):
        mark = part.get("cache_control") if isinstance(part, dict) else None
        if mark is None and place == len(parts) - 1:
            mark = whole
        bare = {name: value for name, value in part.items() if name != "cache_control"} if isinstance(part, dict) else part
        running.update(orjson.dumps(bare))
        tokens += cost
        if isinstance(mark, dict):
            yield running.digest(), tokens, "1h" if mark.get("ttl") == "1h" else "5m"
