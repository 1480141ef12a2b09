"""A chat request to the neutral form and back.

Owns the top-level fields. Reading trusts nothing of the shape: what does not fit is a 400 in OpenAI's words. Writing goes by the
profile alone in what servers of this shape differ in: the name of the token limit, whether thoughts, formats or stream options
are taken.
"""

from hashlib import sha256

import orjson

from gateway.core.profile import Profile
from gateway.core.usage import TOKENS_MAX, whole
from gateway.dialects import effort
from gateway.dialects.codec import Written
from gateway.dialects.conversation import Conversation, Format, Reasoning
from gateway.dialects.instructions import asking_for
from gateway.dialects.losses import Losses
from gateway.dialects.names import Names
from gateway.dialects.openai_chat import messages, tools
from gateway.dialects.openai_chat.wording import invalid, misfit, mistyped
from gateway.dialects.schemas import is_strict

Wire = dict[str, object]

DIALECT = "openai_chat"
USER_CHARS_MAX = 64
FORMAT_NAME = "response"
_KNOWN = frozenset(
    {
        "cache_control",
        "function_call",
        "functions",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "model",
        "parallel_tool_calls",
        "prompt_cache_key",
        "reasoning",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "service_tier",
        "stop",
        "stream",
        "stream_options",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
        "user",
        "verbosity",
    }
)


def read(document: Wire, losses: Losses) -> Conversation:
    """A parsed body. Raises Fault."""
    extras = {key: value for key, value in document.items() if key not in _KNOWN and value is not None}
    model = document.get("model")
    if not isinstance(model, str) or not model:
        raise misfit("", document, "model", str)
    system, turns = messages.read(document)
    tier = document.get("service_tier")
    if tier not in (None, "auto", "default"):
        extras["service_tier"] = tier
    parallel, stream = (_typed(document, name, bool) for name in ("parallel_tool_calls", "stream"))
    top_k = _number(document, "top_k")
    if document.get("functions") and not document.get("tools"):
        parallel = False  # an answer in the older shape has room for one call
    return Conversation(
        DIALECT,
        model,
        turns,
        system,
        stream=stream is True,
        include_usage=_read_stream_options(document, extras),
        max_tokens=_read_max_tokens(document),
        tools=tools.read(document),
        choice=tools.read_choice(document),
        parallel=parallel if isinstance(parallel, bool) else None,
        stop=_read_stop(document.get("stop")),
        temperature=_number(document, "temperature"),
        top_p=_number(document, "top_p"),
        top_k=None if top_k is None else whole(int(top_k)),
        reasoning=_read_reasoning(document, extras),
        format=_read_format(document.get("response_format"), extras),
        user=_read_user(document, extras),
        service_tier={"auto": "auto", "default": "standard"}.get(str(tier), ""),
        cache="5m" if isinstance(document.get("cache_control"), dict) else "",
        cache_key=_word(document, "prompt_cache_key"),
        verbosity=_word(document, "verbosity"),
        extras=extras,
        asked=document,
    )


def _typed(document: Wire, name: str, expected: type) -> object:
    value = document.get(name)
    if value is not None and type(value) is not expected:
        raise mistyped(name, expected)
    return value


def _word(document: Wire, name: str) -> str:
    value = _typed(document, name, str)
    return value if isinstance(value, str) else ""


def _number(document: Wire, name: str) -> float | None:
    value = document.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise mistyped(name, int)
    return value


def _read_max_tokens(document: Wire) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        value = _number(document, name)
        if value is not None:
            if not 1 <= value <= TOKENS_MAX:
                raise invalid(name, f"it must be from 1 to {TOKENS_MAX}")
            return int(value)
    return None


def _read_stream_options(document: Wire, extras: Wire) -> bool:
    options = document.get("stream_options")
    if not isinstance(options, dict):
        return False
    extras |= {f"stream_options.{key}": value for key, value in options.items() if key != "include_usage" and value is not None}
    return options.get("include_usage") is True


def _read_stop(stop: object) -> list[str]:
    if stop is None:
        return []
    words = [stop] if isinstance(stop, str) else stop
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise mistyped("stop", str)
    return words


def _read_user(document: Wire, extras: Wire) -> str:
    names = [value for name in ("user", "safety_identifier") if isinstance(value := document.get(name), str) and value]
    if len(set(names)) > 1:
        extras["safety_identifier"] = names[1]
    return names[0] if names else ""


def _read_reasoning(document: Wire, extras: Wire) -> Reasoning | None:
    """`reasoning_effort`; or `thinking` as Anthropic's own endpoint of this shape takes it, or OpenRouter's `reasoning`."""
    word = _typed(document, "reasoning_effort", str)
    thinking, wanted = document.get("thinking"), document.get("reasoning")
    thinking = thinking if isinstance(thinking, dict) else {}
    wanted = wanted if isinstance(wanted, dict) else {}
    known = ("effort", "max_tokens", "enabled")
    extras |= {f"reasoning.{key}": value for key, value in wanted.items() if key not in known and value is not None}
    word = word or wanted.get("effort")
    kind, budget = thinking.get("type"), thinking.get("budget_tokens") or wanted.get("max_tokens")
    if wanted.get("enabled") is False:
        kind = "disabled"
    if kind is None and isinstance(budget, int):
        kind = "enabled"
    if kind is None and word is None and not wanted:
        return None
    display = thinking.get("display")
    return Reasoning(
        kind if isinstance(kind, str) else "" if word else "adaptive",
        whole(budget) or 0,
        word if isinstance(word, str) else "",
        display if isinstance(display, str) else "",
        {key: value for key, value in thinking.items() if key not in ("type", "budget_tokens", "display")},
    )


def _read_format(form: object, extras: dict[str, object]) -> Format | None:
    if form is None:
        return None
    if not isinstance(form, dict):
        raise mistyped("response_format", dict)
    kind, about = form.get("type"), form.get("json_schema")
    if kind == "text":
        return None
    if kind == "json_object":
        return Format("json_object")
    if kind != "json_schema":
        raise invalid("response_format.type", "it must be text, json_object or json_schema")
    if not isinstance(about, dict):
        raise misfit("response_format", form, "json_schema", dict)
    schema, name, description, strict = (about.get(key) for key in ("schema", "name", "description", "strict"))
    if schema is not None and not isinstance(schema, dict):
        raise mistyped("response_format.json_schema.schema", dict)
    if not schema:
        # Any object will do, and a form without a schema has nothing to be named or described.
        said = {"name": name, "description": description, "strict": strict}
        extras.update({f"response_format.json_schema.{key}": value for key, value in said.items() if value is not None})
        return Format("json_object")
    return Format(
        "json_schema",
        schema,
        name if isinstance(name, str) else "",
        description if isinstance(description, str) else "",
        strict if isinstance(strict, bool) else None,
    )


def write(conversation: Conversation, model: str, profile: Profile, losses: Losses) -> Written:
    """The body of a request. Raises Fault for what cannot be carried."""
    losses.judge_all("", conversation.extras)
    names = Names(profile.tool_name_chars_max)
    body: Wire = {"model": model, "messages": messages.write(conversation, profile, names, losses)}
    if conversation.max_tokens == 0:
        raise losses.refuse("max_tokens", "the model asked for cannot be called for its cache alone")
    if conversation.max_tokens is not None:
        body[profile.max_tokens_field] = conversation.max_tokens
    offered = tools.write(conversation, profile, names, losses)
    if offered:
        body["tools"] = offered
        choice = tools.write_choice(conversation, profile, names, losses)
        if choice is not None:
            body["tool_choice"] = choice
        if conversation.parallel is False:
            if profile.parallel_tools:
                body["parallel_tool_calls"] = False
            else:
                losses.drop("parallel")
    _write_format(body, conversation, profile, losses)
    _write_reasoning(body, conversation, profile, losses)
    _write_options(body, conversation, profile, losses)
    return Written(orjson.dumps(body), names.changed)


def _write_format(body: Wire, conversation: Conversation, profile: Profile, losses: Losses) -> None:
    form = conversation.format
    if form is None:
        return
    if form.kind not in profile.formats:
        losses.drop("format")
        written = body["messages"]
        assert isinstance(written, list)
        if written and written[0]["role"] == profile.system_role:
            written[0] = {**written[0], "content": f"{written[0]['content']}\n\n{asking_for(form)}"}
        else:
            written.insert(0, {"role": profile.system_role, "content": asking_for(form)})
        return
    if form.kind == "json_object":
        body["response_format"] = {"type": "json_object"}
        return
    strict = is_strict(form.schema) if form.strict is None else form.strict
    about: Wire = {"name": form.name or FORMAT_NAME, "schema": form.schema, "strict": strict}
    if form.description:
        about["description"] = form.description
    body["response_format"] = {"type": "json_schema", "json_schema": about}


def _write_reasoning(body: Wire, conversation: Conversation, profile: Profile, losses: Losses) -> None:
    asked = conversation.reasoning
    if asked is None:
        return
    losses.judge_all(losses.word("reasoning.extras"), asked.extras)
    if asked.display:
        losses.drop("display")
    if asked.kind == "disabled":
        word = effort.OFF if effort.OFF in profile.efforts else effort.clamp("minimal", profile.efforts)
    else:
        word = effort.clamp(
            asked.effort or (effort.of_budget(asked.budget_tokens) if asked.kind == "enabled" else ""), profile.efforts
        )
    if word:
        body["reasoning_effort"] = word
    elif asked.effort:
        losses.drop("effort")
    if asked.kind in ("enabled", "disabled", "between_tools") and (not word or asked.kind == "between_tools"):
        losses.drop("reasoning")


def _write_options(body: Wire, conversation: Conversation, profile: Profile, losses: Losses) -> None:
    if conversation.stream:
        body["stream"] = True
        if profile.stream_options:
            body["stream_options"] = {"include_usage": True}
    stop = conversation.stop[: profile.stop_max]
    if len(stop) < len(conversation.stop):
        losses.drop("stop")
    if stop:
        body["stop"] = stop
    wanted = (
        ("temperature", conversation.temperature, profile.temperature),
        ("top_p", conversation.top_p, profile.top_p),
        ("top_k", conversation.top_k, profile.top_k),
    )
    for name, value, taken in wanted:
        if value is not None and taken:
            body[name] = value
        elif value is not None:
            losses.drop(name)
    user = conversation.user
    if user and profile.user:
        body["user"] = user if len(user) <= USER_CHARS_MAX else sha256(user.encode("utf-8", "surrogatepass")).hexdigest()
    elif user:
        losses.drop("user")
    if conversation.service_tier and profile.service_tier:
        body["service_tier"] = "default" if conversation.service_tier == "standard" else "auto"
    elif conversation.service_tier:
        losses.drop("service_tier")
    if conversation.cache:
        losses.drop("cache")
    if conversation.cache_key and profile.cache_key:
        body["prompt_cache_key"] = conversation.cache_key
    else:
        losses.drop_said("cache_key", conversation.cache_key)
    if conversation.verbosity and profile.verbosity:
        body["verbosity"] = conversation.verbosity
    else:
        losses.drop_said("verbosity", conversation.verbosity)
