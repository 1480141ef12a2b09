"""A Responses request to the neutral form and back: the top level of it.

Owns the fields that have a common name. All others travel in `extras`, and whoever writes for another dialect drops or refuses
them by the table of losses. The input and the tools have their own modules.

What only a store of responses could serve (`previous_response_id`, `conversation`, stored prompts and items) cannot be carried
anywhere: here, nothing is kept.
"""

from hashlib import sha256
from typing import TypeVar

import orjson

from gateway.core.profile import Profile
from gateway.dialects import effort
from gateway.dialects.codec import Written
from gateway.dialects.conversation import Conversation, Extras, Format, Reasoning, Text, Turn
from gateway.dialects.instructions import asking_for
from gateway.dialects.losses import Losses
from gateway.dialects.names import Names
from gateway.dialects.openai_chat.wording import invalid, misfit, mistyped
from gateway.dialects.openai_responses import tools, turns
from gateway.dialects.openai_responses.items import collect_tools, read_items
from gateway.dialects.openai_responses.tools import Form, Toolbox, read_choice
from gateway.dialects.openai_responses.wording import no_input, no_response, text_of, unsupported
from gateway.dialects.schemas import is_strict

DIALECT = "openai_responses"
ENCRYPTED = "reasoning.encrypted_content"
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
SUMMARIES = ("auto", "concise", "detailed", "none")
MAX_TOKENS_MIN = 16  # the API takes no smaller figure
USER_CHARS_MAX = 64
FORMATS = ("text", "json_object", "json_schema")
# Tiers with a common name. The others are bought from their provider.
_TIERS = {"auto": "auto", "default": "standard"}

T = TypeVar("T")

# Fields with a common name, and `metadata`, which is nothing but repeated in the answer.
_KNOWN = frozenset(
    (
        *("include", "input", "instructions", "max_output_tokens", "metadata", "model", "parallel_tool_calls"),
        *("prompt_cache_key", "reasoning"),
        *("safety_identifier", "service_tier", "stream", "temperature", "text", "tool_choice", "tools", "top_p", "user"),
    )
)


def read(document: dict[str, object], losses: Losses) -> Conversation:
    """A parsed body in neutral form. Raises Fault of kind INVALID."""
    if document.get("previous_response_id") is not None:
        raise no_response()
    items = _items_of(document)
    box = _toolbox(document, items)
    said = read_items(items, box, losses)
    instructions = _optional(document, "instructions", str)
    leading = next((place for place, turn in enumerate(said) if turn.role != "system"), len(said))
    extras: Extras = {field: value for field, value in document.items() if field not in _KNOWN and value not in (None, [])}
    choice = document.get("tool_choice")
    tier = _optional(document, "service_tier", str) or ""
    if tier and tier not in _TIERS:
        extras["service_tier"] = tier
    found = Conversation(
        DIALECT,
        text_of(document, "model", ""),
        said[leading:],
        system=[*([Text(instructions)] if instructions else []), *_words(said[:leading])],
        stream=bool(_optional(document, "stream", bool)),
        max_tokens=_optional(document, "max_output_tokens", int),
        tools=box.tools,
        choice=None if choice is None else read_choice(choice, box),
        parallel=_optional(document, "parallel_tool_calls", bool),
        temperature=_number(document, "temperature"),
        top_p=_number(document, "top_p"),
        reasoning=_reasoning(document),
        format=_format(document, extras),
        user=_user(document, extras),
        service_tier=_TIERS.get(tier, ""),
        cache_key=_optional(document, "prompt_cache_key", str) or "",
        verbosity=_verbosity(document),
        extras=extras,
        asked=document,
    )
    if found.max_tokens is not None and found.max_tokens < 1:
        raise invalid("max_output_tokens", "it must be 1 or more")
    _keep_other_includes(document, extras)
    return found


def forms_of(conversation: Conversation) -> dict[str, Form]:
    """How the client knows the tools it offered, by their neutral names; empty for a client of another dialect."""
    if conversation.dialect != DIALECT:
        return {}
    return _toolbox(conversation.asked, _items_of(conversation.asked)).forms


def _toolbox(document: dict[str, object], items: list[object]) -> Toolbox:
    """All tools a request offers, those that stand in its input too. Raises Fault."""
    box = Toolbox()
    if document.get("tools") is not None:
        box.add_all(document["tools"], "tools")
    collect_tools(items, box)
    return box


def _items_of(document: dict[str, object]) -> list[object]:
    given = document.get("input")
    if given is None or given in ("", []):
        raise no_input()
    if type(given) is str:
        return [{"type": "message", "role": "user", "content": given}]
    if type(given) is not list:
        raise mistyped("input", list)
    return given


def _words(turns: list[Turn]) -> list[Text]:
    return [block for turn in turns for block in turn.blocks if isinstance(block, Text)]


def _user(document: dict[str, object], extras: Extras) -> str:
    named, older = _optional(document, "safety_identifier", str), _optional(document, "user", str)
    if named and older and named != older:
        extras["user"] = older
    return named or older or ""


def _verbosity(document: dict[str, object]) -> str:
    text = _optional(document, "text", dict)
    return "" if text is None else _optional(text, "verbosity", str) or ""


def _reasoning(document: dict[str, object]) -> Reasoning | None:
    value = _optional(document, "reasoning", dict)
    if value is None:
        return None
    effort = value.get("effort")
    if effort is not None and effort not in EFFORTS:
        raise unsupported("reasoning.effort", EFFORTS)
    summary = value.get("summary") or value.get("generate_summary")
    if summary is not None and summary not in SUMMARIES:
        raise unsupported("reasoning.summary", SUMMARIES)
    known = ("effort", "summary", "generate_summary")
    found = Reasoning(
        effort=str(effort) if effort else "",
        display="summarized" if summary not in (None, "none") else "",
        extras={field: each for field, each in value.items() if field not in known and each is not None},
    )
    return None if found == Reasoning() else found


def _format(document: dict[str, object], extras: Extras) -> Format | None:
    text = _optional(document, "text", dict)
    if text is None:
        return None
    for field, each in text.items():
        if field not in ("format", "verbosity") and each is not None:
            extras[f"text.{field}"] = each
    value = text.get("format")
    if value is None:
        return None
    if type(value) is not dict:
        raise mistyped("text.format", dict)
    kind = value.get("type")
    if kind not in FORMATS:
        raise unsupported("text.format.type", FORMATS)
    if kind == "text":
        return None
    if kind == "json_object":
        return Format("json_object")
    schema = value.get("schema")
    if type(schema) is not dict:
        raise misfit("text.format", value, "schema", dict)
    strict, description = value.get("strict"), value.get("description")
    return Format(
        "json_schema",
        schema,
        text_of(value, "name", "text.format"),
        description if type(description) is str else "",
        strict if type(strict) is bool else None,
    )


def _keep_other_includes(document: dict[str, object], extras: Extras) -> None:
    """Encrypted content is given always: without a store an item is worth nothing without it."""
    wanted = document.get("include")
    if wanted is None:
        return
    if type(wanted) is not list:
        raise mistyped("include", list)
    for value in wanted:
        if value != ENCRYPTED:
            extras["include"] = wanted


def _optional(document: dict[str, object], field: str, kind: type[T]) -> T | None:
    value = document.get(field)
    if value is None:
        return None
    if type(value) is not kind:
        raise mistyped(field, kind)
    return value


def _number(document: dict[str, object], field: str) -> float | None:
    value = document.get(field)
    if value is None:
        return None
    if type(value) is not int and type(value) is not float:
        raise invalid(field, "it must be a number")
    return float(value)


def write(conversation: Conversation, model: str, profile: Profile, losses: Losses) -> Written:
    """The body of a request. Raises Fault for what cannot be carried."""
    losses.judge_all("", conversation.extras)
    names = Names(profile.tool_name_chars_max)
    system = [block.text for block in conversation.system]
    for block in conversation.system:
        losses.judge_all("system", block.extras)
        if block.cache:
            losses.drop("cache")
    form = conversation.format
    if form is not None and form.kind not in profile.formats:
        losses.drop("format")
        system.append(asking_for(form))
    body: dict[str, object] = {"model": model}
    if system:
        body["instructions"] = turns.PARAGRAPH.join(system)
    body["input"] = turns.write(conversation, profile, names, losses)
    offered = tools.write(conversation, profile, names, losses)
    if offered:
        body["tools"] = offered
        choice = tools.write_choice(conversation, profile, names, losses)
        if choice is not None:
            body["tool_choice"] = choice
        if conversation.parallel is not None:
            body["parallel_tool_calls"] = conversation.parallel
    text: dict[str, object] = {}
    if form is not None and form.kind in profile.formats:
        text["format"] = _write_format(form)
    if conversation.verbosity and profile.verbosity:
        text["verbosity"] = conversation.verbosity
    else:
        losses.drop_said("verbosity", conversation.verbosity)
    if text:
        body["text"] = text
    _write_thinking(body, conversation, profile, losses)
    _write_options(body, conversation, profile, losses)
    return Written(orjson.dumps(body), names.changed)


def _write_format(form: Format) -> dict[str, object]:
    if form.kind == "json_object":
        return {"type": "json_object"}
    strict = is_strict(form.schema) if form.strict is None else form.strict
    written: dict[str, object] = {"type": "json_schema", "name": form.name or "response", "schema": form.schema, "strict": strict}
    if form.description:
        written["description"] = form.description
    return written


def _write_thinking(body: dict[str, object], conversation: Conversation, profile: Profile, losses: Losses) -> None:
    """`reasoning`, and that nothing of it is stored: thoughts come back to the upstream in the items themselves."""
    body["store"] = False
    if not profile.efforts:
        if conversation.reasoning is not None:
            losses.drop("reasoning")
        return
    body["include"] = [ENCRYPTED]
    asked = conversation.reasoning
    if asked is None:
        return
    losses.judge_all("reasoning", asked.extras)
    word = asked.effort or (effort.of_budget(asked.budget_tokens) if asked.kind == "enabled" else "")
    off = asked.kind == "disabled" or word == effort.OFF
    reasoning: dict[str, object] = {}
    taken = effort.clamp(effort.OFF if off else word, profile.efforts)
    if taken:
        reasoning["effort"] = taken
    if off and taken != effort.OFF:
        losses.drop("reasoning")
    if not off and (asked.display == "summarized" or (asked.kind and asked.display != "omitted")):
        reasoning["summary"] = "auto"
    if asked.display not in ("", "summarized", "omitted"):
        losses.drop("display")
    if reasoning:
        body["reasoning"] = reasoning


def _write_options(body: dict[str, object], conversation: Conversation, profile: Profile, losses: Losses) -> None:
    max_tokens = conversation.max_tokens
    if max_tokens is not None:
        allowed = max(MAX_TOKENS_MIN, min(max_tokens, profile.max_tokens_max or max_tokens))
        body["max_output_tokens"] = allowed
        if allowed != max_tokens:
            losses.drop("max_tokens")
    if conversation.temperature is not None and profile.temperature:
        body["temperature"] = min(conversation.temperature, profile.temperature_max)
    elif conversation.temperature is not None:
        losses.drop("temperature")
    if conversation.top_p is not None and profile.top_p:
        body["top_p"] = conversation.top_p
    elif conversation.top_p is not None:
        losses.drop("top_p")
    for name, given in (("top_k", conversation.top_k is not None), ("stop", conversation.stop), ("cache", conversation.cache)):
        if given:
            losses.drop(name)
    if conversation.user and profile.user:
        body["safety_identifier"] = _identifier(conversation.user)
    elif conversation.user:
        losses.drop("user")
    if conversation.service_tier and profile.service_tier:
        body["service_tier"] = "default" if conversation.service_tier == "standard" else conversation.service_tier
    elif conversation.service_tier:
        losses.drop("service_tier")
    if conversation.cache_key and profile.cache_key:
        body["prompt_cache_key"] = conversation.cache_key
    else:
        losses.drop_said("cache_key", conversation.cache_key)
    if conversation.stream:
        body["stream"] = True


def _identifier(user: str) -> str:
    """A name for a user within the length the API takes; the same user has the same in every request."""
    return user if len(user) <= USER_CHARS_MAX else sha256(user.encode("utf-8", "surrogatepass")).hexdigest()
