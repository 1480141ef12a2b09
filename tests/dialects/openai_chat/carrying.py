"""Requests between Anthropic's dialect and Chat, as the tests of their fields look at them."""

from dataclasses import replace
from typing import Any

import orjson

from gateway.core.profile import DEFAULTS
from gateway.dialects.losses import Losses
from gateway.dialects.translation import CODECS

Json = dict[str, Any]


def to_anthropic(*messages: Json, profile: Json | None = None, **fields: Any) -> tuple[Json, tuple[str, ...]]:
    """The Messages body that a chat request becomes, and what was dropped. Raises Fault."""
    document = {"model": "asked", "messages": list(messages) or [{"role": "user", "content": "hi"}], **fields}
    return _carry(document, "openai_chat", "anthropic", profile)


def to_chat(*messages: Json, profile: Json | None = None, **fields: Any) -> tuple[Json, tuple[str, ...]]:
    """The chat body that a Messages request becomes, and what was dropped. Raises Fault."""
    asked = list(messages) or [{"role": "user", "content": "hi"}]
    return _carry({"model": "asked", "max_tokens": 64, "messages": asked, **fields}, "anthropic", "openai_chat", profile)


def _carry(document: Json, client: str, upstream: str, profile: Json | None) -> tuple[Json, tuple[str, ...]]:
    losses = Losses(client)
    conversation = CODECS[client].read_request(document, losses)
    written = CODECS[upstream].write_request(conversation, "served", replace(DEFAULTS[upstream], **(profile or {})), losses)
    return orjson.loads(written.body), losses.dropped
