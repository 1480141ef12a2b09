"""The `response` object: what stands around the output of an answer, whole or streamed.

Owns its fields and their order, the figures, and the ids. It repeats the request, as the API does; what was not asked for
is said with the API's own defaults. It is put together from JSON text, since a stream says it three times and its parts do not
change in between.

Ids are made from the upstream's id of the answer: the same answer gives the same ids, on every machine and in every attempt.
"""

import re

import orjson

from gateway.core.usage import TOKENS_MAX, Usage, whole
from gateway.dialects.conversation import Conversation, Spent

# The API takes no id above 64 characters; this leaves room for the kind in front and the place behind.
SUFFIX_CHARS_MAX = 48
_FOREIGN = re.compile(r"[^A-Za-z0-9_-]")

# What is repeated of the request, in the order of the API, with what stands there when the client said nothing.
_BEFORE_MODEL: dict[str, object] = {"instructions": None, "max_output_tokens": None, "max_tool_calls": None}
_AFTER_OUTPUT: dict[str, object] = {
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": False,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
    "metadata": {},
}
# Said as it is here, whatever was asked: nothing is stored, and the tier is the upstream's affair.
_OWN = frozenset(("store", "service_tier", "previous_response_id"))


def suffix_of(identifier: str) -> str:
    """The part of an upstream's id that all ids of one answer share: what follows its kind (`msg_`, `chatcmpl-`)."""
    _, dash, rest = identifier.replace("-", "_").partition("_")
    return _FOREIGN.sub("_", rest if dash else identifier)[:SUFFIX_CHARS_MAX] or "0"


class Frame:
    """The `response` object of one answer without its changing parts. `created_s` is wall-clock seconds."""

    def __init__(self, identifier: str, conversation: Conversation, created_s: int) -> None:
        asked = conversation.asked if conversation.dialect == "openai_responses" else {}
        before = {field: _repeated(asked, field, default) for field, default in _BEFORE_MODEL.items()}
        after = {field: _repeated(asked, field, default) for field, default in _AFTER_OUTPUT.items()}
        self.id = f"resp_{suffix_of(identifier)}"
        head = {"id": self.id, "object": "response", "created_at": created_s}
        self._head = orjson.dumps(head)[:-1] + b',"status":'
        self._middle = orjson.dumps({**before, "model": conversation.model})[1:-1] + b',"output":['
        self._tail = b"]," + orjson.dumps(after)[1:-1] + b',"usage":'

    def write(self, status: str, output: list[bytes], spent: Spent | None, *, reason: str = "", error: bytes = b"null") -> bytes:
        """The object with this status; `reason` is that of an incomplete answer, `error` JSON text."""
        incomplete = orjson.dumps({"reason": reason}) if reason else b"null"
        figures = b"null" if spent is None else orjson.dumps(write_usage(spent))
        return b"".join(
            (
                self._head,
                b'"' + status.encode() + b'","background":false,"error":',
                error,
                b',"incomplete_details":',
                incomplete,
                b",",
                self._middle,
                b",".join(output),
                self._tail,
                figures,
                b"}",
            )
        )


def _repeated(asked: dict[str, object], field: str, default: object) -> object:
    value = None if field in _OWN else asked.get(field)
    return default if value is None else value


def write_usage(spent: Spent) -> dict[str, object]:
    """The figures as the API tells them: the input holds what was read from and written to the cache."""
    usage = spent.usage
    return {
        "input_tokens": usage.total_input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": spent.thinking_tokens},
        "total_tokens": usage.total_input_tokens + usage.output_tokens,
    }


def read_usage(value: object) -> Spent:
    """The figures of an upstream, none of which is believed before it is one."""
    if not isinstance(value, dict):
        return Spent(Usage())
    told, output = whole(value.get("input_tokens")), whole(value.get("output_tokens"))
    details = value.get("input_tokens_details")
    cached = whole(details.get("cached_tokens")) or 0 if isinstance(details, dict) else 0
    written = whole(details.get("cache_write_tokens")) or 0 if isinstance(details, dict) else 0
    details = value.get("output_tokens_details")
    thinking = whole(details.get("reasoning_tokens")) or 0 if isinstance(details, dict) else 0
    rest = max(0, (told or 0) - cached - written)
    return Spent(
        Usage(rest, cached, min(written, TOKENS_MAX), 0, output or 0),
        min(thinking, output or 0),
        input_reported=told is not None,
        output_reported=output is not None,
    )
