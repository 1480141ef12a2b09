"""Signatures of thoughts: whose they are, on the way through a dialect that is not their provider's.

Owns one convention. In the neutral form a `signature` without a mark is as its provider wrote it. One that stands for something
another dialect wants back (a reasoning item's id and encrypted content) begins with that dialect's name, a colon, and its parts
between colons. Whoever writes a request gives back what is unmarked or carries its own mark, and leaves out the rest: a provider
refuses thoughts that it did not sign.

A mark cannot be mistaken: what providers sign with is base64, which has no colon.
"""

_MARKS = ("anthropic:", "openai_chat:", "openai_responses:")


def mark(dialect: str, *parts: str) -> str:
    """A signature that only this dialect's writer gives back. Only the last part may hold a colon."""
    return ":".join((dialect, *parts))


def owner(signature: str) -> str:
    """The dialect that marked it; empty for one that is as its provider wrote it."""
    return signature.partition(":")[0] if signature.startswith(_MARKS) else ""


def parts(signature: str, count: int) -> list[str]:
    """What was marked: exactly `count` parts, the missing ones empty."""
    found = signature.split(":", count)[1:]
    return found + [""] * (count - len(found))
