"""The pure twin of outlines.c: a JSON text with its long strings cut short.

A parser turns every string into an object of its own, and characters beyond ASCII one by one, so most of the time that a large
prompt takes goes into texts that nobody here reads. What is cut away is looked at as closely as a parser would: a text that is
not valid all the way is handed back as it is, for the parser to refuse.
"""

import re

# Whatever stands between strings, then a string with whatever in it.
_PIECE = re.compile(rb'[^"]++|"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_ESCAPE = r'\\(?:["\\/bfnrt]|u(?![dD][89a-fA-F])[0-9a-fA-F]{4}|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})'
_VALID = re.compile(rf'(?:[^\x00-\x1f"\\]++|{_ESCAPE})*')  # possessive, it would go wrong in the Pythons before 3.11.5
_COLON = re.compile(rb"[ \t\n\r]*+:")


def outline(body: bytes, chars_max: int) -> bytes:
    """The text without what follows the first `chars_max` characters of its strings (an escape is one character).

    Keys are kept whole, and so are the strings that are themselves the text or a member of the outermost object. The outline is
    valid JSON exactly if the text is, and has the same values but for the strings that were cut. Returns `body` itself when
    there was nothing to cut, or a string is not valid. Raises TypeError; ValueError for a negative `chars_max`.
    """
    if not isinstance(body, bytes):
        raise TypeError("bytes are expected")
    if not isinstance(chars_max, int):
        raise TypeError("an integer is expected")
    if chars_max < 0:
        raise ValueError("a string cannot keep less than nothing")
    beginning = re.compile(rf"(?:[^\\]|{_ESCAPE}){{{chars_max}}}")
    parts: list[bytes] = []
    depth = position = 0
    while position < len(body):
        piece = _PIECE.match(body, position)
        if piece is None:
            return body
        position = piece.end()
        text = piece[1]
        if text is None:
            between = piece[0]
            depth += between.count(b"{") + between.count(b"[") - between.count(b"}") - between.count(b"]")
            parts.append(between)
            continue
        try:
            plain = text.decode()
        except UnicodeDecodeError:
            return body
        if _VALID.fullmatch(plain) is None:
            return body
        kept = beginning.match(plain) if depth >= 2 and len(text) > chars_max and not _COLON.match(body, position) else None
        parts.append(piece[0] if kept is None else b'"' + kept[0].encode() + b'"')
    written = b"".join(parts)
    return written if len(written) < len(body) else body
