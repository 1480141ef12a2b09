"""What a request in OpenAI's shapes asks: read and checked into the simulator's own prompt.

Refuses what the live API refuses and a translator could get wrong: results without calls, calls without results, images that are
none, ids that are too long, thoughts that were changed on the way.
"""

import re
from typing import Any

from gateway.simulator.prompt import (
    DOCUMENT_TOKENS,
    FRAME_TOKENS,
    IMAGE_TOKENS,
    MESSAGE_TOKENS,
    Prompt,
    Refusal,
    block_tokens,
    tool_wish,
)
from gateway.simulator.prose import weight

MAX_TOKENS_DEFAULT = 4096
ID_CHARS_MAX = 64
SEAL = "simulated-thought-"

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_DATA_URL = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")

Parsed = dict[str, Any]


def chat(parsed: Parsed) -> Prompt:
    """The prompt in a chat body. Raises Refusal."""
    messages = _messages(parsed, "messages")
    tokens, calls, text = FRAME_TOKENS, set[str](), ""
    answered = False
    for place, message in enumerate(messages):
        role, content = message.get("role"), message.get("content")
        if role not in _ROLES:
            raise Refusal(400, f"Invalid value: 'messages[{place}].role'.")
        if role == "tool":
            if message.get("tool_call_id") not in calls:
                raise Refusal(
                    400,
                    "Invalid parameter: messages with role 'tool' must be a response to a preceding message with 'tool_calls'.",
                )
            calls.discard(message["tool_call_id"])
        elif calls:
            raise Refusal(
                400, "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'."
            )
        said, cost = _content(content, f"messages[{place}].content")
        tokens += MESSAGE_TOKENS + cost
        if role in ("user", "tool", "function"):
            text, answered = said, role != "user"
        for call in message.get("tool_calls") or ():
            calls.add(_checked_id(call.get("id"), f"messages[{place}].tool_calls"))
            tokens += block_tokens(call)
    if calls:
        raise Refusal(
            400, "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'."
        )
    tools = [_chat_tool(tool, place) for place, tool in enumerate(parsed.get("tools") or ())]
    choice = parsed.get("tool_choice")
    named = (choice.get("function") or choice.get("custom") or {}).get("name") if isinstance(choice, dict) else None
    form = parsed.get("response_format") or {}
    schema = form.get("json_schema", {}).get("schema") if form.get("type") == "json_schema" else None
    limit = parsed.get("max_completion_tokens", parsed.get("max_tokens"))
    stop = parsed.get("stop")
    effort = parsed.get("reasoning_effort")
    return _prompt(
        parsed,
        limit,
        text,
        tokens + sum(map(block_tokens, tools)),
        tools,
        "tool" if named else choice,
        named,
        answered,
        [stop] if isinstance(stop, str) else stop or [],
        thinks=effort not in (None, "none"),
        shows=True,
        schema=schema if form.get("type") == "json_schema" else {} if form.get("type") == "json_object" else None,
    )


def responses(parsed: Parsed) -> Prompt:
    """The prompt in a Responses body. Raises Refusal."""
    given = parsed.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else _messages(parsed, "input")
    tokens, calls, text, answered = FRAME_TOKENS + weight(parsed.get("instructions") or ""), set[str](), "", False
    for place, item in enumerate(items):
        kind = item.get("type", "message")
        if kind == "message":
            said, cost = _content(item.get("content"), f"input[{place}].content")
            tokens += MESSAGE_TOKENS + cost
            if item.get("role") == "user":
                text, answered = said, False
        elif kind in ("function_call", "custom_tool_call"):
            calls.add(_checked_id(item.get("call_id"), f"input[{place}].call_id"))
            tokens += block_tokens(item)
        elif kind in ("function_call_output", "custom_tool_call_output"):
            if item.get("call_id") not in calls:
                raise Refusal(400, f"No tool call found for function call output with call_id {item.get('call_id')}.")
            calls.discard(item["call_id"])
            text, cost = _content(item.get("output"), f"input[{place}].output")
            tokens, answered = tokens + cost, True
        elif kind == "reasoning":
            sealed = item.get("encrypted_content")
            if sealed is not None and not str(sealed).startswith(SEAL):
                raise Refusal(400, f"The encrypted content for item {item.get('id')} could not be verified.")
            tokens += block_tokens(item)
    if calls:
        raise Refusal(400, f"No tool output found for function call {min(calls)}.")
    tools = [_responses_tool(tool) for tool in parsed.get("tools") or ()]
    choice = parsed.get("tool_choice")
    named = choice.get("name") if isinstance(choice, dict) else None
    form = (parsed.get("text") or {}).get("format") or {}
    schema = form.get("schema") if form.get("type") == "json_schema" else {} if form.get("type") == "json_object" else None
    reasoning = parsed.get("reasoning") or {}
    return _prompt(
        parsed,
        parsed.get("max_output_tokens"),
        text,
        tokens + sum(map(block_tokens, tools)),
        tools,
        "tool" if named else choice,
        named,
        answered,
        [],
        thinks=reasoning.get("effort") not in (None, "none"),
        shows=reasoning.get("summary") is not None,
        schema=schema,
    )


def _prompt(
    parsed: Parsed,
    limit: Any,
    text: str,
    tokens: int,
    tools: list[Parsed],
    choice: Any,
    named: str | None,
    answered: bool,
    stop: list[str],
    *,
    thinks: bool,
    shows: bool,
    schema: Parsed | None,
) -> Prompt:
    if not isinstance(parsed.get("model"), str):
        raise Refusal(400, "you must provide a model parameter")
    by_name = {tool["name"]: tool for tool in tools}
    wanted: Parsed | None = None
    if choice == "tool":
        if named not in by_name:
            raise Refusal(400, "Tool choice: the named tool was not found in 'tools'.")
        wanted = by_name[named]
    elif choice == "required":
        wanted = next(iter(by_name.values()), None)
    elif choice != "none" and not answered:
        wanted = by_name.get(tool_wish(text))
    return Prompt(
        model=parsed["model"],
        stream=parsed.get("stream") is True,
        max_tokens=limit if type(limit) is int else MAX_TOKENS_DEFAULT,
        last_text=text,
        input_tokens=tokens,
        thinks=thinks,
        shows_thinking=shows,
        wanted_tool=wanted,
        stop_sequences=[each for each in stop if isinstance(each, str) and each],
        has_breakpoints=False,
        body={"tools": tools, "messages": []},
        schema=schema,
    )


def _messages(parsed: Parsed, name: str) -> list[Parsed]:
    value = parsed.get(name)
    if value is None:
        raise Refusal(400, f"Missing required parameter: '{name}'.")
    if not isinstance(value, list) or not value or not all(isinstance(each, dict) for each in value):
        raise Refusal(400, f"Invalid type for '{name}'.")
    return value


def _content(content: Any, where: str) -> tuple[str, int]:
    """The text of a message and its tokens."""
    if content is None:
        return "", 0
    if isinstance(content, str):
        return content, weight(content)
    said, tokens = [], 0
    for place, part in enumerate(content):
        kind = part.get("type")
        if kind in ("text", "input_text", "output_text", "refusal"):
            text = part.get("refusal" if kind == "refusal" else "text")
            if not isinstance(text, str):
                raise Refusal(400, f"Missing required parameter: '{where}[{place}].text'.")
            said.append(text)
            tokens += weight(text)
        elif kind in ("image_url", "input_image"):
            image = part.get("image_url")
            url = image.get("url") if isinstance(image, dict) else image
            if not isinstance(url, str) or not (url.startswith("https://") or _DATA_URL.fullmatch(url)):
                raise Refusal(400, f"Invalid '{where}[{place}].image_url'. Expected a valid URL or a base64-encoded data URL.")
            tokens += IMAGE_TOKENS
        elif kind in ("file", "input_file"):
            tokens += DOCUMENT_TOKENS
        else:
            raise Refusal(400, f"Invalid value: '{where}[{place}].type'.")
    return "\n".join(said), tokens


def _checked_id(value: Any, where: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= ID_CHARS_MAX:
        raise Refusal(400, f"Invalid '{where}': string too long. Expected a string with maximum length {ID_CHARS_MAX}.")
    return value


def _chat_tool(tool: Parsed, place: int) -> Parsed:
    inner = tool.get(tool.get("type", ""))
    if not isinstance(inner, dict) or not _NAME.fullmatch(str(inner.get("name"))):
        raise Refusal(400, f"Invalid 'tools[{place}].function.name'.")
    custom = tool["type"] == "custom"
    return {"name": inner["name"], "input_schema": inner.get("parameters") or {}, "custom": custom}


def _responses_tool(tool: Parsed) -> Parsed:
    kind = tool.get("type")
    return {"name": str(tool.get("name", kind)), "input_schema": tool.get("parameters") or {}, "custom": kind == "custom"}
