"""What upstreams say in the place of an answer, by their dialect: status, headers that count, body.

The texts are our own or facts of the wire; the shapes are what upstreams send, an answer of a proxy before one among them.
"""

from typing import Any, NamedTuple

Body = dict[str, Any]


class Said(NamedTuple):
    """One error. `retry_after_s` is what its header said."""

    status: int
    body: Body
    retry_after_s: int | None = None


def _anthropic(status: int, kind: str, message: str, retry_after_s: int | None = None, **more: Any) -> Said:
    error = {"type": kind, "message": message, **more}
    return Said(status, {"type": "error", "error": error, "request_id": "req_01GoldenError"}, retry_after_s)


def _openai(
    status: int, kind: str, message: str, code: str | None = None, param: str | None = None, retry_after_s: int | None = None
) -> Said:
    return Said(status, {"error": {"message": message, "type": kind, "param": param, "code": code}}, retry_after_s)


UNANSWERED_CALLS = (
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
    "The following tool_call_ids did not have response messages: call_0Golden"
)
TOO_LONG = (
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 140000 tokens. "
    "Please reduce the length of the messages."
)
TOO_MANY_TOKENS = "Rate limit reached for gpt-golden on tokens per min (TPM): Limit 30000, Used 29937. Please try again in 644ms."

ANTHROPIC: dict[str, Said] = {
    "missing_field": _anthropic(400, "invalid_request_error", "max_tokens: Field required"),
    "no_messages": _anthropic(400, "invalid_request_error", "messages: at least one message is required"),
    "no_sampling": _anthropic(400, "invalid_request_error", "temperature: Extra inputs are not permitted"),
    "too_long": _anthropic(400, "invalid_request_error", "prompt is too long: 214032 tokens > 200000 maximum"),
    "unanswered_calls": _anthropic(
        400,
        "invalid_request_error",
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_01Golden. "
        "Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
    ),
    "no_version": _anthropic(400, "invalid_request_error", "anthropic-version: header is required"),
    "no_credit": _anthropic(400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
    "bad_key": _anthropic(401, "authentication_error", "invalid x-api-key"),
    "bad_token": _anthropic(401, "authentication_error", "Invalid bearer token"),
    "billing": _anthropic(402, "billing_error", "There is an issue with your billing (golden)."),
    "forbidden": _anthropic(403, "permission_error", "Your API key does not have permission to use the specified resource."),
    "no_model": _anthropic(404, "not_found_error", "model: claude-golden"),
    "conflict": _anthropic(409, "conflict_error", "Conflict (golden)."),
    "too_large_at_the_edge": Said(413, {"error": {"type": "request_too_large", "message": "Request exceeds the maximum size"}}),
    "too_large": _anthropic(413, "request_too_large", "Request exceeds the maximum size"),
    "too_often": _anthropic(
        429, "rate_limit_error", "This request would exceed the rate limit of 30,000 input tokens per minute.", 17
    ),
    "spent": _anthropic(429, "rate_limit_error", "Spend cap (golden).", details={"error_code": "enforced_spend_limit_reached"}),
    "broken": _anthropic(500, "api_error", "Internal server error"),
    "timeout": _anthropic(504, "timeout_error", "Timeout (golden)."),
    "overloaded": _anthropic(529, "overloaded_error", "Overloaded"),
}

OPENAI: dict[str, Said] = {
    "unsupported_field": _openai(
        400,
        "invalid_request_error",
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "unsupported_parameter",
        "max_tokens",
    ),
    "unanswered_calls": _openai(400, "invalid_request_error", UNANSWERED_CALLS, param="messages"),
    "answer_without_call": _openai(
        400,
        "invalid_request_error",
        "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
        param="messages.[3].role",
    ),
    "too_long": _openai(400, "invalid_request_error", TOO_LONG, "context_length_exceeded", "messages"),
    "bad_key": _openai(401, "invalid_request_error", "Incorrect API key provided: sk-gol****den.", "invalid_api_key"),
    "no_model": _openai(404, "invalid_request_error", "The model `golden` does not exist.", "model_not_found"),
    "no_path": _openai(404, "invalid_request_error", "Invalid URL (POST /v1/golden)"),
    "too_often": _openai(429, "tokens", TOO_MANY_TOKENS, "rate_limit_exceeded", retry_after_s=1),
    "spent": _openai(
        429,
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
    ),
    "broken": _openai(500, "server_error", "The server had an error while processing your request. Sorry about that!"),
    "overloaded": _openai(503, "server_error", "The server is overloaded (golden)."),
}

# Over HTTP both of OpenAI's dialects say the same; these codes stand in failed responses, where clients decide by them.
ERRORS: dict[str, dict[str, Said]] = {
    "anthropic": ANTHROPIC,
    "openai_chat": OPENAI,
    "openai_responses": OPENAI
    | {
        "overloaded": _openai(503, "server_error", "Our servers are overloaded (golden).", "server_is_overloaded"),
        "slow_down": _openai(503, "server_error", "Slow down (golden).", "slow_down"),
        "bad_prompt": _openai(400, "invalid_request_error", "Invalid prompt (golden).", "invalid_prompt"),
    },
}
