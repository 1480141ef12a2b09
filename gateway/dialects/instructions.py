"""Instructions in words, where an upstream has no field for them.

Owns the sentences that translation adds to a conversation: few, in one place, and always at the end of what the client said, so
that what a provider has cached of the beginning stays the same.
"""

import orjson

from gateway.dialects.conversation import Format

# Stands where a turn must be and the client said nothing: the words that Claude's own clients use for it.
NOTHING_SAID = "(no content)"
# Claude takes words between these tags for instructions of whoever runs the application.
_REMINDER = "<system-reminder>\n{}\n</system-reminder>"


def reminder(text: str) -> str:
    """An instruction from the middle of a conversation, as words in a user's turn."""
    return _REMINDER.format(text)


def asking_for(form: Format) -> str:
    """A request for an answer in this form."""
    if form.kind == "json_object":
        return "Answer with one JSON object and nothing else: no words around it and no code fence."
    schema = orjson.dumps(form.schema).decode()
    about = f" It is: {form.description}" if form.description else ""
    return (
        "Answer with one JSON value that follows the JSON Schema below, and nothing else: no words around it and no code fence."
        f"{about}\n{schema}"
    )
