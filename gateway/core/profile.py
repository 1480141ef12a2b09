"""Profiles: what an upstream's model takes of what its dialect can say.

Owns the facts in which providers of one dialect, and models of one provider, differ. The dialects ask them and never a provider's
name. Knows no wire and reads no file: whoever knows the target fills the fields in.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """One target. The fields say what is taken; what is not is refused or named as a loss by the dialect that writes.

    Limits are the greatest value that is taken; None is no limit.
    """

    max_tokens_field: str = "max_completion_tokens"  # or max_tokens; Anthropic knows the second alone
    max_tokens_default: int = 32_000  # for a dialect that must name a figure, when the client named none
    max_tokens_max: int | None = None

    temperature: bool = True
    temperature_max: float = 2.0
    top_p: bool = True
    top_k: bool = False
    stop_max: int | None = 4  # 0: stop sequences are not taken

    thinking: str = ""  # how thinking is asked for beside an effort: adaptive, enabled (with a budget), or not at all
    thinking_off: bool = True  # it can be switched off
    efforts: tuple[str, ...] = ("none", "minimal", "low", "medium", "high", "xhigh")  # from least to most; none: not taken
    reasoning_field: str = ""  # under which name a chat message carries thoughts, when the upstream takes them back
    reasoning_details: bool = False  # it takes signed and encrypted thoughts back as reasoning_details

    images: bool = True
    image_urls: bool = True
    documents: bool = True
    system_role: str = "system"  # or developer
    system_anywhere: bool = True  # instructions in the middle of a conversation

    parallel_tools: bool = True  # it can be told not to call several tools at once
    strict_tools: bool = True
    freeform_tools: bool = False
    forced_tools: bool = True  # tool_choice may force a call
    tool_name_chars_max: int = 64
    tool_id_chars_max: int | None = 40

    formats: tuple[str, ...] = ("json_object", "json_schema")
    stream_options: bool = True
    user: bool = True
    service_tier: bool = True
    verbosity: bool = True
    cache_key: bool = True  # what names the prompts that share a prefix
    cache_marks: bool = False  # marks of cached prefixes are taken
    cache_automatic: bool = False  # ask for caching of the whole prefix where the client did not mark anything


# What to go by when nothing is known of a target: its dialect's own provider and that one's newest models.
DEFAULTS: dict[str, Profile] = {
    "anthropic": Profile(
        max_tokens_field="max_tokens",
        temperature=False,
        temperature_max=1.0,
        top_p=False,
        stop_max=None,
        thinking="adaptive",
        efforts=("low", "medium", "high", "xhigh", "max"),
        system_anywhere=False,
        tool_name_chars_max=128,
        tool_id_chars_max=None,
        formats=("json_schema",),
        cache_marks=True,
    ),
    "openai_chat": Profile(),
    "openai_responses": Profile(freeform_tools=True),
}
