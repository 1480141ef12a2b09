"""A Messages request to the neutral form and back.

Owns the top-level fields and the order of turns. Reading trusts nothing of the shape: a body may come here unchecked, and what
does not fit is a 400 in the upstream's words. Writing makes what the upstream demands of any conversation: turns that alternate,
tool results first in theirs, no empty text, thoughts only where they were signed, a figure for `max_tokens`.
"""

import orjson

from gateway.core.profile import Profile
from gateway.core.usage import TOKENS_MAX
from gateway.dialects import signatures
from gateway.dialects.anthropic import blocks, thinking, tools
from gateway.dialects.anthropic.blocks import Wire, cache_of, marked, rest
from gateway.dialects.anthropic.wording import DICTIONARY, at, misfit
from gateway.dialects.codec import Written
from gateway.dialects.conversation import (
    Block,
    Conversation,
    Document,
    Extras,
    Format,
    Image,
    Opaque,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Turn,
)
from gateway.dialects.images import MEDIA_TYPES, PDF
from gateway.dialects.instructions import NOTHING_SAID, asking_for, reminder
from gateway.dialects.losses import Losses
from gateway.dialects.names import Names
from gateway.dialects.schemas import enforceable

DIALECT = "anthropic"
USER_CHARS_MAX = 256
# A system block that bills Claude Code's use to a version of it. To other providers it is words that change every week.
BILLING = "x-anthropic-billing-header"

_KNOWN = (
    *("cache_control", "max_tokens", "messages", "metadata", "model", "output_config", "output_format", "service_tier"),
    *("stop_sequences", "stream", "system", "temperature", "thinking", "tool_choice", "tools", "top_k", "top_p"),
)


def read(document: Wire, losses: Losses) -> Conversation:
    """A parsed body. Raises Fault."""
    extras = rest(document, *_KNOWN)
    system = _read_system(document.get("system"), extras)
    choice, parallel = tools.read_choice(document)
    model, stop = document.get("model"), document.get("stop_sequences")
    if not isinstance(model, str):
        raise misfit("", document, "model", str)
    metadata, tier = document.get("metadata"), document.get("service_tier")
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    if isinstance(metadata, dict):
        extras |= {f"metadata.{key}": value for key, value in rest(metadata, "user_id").items()}
    if tier not in (None, "auto", "standard_only"):
        extras["service_tier"] = tier
    output = document.get("output_config")
    output = output if isinstance(output, dict) else {}
    extras |= {f"output_config.{key}": value for key, value in rest(output, "effort", "format").items()}
    return Conversation(
        DIALECT,
        model,
        _read_turns(document),
        system,
        stream=document.get("stream") is True,
        max_tokens=_whole(document, "max_tokens"),
        tools=tools.read(document.get("tools")),
        choice=choice,
        parallel=parallel,
        stop=[word for word in stop if isinstance(word, str)] if isinstance(stop, list) else [],
        temperature=_number(document.get("temperature")),
        top_p=_number(document.get("top_p")),
        top_k=_whole(document, "top_k"),
        reasoning=thinking.read(document.get("thinking"), output.get("effort")),
        format=_read_format(output.get("format") or document.get("output_format")),
        user=user if isinstance(user, str) else "",
        service_tier={"auto": "auto", "standard_only": "standard"}.get(str(tier), ""),
        cache=cache_of(document),
        extras=extras,
        asked=document,
    )


def _number(value: object) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _whole(document: Wire, name: str) -> int | None:
    value = _number(document.get(name))
    if value is not None and not 0 <= value <= TOKENS_MAX:
        raise at(name, f"Input should be between 0 and {TOKENS_MAX}")
    return None if value is None else int(value)


def _read_system(system: object, extras: Extras) -> list[Text]:
    """The instructions; what is none of them is left in `extras`."""
    if system is None:
        return []
    texts: list[Text] = []
    for block in blocks.read(system, "system"):
        if not isinstance(block, Text):
            extras[f"system.{block.kind if isinstance(block, Opaque) else type(block).__name__.lower()}"] = True
        elif not texts and block.text.startswith(f"{BILLING}:"):
            extras[BILLING] = block.text
        elif block.text:
            texts.append(block)
    return texts


def _read_turns(document: Wire) -> list[Turn]:
    messages = document.get("messages")
    if not isinstance(messages, list):
        raise misfit("", document, "messages", list)
    turns: list[Turn] = []
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            raise at(f"messages.{index}", DICTIONARY)
        role = message.get("role")
        if role not in ("user", "assistant", "system"):
            raise at(f"messages.{index}.role", "Input should be 'user', 'assistant' or 'system'")
        if message.get("content") is None:
            raise misfit(f"messages.{index}", message, "content", list)
        content = blocks.read(message["content"], f"messages.{index}.content")
        turns.append(Turn(role, content, rest(message, "role", "content")))
    return turns


def _read_format(form: object) -> Format | None:
    if form is None:
        return None
    if not isinstance(form, dict):
        raise at("output_config.format", DICTIONARY)
    schema = form.get("schema")
    if form.get("type") != "json_schema" or not isinstance(schema, dict):
        raise at("output_config.format", "Input should be a 'json_schema' with a 'schema'")
    return Format("json_schema", schema)


def write(conversation: Conversation, model: str, profile: Profile, losses: Losses) -> Written:
    """The body of a request. Raises Fault for what cannot be carried."""
    losses.judge_all("", conversation.extras)
    names = Names(profile.tool_name_chars_max)
    offered = tools.write(conversation, profile, names, losses)
    choice = tools.write_choice(conversation, profile, names, losses) if offered else None
    system: list[Wire] = []
    for block in conversation.system:
        losses.judge_all("system", block.extras)
        if block.cache and not profile.cache_marks:
            losses.drop("cache")
        system.append(marked({"type": "text", "text": block.text}, block.cache if profile.cache_marks else ""))
    body: Wire = {"model": model, "messages": _write_turns(conversation, profile, names, losses)}
    output: Wire = {}
    form = conversation.format
    if form is not None and form.kind == "json_schema" and "json_schema" in profile.formats:
        about = {"description": form.description} if form.description else {}
        output["format"] = {"type": "json_schema", "schema": enforceable({**about, **form.schema})}
    elif form is not None:
        losses.drop("format")
        system.append({"type": "text", "text": asking_for(form)})
    if system:
        body["system"] = system
    if offered:
        body["tools"] = offered
    if choice is not None:
        body["tool_choice"] = choice
    thinking.write(body, output, conversation, profile, losses)
    if output:
        body["output_config"] = output
    _write_options(body, conversation, profile, losses)
    return Written(orjson.dumps(body), names.changed)


def _write_options(body: Wire, conversation: Conversation, profile: Profile, losses: Losses) -> None:
    if conversation.stream:
        body["stream"] = True
    stop = [word for word in conversation.stop if word.strip()]
    if len(stop) < len(conversation.stop):
        losses.drop("stop")
    if stop:
        body["stop_sequences"] = stop
    _write_sampling(body, conversation, profile, losses)
    if conversation.user and profile.user:
        body["metadata"] = {"user_id": conversation.user[:USER_CHARS_MAX]}
    elif conversation.user:
        losses.drop("user")
    if conversation.service_tier and profile.service_tier:
        body["service_tier"] = "standard_only" if conversation.service_tier == "standard" else "auto"
    elif conversation.service_tier:
        losses.drop("service_tier")
    losses.drop_said("verbosity", conversation.verbosity)
    losses.drop_said("cache_key", conversation.cache_key)
    if conversation.cache and not profile.cache_marks:
        losses.drop("cache")
    elif conversation.cache or (profile.cache_automatic and not _has_marks(conversation)):
        marked(body, conversation.cache or blocks.CACHE_TTL_DEFAULT)


def _write_sampling(body: Wire, conversation: Conversation, profile: Profile, losses: Losses) -> None:
    """Sampling fields, where the model takes any and does not think."""
    plain = body.get("thinking", {"type": "disabled"}) == {"type": "disabled"}
    wanted = (
        ("temperature", conversation.temperature, profile.temperature),
        ("top_p", conversation.top_p, profile.top_p),
        ("top_k", conversation.top_k, profile.top_k),
    )
    for name, value, taken in wanted:
        if value is None:
            continue
        if not taken or not plain:
            losses.drop(name)
            continue
        if name == "temperature" and value > profile.temperature_max:
            losses.drop(name)
            value = profile.temperature_max
        body[name] = value


def _has_marks(conversation: Conversation) -> bool:
    nodes: list[Block] = [*conversation.system, *(block for turn in conversation.turns for block in turn.blocks)]
    return any(tool.cache for tool in conversation.tools if hasattr(tool, "cache")) or any(
        getattr(block, "cache", "") for block in nodes
    )


def _write_turns(conversation: Conversation, profile: Profile, names: Names, losses: Losses) -> list[Wire]:
    """Messages that alternate, each with at least one block, results before all else."""
    turns: list[tuple[str, list[Wire]]] = []
    for turn in conversation.turns:
        losses.judge_all("messages", turn.extras)
        role = "assistant" if turn.role == "assistant" else "user"
        carried = losses.carry(turn.blocks, marks=profile.cache_marks, details=False)
        if turn.role == "system":
            carried = [Text(reminder(block.text), block.cache) for block in losses.words_of(carried)]
        content = [_write_block(block, names, losses) for block in carried if _travels(block, losses)]
        if not content and role == "user":
            content = [{"type": "text", "text": NOTHING_SAID}]
        if not content:
            continue
        if turns and turns[-1][0] == role:
            turns[-1][1].extend(content)
        else:
            turns.append((role, content))
    if not turns:
        turns.append(("user", [{"type": "text", "text": NOTHING_SAID}]))
    for role, content in turns:
        if role == "user":
            content.sort(key=_after_results)
    return [{"role": role, "content": content} for role, content in turns]


def _after_results(block: Wire) -> bool:
    return block["type"] != "tool_result"


def _travels(block: Block, losses: Losses) -> bool:
    """Whether a block says anything, and says it to this provider."""
    if isinstance(block, (Text, Refusal)):
        return bool(block.text)
    if isinstance(block, Thinking) and (not block.signature or signatures.owner(block.signature)):
        losses.drop("thinking")
        return False
    if isinstance(block, RedactedThinking) and signatures.owner(block.data):
        losses.drop("redacted")
        return False
    return True


def _write_block(block: Block, names: Names, losses: Losses) -> Wire:
    _check_sources(block, losses)
    wire = blocks.write(block)
    if isinstance(block, ToolUse):
        wire["name"] = names.write(block.name)
    return wire


def _check_sources(block: Block, losses: Losses) -> None:
    """Refuses what the upstream cannot have: another provider's files, pictures in a form it does not take."""
    if isinstance(block, ToolResult):
        for inner in block.blocks:
            _check_sources(inner, losses)
    if not isinstance(block, (Image, Document)):
        return
    source = block.source
    if source.kind == "file":
        raise losses.refuse(
            "messages.content", "a file by its id is known to its own provider only; send its content", source.place
        )
    taken = MEDIA_TYPES if isinstance(block, Image) else (PDF,)
    if source.kind == "base64" and source.media_type not in taken:
        raise losses.refuse("messages.content", f"its content must be one of {', '.join(taken)}", source.place)
    for inner in source.blocks:
        _check_sources(inner, losses)
