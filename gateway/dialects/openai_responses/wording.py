"""What this API says is wrong with a request, beyond what all of OpenAI's dialects say.

They never repeat what the client wrote, except the ids of calls and items, which the client needs to find the spot.
"""

from gateway.core.faults import Fault, FaultKind
from gateway.dialects.openai_chat.wording import ID_SHOWN_CHARS_MAX, invalid, misfit


def text_of(holder: dict[str, object], field: str, path: str) -> str:
    """A string that must be there. Raises Fault."""
    value = holder.get(field)
    if not isinstance(value, str):
        raise misfit(path, holder, field, str)
    return value


def unsupported(path: str, values: tuple[str, ...]) -> Fault:
    """A 400 about a string that is none of these."""
    return invalid(path, f"it must be one of {', '.join(values)}")


def no_output(call_id: str) -> Fault:
    """A 400 about a call that nothing answers."""
    return Fault(FaultKind.INVALID, f"No tool output found for function call {call_id[:ID_SHOWN_CHARS_MAX]}.", param="input")


def no_call(call_id: str, path: str) -> Fault:
    """A 400 about an answer to a call that is not there."""
    text = f"No tool call found for function call output with call_id {call_id[:ID_SHOWN_CHARS_MAX]}."
    return Fault(FaultKind.INVALID, text, param=path)


def not_kept(item_id: str, path: str) -> Fault:
    """A 400 about an item that only a store could have."""
    text = f"Item with id '{item_id[:ID_SHOWN_CHARS_MAX]}' not found. Items are not persisted here: send the item itself."
    return Fault(FaultKind.INVALID, text, param=path)


def no_response() -> Fault:
    """A 400 about a request that continues from a response that only a store could have."""
    text = "Previous response not found: no response is kept here. Send the whole conversation in 'input', with `store` false."
    return Fault(FaultKind.INVALID, text, param="previous_response_id", code="previous_response_not_found")


def no_input() -> Fault:
    """A 400 about a request that says nothing."""
    text = "One of 'input', 'previous_response_id', 'prompt' or 'conversation' must be provided."
    return Fault(FaultKind.INVALID, text, param="input", code="missing_required_parameter")
