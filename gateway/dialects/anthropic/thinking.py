"""How much a model thinks: `thinking` and `output_config.effort`, to the neutral form and back.

Owns the three ways in which Claude's generations are told to think (not at all, with a budget of tokens, adaptively) and what
each forbids beside it.
"""

from gateway.core.profile import Profile
from gateway.core.usage import whole
from gateway.dialects import effort
from gateway.dialects.anthropic import tools
from gateway.dialects.anthropic.blocks import Wire, rest
from gateway.dialects.conversation import Conversation, Reasoning
from gateway.dialects.losses import Losses

BUDGET_MIN = 1024


def read(thinking: object, word: object) -> Reasoning | None:
    """`thinking` and the word of the effort; None where neither is there."""
    if thinking is None and not isinstance(word, str):
        return None
    thinking = thinking if isinstance(thinking, dict) else {}
    kind, budget, display = thinking.get("type"), thinking.get("budget_tokens"), thinking.get("display")
    return Reasoning(
        kind if isinstance(kind, str) else "",
        whole(budget) or 0,
        word if isinstance(word, str) else "",
        display if isinstance(display, str) else "",
        rest(thinking, "type", "budget_tokens", "display"),
    )


def write(body: Wire, output: Wire, conversation: Conversation, profile: Profile, losses: Losses) -> None:
    """`thinking`, `output_config.effort` and the `max_tokens` that leaves room for both thoughts and answer."""
    max_tokens = conversation.max_tokens if conversation.max_tokens is not None else profile.max_tokens_default
    body["max_tokens"] = max_tokens
    asked = conversation.reasoning
    if asked is None:
        return
    losses.judge_all(losses.word("reasoning.extras"), asked.extras)
    word = asked.effort or (effort.of_budget(asked.budget_tokens) if asked.kind == "enabled" else "")
    if asked.kind == "disabled" or word == effort.OFF:
        if profile.thinking and profile.thinking_off:
            body["thinking"] = {"type": "disabled"}
        else:
            losses.drop("reasoning")
        return
    choice = body.get("tool_choice")
    forced = isinstance(choice, dict) and choice["type"] in tools.FORCED_CHOICES
    taken = effort.clamp(word, profile.efforts)
    if taken:
        output["effort"] = taken
    if not profile.thinking or forced or (profile.thinking == "enabled" and _thoughts_missing(body["messages"])):
        if not taken:
            losses.drop("reasoning")
        return
    if profile.thinking == "adaptive":
        body["thinking"] = {"type": "adaptive", "display": asked.display or "summarized"}
        return
    budget = max(asked.budget_tokens or effort.BUDGETS.get(word, BUDGET_MIN), BUDGET_MIN)
    total = max_tokens if max_tokens > budget else max_tokens + budget
    if profile.max_tokens_max is not None and total > profile.max_tokens_max:
        total = profile.max_tokens_max
        budget = min(budget, total // 2)
    if budget < BUDGET_MIN:
        losses.drop("reasoning")
        return
    body["max_tokens"] = total
    body["thinking"] = {"type": "enabled", "budget_tokens": budget}


def _thoughts_missing(messages: object) -> bool:
    """Whether a turn that called tools and waits for their results does not begin with its thoughts: models that think by budget
    refuse to think on then."""
    assert isinstance(messages, list)
    last: list[Wire] = next((message["content"] for message in reversed(messages) if message["role"] == "assistant"), [])
    waits = messages[-1]["role"] == "user" and messages[-1]["content"][0]["type"] == "tool_result"
    return waits and bool(last) and last[0]["type"] not in ("thinking", "redacted_thinking")
