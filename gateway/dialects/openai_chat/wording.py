"""OpenAI's way of saying what is wrong with a request.

Owns the sentences, with the `param` and the `code` that go with them: a path with positions in brackets, in quotes. They never
repeat what the client wrote, except the ids of tool calls, which the client needs to find the spot.
"""

from gateway.core.faults import Fault, FaultKind

IDS_SHOWN_MAX = 20
ID_SHOWN_CHARS_MAX = 100

_SAID: dict[type, str] = {dict: "an object", list: "an array", str: "a string", int: "an integer", bool: "a boolean"}


def missing(param: str) -> Fault:
    """A 400 about a field that must be there."""
    text = f"Missing required parameter: '{param}'."
    return Fault(FaultKind.INVALID, text, param=param, code="missing_required_parameter")


def mistyped(param: str, expected: type) -> Fault:
    """A 400 about a field of another type."""
    text = f"Invalid type for '{param}': expected {_SAID[expected]}."
    return Fault(FaultKind.INVALID, text, param=param, code="invalid_type")


def misfit(param: str, holder: dict[str, object], field: str, expected: type) -> Fault:
    """A 400 about a field that must be there and be of one type, and is not."""
    path = f"{param}.{field}" if param else field
    return mistyped(path, expected) if holder.get(field) is not None else missing(path)


def invalid(param: str, why: str) -> Fault:
    """A 400 about a value."""
    return Fault(FaultKind.INVALID, f"Invalid value for '{param}': {why}.", param=param, code="invalid_value")


def no_call(index: int) -> Fault:
    """A 400 about a result for which there was no call."""
    text = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
    return Fault(FaultKind.INVALID, text, param=f"messages.[{index}].role")


def no_results(identifiers: list[str]) -> Fault:
    """A 400 about calls that nothing answers."""
    shown = ", ".join(identifier[:ID_SHOWN_CHARS_MAX] for identifier in identifiers[:IDS_SHOWN_MAX])
    text = (
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        f"The following tool_call_ids did not have response messages: {shown}"
    )
    return Fault(FaultKind.INVALID, text, param="messages")
