"""The pure twin of the header functions: one pass over the headers of a request or an answer each."""

Pairs = list[tuple[bytes, bytes]]


def sort_headers(pairs: Pairs, kept_back: frozenset[bytes], noted: frozenset[bytes]) -> tuple[bytes, dict[bytes, bytes]]:
    """Splits headers into a block to send on and notes to look at.

    The block holds `name: value` CR LF for every pair whose name is not in `kept_back`, in order. The notes hold the value of
    every name in `noted`; values of a repeated name are joined by `, `. Raises TypeError for anything but pairs of bytes.
    """
    if type(pairs) is not list or type(kept_back) is not frozenset or type(noted) is not frozenset:
        raise TypeError("a list and two frozen sets are expected")
    block = []
    notes: dict[bytes, bytes] = {}
    for pair in pairs:
        if type(pair) is not tuple or len(pair) != 2 or type(pair[0]) is not bytes or type(pair[1]) is not bytes:
            raise TypeError("headers are pairs of bytes")
        name, value = pair
        if name in noted:
            notes[name] = notes[name] + b", " + value if name in notes else value
        if name not in kept_back:
            block.append(b"%b: %b\r\n" % (name, value))
    return b"".join(block), notes


def keep_headers(pairs: Pairs, names: frozenset[bytes], beginnings: tuple[bytes, ...]) -> Pairs:
    """The headers whose name is none of `names` and has none of `beginnings`, in order.

    Raises TypeError for anything but pairs of bytes.
    """
    if type(pairs) is not list or type(names) is not frozenset or type(beginnings) is not tuple:
        raise TypeError("a list, a frozen set and a tuple are expected")
    if any(type(beginning) is not bytes for beginning in beginnings):
        raise TypeError("names begin with bytes")
    for pair in pairs:
        if type(pair) is not tuple or len(pair) != 2 or type(pair[0]) is not bytes or type(pair[1]) is not bytes:
            raise TypeError("headers are pairs of bytes")
    return [pair for pair in pairs if pair[0] not in names and not pair[0].startswith(beginnings)]


def fold_names(pairs: Pairs) -> None:
    """Puts the names of headers in lower case, in the list itself. Raises TypeError for anything but pairs of bytes."""
    if type(pairs) is not list:
        raise TypeError("a list is expected")
    for place, pair in enumerate(pairs):
        if type(pair) is not tuple or len(pair) != 2 or type(pair[0]) is not bytes or type(pair[1]) is not bytes:
            raise TypeError("headers are pairs of bytes")
        pairs[place] = (pair[0].lower(), pair[1])
