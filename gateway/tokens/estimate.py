"""Estimates: the `input_tokens` of a text or of a whole Messages request, without asking anyone.

The door to this package for all others. Nothing here raises for what a client sent; only a broken installation does
(VocabularyError). Of the text of a request nothing is kept and nothing is logged.

Takes 0.1 to 0.3 s a megabyte of text, and half a second more for the first text of a process: call it in a thread or a process
of its own, never on an event loop. `fast_bound` is the exception, made for the path of a request.
"""

from gateway.tokens.bound import fast_bound
from gateway.tokens.families import Family, family_of, profile_of
from gateway.tokens.tally import Tally
from gateway.tokens.weights import weigh, whole_tokens

__all__ = ["Family", "count_request", "count_text", "family_of", "fast_bound"]


def count_text(text: str, family: Family | str) -> int:
    """Tokens of a bare text for one tokenizer, no frame: 0 for the empty text, else at least 1.

    Raises ValueError for a family that is none.
    """
    return whole_tokens(weigh(text, Family(family)))


def count_request(body: object, model: str) -> int:
    """Input tokens of a decoded Messages (or count_tokens) body for a model, cached parts included.

    At least 1, whatever the body: one that is no object counts as a single message.
    """
    tally = Tally(profile_of(model))
    parts = body if isinstance(body, dict) else {"messages": body}
    tally.content(parts.get("system"))
    tally.tools(parts.get("tools"), parts.get("tool_choice"))
    tally.messages(parts.get("messages"))
    tally.output_format(parts.get("output_config"), parts.get("output_format"))
    return tally.total()
