"""What a reasoning item carries in `encrypted_content` when its thoughts are another dialect's.

A client of this dialect keeps no thoughts of its own: it gives back the items it got, and the upstream wants its own words back
to the letter. So the item carries them: `sluice1`, a kind, two fields, with dots between.

    sluice1.t.<thoughts, base64url>.<signature, verbatim>      thoughts that may be read
    sluice1.r..<data, verbatim>                                thoughts that only their provider can read

The summary that stands beside it is for the client's eyes and is not looked at again: a client may shorten or drop it.

It is opaque, not secret and not authenticated by us. There is nothing to protect: the same client could hold the same words in
the provider's own dialect, and it is the provider who signed them and checks. A key of ours would tie a conversation to one
gateway. Nothing is compressed, so a hostile one cannot grow.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from gateway.dialects.conversation import RedactedThinking, Thinking

_MARK = "sluice1."


def seal(block: Thinking | RedactedThinking) -> str:
    """The value of `encrypted_content`; empty for thoughts that hold nothing."""
    if isinstance(block, RedactedThinking):
        return f"{_MARK}r..{block.data}"
    if not block.text and not block.signature:
        return ""
    return f"{_MARK}t.{urlsafe_b64encode(block.text.encode()).decode()}.{block.signature}"


def unseal(content: str) -> Thinking | RedactedThinking | None:
    """What was sealed. None for whatever `seal` did not write."""
    if not content.startswith(_MARK):
        return None
    kind, dot, rest = content[len(_MARK) :].partition(".")
    thoughts, second, signed = rest.partition(".")
    if not dot or not second:
        return None
    if kind == "r" and not thoughts:
        return RedactedThinking(signed)
    if kind != "t":
        return None
    try:
        return Thinking(urlsafe_b64decode(thoughts.encode("ascii")).decode(), signed)
    except ValueError:
        return None
