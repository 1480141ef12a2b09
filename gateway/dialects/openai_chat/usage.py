"""The `usage` of a chat answer, streamed or not, to our own terms and back.

Owns the arithmetic between the two ways of counting: OpenAI's prompt tokens include what was read from and written to the cache,
Anthropic's input tokens, and ours, exclude them. Every figure is input, not truth: it passes through `core.usage.whole`, and the
parts of a sum never exceed it.
"""

from gateway.core.usage import Usage, whole
from gateway.dialects.conversation import Spent

Wire = dict[str, object]


def tell(spent: Spent, usage: object) -> None:
    """Enters what a `usage` object tells; the last one counts."""
    if not isinstance(usage, dict):
        return
    prompt, completion = whole(usage.get("prompt_tokens")), whole(usage.get("completion_tokens"))
    details = usage.get("prompt_tokens_details")
    details = details if isinstance(details, dict) else {}
    # DeepSeek names the cached part beside the sum.
    read = whole(details.get("cached_tokens")) or whole(usage.get("prompt_cache_hit_tokens")) or 0
    written = whole(details.get("cache_write_tokens")) or whole(details.get("cache_creation_tokens")) or 0
    if prompt is not None:
        read = min(read, prompt)
        written = min(written, prompt - read)
        spent.usage.input_tokens = prompt - read - written
        spent.usage.cache_read_tokens = read
        spent.usage.cache_write_5m_tokens = written
        spent.input_reported = True
    if completion is not None:
        spent.usage.output_tokens = completion
        spent.output_reported = True
    details = usage.get("completion_tokens_details")
    if isinstance(details, dict):
        spent.thinking_tokens = whole(details.get("reasoning_tokens")) or spent.thinking_tokens


def write(spent: Spent) -> Wire:
    """The whole `usage` object."""
    usage: Usage = spent.usage
    prompt = usage.total_input_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": usage.output_tokens,
        "total_tokens": prompt + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": spent.thinking_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
