"""Prose: the simulator's words and its own count of tokens.

A token here is a piece: one run of at most twelve characters with the white space before it. The count is exact for what the
simulator writes because it writes piece by piece; for what it reads it is a quarter of the characters, cheap at any size.
Nothing here tries to agree with a real tokenizer: what counts is that the same text always costs the same.
"""

import re
from zlib import crc32

ECHO_READ_MAX = 500  # characters looked at; splitting a prompt of megabytes would cost more than everything else

_PIECE = re.compile(r"\s*\S{1,12}|\s+\Z")

_SENTENCES = (
    "A gateway stands between those who ask and those who answer.",
    " It reads little, forwards much and forgets the rest.",
    " The river does not ask the bridge where the water is going.",
    " Every request has one beginning, one end and one line in the books.",
    " Slow readers are served at the pace of their own hands.",
    " When the far side falls silent, the near side is told the truth.",
    " Small frames travel fast: ein Rahmen, eine Zeile, кадр за кадром, 一つずつ.",
    " What was counted twice was counted wrong.",
    ' Quotes "like these", back\\slashes and tabs\tmust arrive as they were sent.',
    "\n\nA new paragraph changes nothing: bytes are bytes.",
    " Nothing here was thought by a model; it is the same text each time.",
    " The ledger closes, the socket closes, and the lamp goes out.",
)


def pieces(text: str) -> list[str]:
    """The tokens of a text; joined they are the text again."""
    return _PIECE.findall(text)


def weight(text: str) -> int:
    """Tokens charged for a text that came in: a quarter of its characters, at least one when there are any."""
    return (len(text) + 3) // 4


_POOL: list[str] = [piece for sentence in _SENTENCES for piece in pieces(sentence)]
_STARTS: list[int] = [len(pieces("".join(_SENTENCES[:n]))) for n in range(len(_SENTENCES))]


def passage(seed: str, tokens: int) -> list[str]:
    """`tokens` pieces of prose, always the same for one seed."""
    start = _STARTS[crc32(seed.encode("utf-8", "replace")) % len(_STARTS)]
    rounds = (start + tokens) // len(_POOL) + 1
    found = (_POOL * rounds)[start : start + tokens]
    if found:
        found[0] = found[0].lstrip()
    return found


def echo(prompt: str) -> list[str]:
    """The friendly answer to a prompt: says who is speaking and repeats the first words."""
    words = " ".join(prompt[:ECHO_READ_MAX].split())
    said = words if len(words) <= 200 else words[:200].rsplit(" ", 1)[0] + " ..."
    return pieces(f'This is the simulator, not a model. You wrote: "{said}" Set an upstream key to get real answers.')


def deliberation(seed: str, tokens: int) -> list[str]:
    """`tokens` pieces for a thinking block."""
    return passage("thinking " + seed, tokens)
